/** Who has which worktree: one run at a time, seen by every process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundleProgram } from '../../rig/child-program.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { makeStage, RUN } from './stage.ts';

describe('a claim', () => {
  test('gives numbers from 1, each to one, and says where the worktree will be', async () => {
    using stage = await makeStage();
    const [one, other] = [await stage.open(), await stage.open()];
    const claims = [one.claim('a'), other.claim('b'), one.claim('a')];
    expect(claims.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(claims[0]?.root).toMatch(/\/cache\/work-tree-[0-9a-f]{8}\/1$/);
    expect(one.list().map(({ run, exists, commit }) => [run, exists, commit])).toEqual([
      ['a', false, null],
      ['b', false, null],
      ['a', false, null],
    ]);
  });

  test('is known to its run in another process, and to no other run', async () => {
    using stage = await makeStage();
    const claim = (await stage.open()).claim(RUN);
    const later = await stage.open();
    expect(later.claimed(RUN, claim.number)).toEqual(claim);
    expect(later.claimed('another', claim.number)).toBeUndefined();
    expect(later.claimed(RUN, 2)).toBeUndefined();
  });

  test('prefers the worktree that was used last, also one whose folder is there', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const [one, two, three] = [pool.claim(RUN), pool.claim(RUN), pool.claim(RUN)];
    for (const claim of [one, two, three]) await pool.prepare(claim, stage.first);
    for (const claim of [three, one, two]) {
      pool.release(claim);
      await new Promise((resolve) => setTimeout(resolve, 5)); // The order is told by the time.
    }
    rmSync(two.root, { recursive: true });
    expect([pool.claim(RUN), pool.claim(RUN), pool.claim(RUN)]).toEqual([one, three, two]);
  });

  test('can be given back twice, and all but some at once', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const [one, two] = [pool.claim(RUN), pool.claim(RUN)];
    const foreign = pool.claim('another');
    pool.releaseOthers(RUN, [two.number]);
    pool.release(one);
    expect(pool.claimed(RUN, one.number)).toBeUndefined();
    expect(pool.claimed(RUN, two.number)).toEqual(two);
    expect(pool.claimed('another', foreign.number)).toEqual(foreign);
  });

  test('is needed to prepare', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    pool.release(claim);
    expect(() => pool.prepare(claim, stage.first)).toThrow(/without a claim/);
  });

  test('what the last one left is not opened for one whose worktree was never prepared', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const first = pool.claim(RUN);
    await pool.prepare(first, stage.first);
    expect(await pool.open(first)).toBeDefined();
    pool.release(first);
    const releasedAtMs = Date.now();
    while (Date.now() <= releasedAtMs); // Claims are told apart by the millisecond.
    const second = pool.claim('run-2');
    expect(second.number).toBe(first.number);
    expect(await pool.open(second)).toBeUndefined();
    await pool.prepare(second, stage.first);
    expect(await pool.open(second)).toBeDefined();
  });

  test('two processes that claim at the same time never get the same number', async () => {
    using stage = await makeStage();
    const program = bundleProgram(
      join(import.meta.dirname, 'pool-program.ts'),
      makeTemporaryFolder(),
    );
    const claimMany = async (run: string) => {
      const child = spawn(process.execPath, [
        program,
        'claim',
        stage.repository.top,
        stage.root,
        run,
      ]);
      const parts: Buffer[] = [];
      child.stdout.on('data', (part: Buffer) => parts.push(part));
      await once(child, 'close');
      return Buffer.concat(parts).toString().trim().split('\n').map(Number);
    };
    const numbers = (await Promise.all(['a', 'b', 'c'].map(claimMany))).flat();
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });
});

describe('where the pool is', () => {
  test('work trees of one repository share it', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    const pool = await stage.open();
    repository.git('worktree', 'add', '-q', '../second');
    const second = await stage.open({}, join(repository.folder, 'second'));
    expect(pool.claim(RUN).number).toBe(1);
    expect(second.claim(RUN).number).toBe(2);
    expect(second.claim(RUN).root.replace(/3$/, '')).toBe(pool.claim(RUN).root.replace(/4$/, ''));
  });

  test('below another root than before, numbers go on and old worktrees can only be removed', async () => {
    using stage = await makeStage();
    const before = await stage.open();
    const old = before.claim(RUN);
    await before.prepare(old, stage.first);
    before.release(old);
    const after = await stage.open({ root: join(stage.repository.folder, 'elsewhere') });
    expect(after.claim(RUN).number).toBe(2);
    expect(await after.remove(old.number)).toBe(true);
    expect(stage.repository.git('worktree', 'list').split('\n')).toHaveLength(1);
  });

  test('through a link, the real place is named', async () => {
    using stage = await makeStage();
    mkdirSync(join(stage.repository.folder, 'real'));
    symlinkSync('real', join(stage.repository.folder, 'link'));
    const pool = await stage.open({ root: join(stage.repository.folder, 'link', 'deeper') });
    expect(pool.claim(RUN).root).toContain(join(stage.repository.folder, 'real', 'deeper'));
  });
});

describe('ports', () => {
  test.for([1, 10, 100, 400])(
    '%i of them each: a hundred worktrees never share one',
    async (ports) => {
      using stage = await makeStage();
      const pool = await stage.open({ ports });
      const first = new Set<number>();
      const { firstPort, poolPlace } = await import(
        '../../../src/adapters/worktrees/pool-place.ts'
      );
      const repository = {
        worktree: stage.repository.top,
        gitDir: stage.repository.path('.git'),
        commonDir: stage.repository.path('.git'),
      };
      const place = poolPlace(repository, stage.root);
      for (let number = 1; number <= 100; number++) first.add(firstPort(place, number, ports));
      const sorted = [...first].sort((a, b) => a - b);
      expect(sorted).toHaveLength(100);
      expect(sorted[0]).toBeGreaterThanOrEqual(20_000);
      expect((sorted.at(-1) ?? 0) + ports).toBeLessThanOrEqual(60_000);
      for (const [at, port] of sorted.entries()) {
        expect(port - (sorted[at - 1] ?? 0)).toBeGreaterThanOrEqual(ports);
      }
      const claim = pool.claim(RUN);
      expect((await pool.prepare(claim, stage.first)).port).toBe(firstPort(place, 1, ports));
    },
  );
});

describe('records', () => {
  test('of a newer orch stop this one', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    pool.claim(RUN);
    writeFileSync(stage.repository.path('.git/orch/pool/1.claim'), '{"v":2}\n');
    expect(() => pool.list()).toThrow(/newer orch/);
  });

  test('that nobody has written are named', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    pool.claim(RUN);
    writeFileSync(stage.repository.path('.git/orch/pool/1.claim'), 'nonsense');
    expect(() => pool.claim(RUN)).not.toThrow(); // It is somebody's, and that is enough.
    expect(() => pool.list()).toThrow(/1\.claim is nothing that orch has written/);
  });
});

test('the embedded git has no worktrees, and says so', async () => {
  using stage = await makeStage();
  const { openEmbeddedGit } = await import('../../../src/adapters/git/embedded/embedded-git.ts');
  const { createPorts } = await import('../../../src/adapters/create-ports.ts');
  const git = await openEmbeddedGit(stage.repository.top);
  expect(() =>
    createPorts().openWorktreePool(git, { root: stage.root, include: [], ports: 0 }),
  ).toThrow(/ORCH_NEEDS_GIT/);
});
