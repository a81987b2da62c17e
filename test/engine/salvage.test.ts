/**
 * `orch salvage` on real runs: what it lists and what it leaves out, with a journal and without one, and
 * that applying loses nothing, wherever it is killed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { applySalvage } from '../../src/engine/apply-salvage.ts';
import { listSalvage, pickItem } from '../../src/engine/salvage.ts';
import { placesOf } from './history-stage.ts';
import { type IsolatedHistory, makeIsolated } from './salvage-stage.ts';

interface Item {
  readonly name: string;
  readonly step: string | null;
  readonly attempt: number | null;
  readonly why: { readonly kind: string; readonly message: string };
  readonly ref: string | null;
  readonly commit: string | null;
  readonly base: string | null;
  readonly files: readonly { readonly path: string; readonly status: string }[];
  readonly left_out: { readonly folder: string; readonly paths: readonly string[] } | null;
}

async function itemsOf(history: IsolatedHistory, ...args: string[]): Promise<readonly Item[]> {
  return (await history.json(['salvage', ...args]))['items'] as Item[];
}

const FAILS = `
name: w
workspace: isolated
waves: { max: 10, min_steps: 1 }
steps:
  good: { wave: 1, run: 'echo good > good.txt' }
  bad:
    wave: 2
    needs: [good]
    retry: { max_attempts: 2, backoff: 1ms }
    run: 'echo "bad $ORCH_ATTEMPT" > bad.txt; sed -i "s/nine/bad/" shared.txt; rm gone.txt; exit 1'
`;

describe('the list', () => {
  test('names what failed and not what was merged, with why and what it changed', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { run, repository } = history;
    const items = await itemsOf(history, run);
    expect(items.map(({ name }) => name)).toEqual(['bad@1', 'bad@2']);
    for (const { ref, commit, base, why, files } of items) {
      expect(repository.git('rev-parse', ref ?? '')).toBe(commit);
      expect(repository.git('rev-parse', `${commit}^1`)).toBe(base);
      expect(why).toEqual({ kind: 'exit', message: expect.stringContaining('1') });
      expect(files).toEqual([
        { path: 'bad.txt', status: 'added' },
        { path: 'gone.txt', status: 'deleted' },
        { path: 'shared.txt', status: 'modified' },
      ]);
    }
    expect(await itemsOf(history)).toEqual(items);
    expect((await history.orch(['show', run])).stdout).toContain(
      `pinned and in no result: orch salvage ${run}`,
    );
    const { stdout } = await history.orch(['salvage']);
    expect(stdout).toContain('bad@2  exit:');
    expect(stdout).toContain('3 files changed: bad.txt, gone.txt, shared.txt');
    expect(stdout).toContain(`next: orch salvage ${run} bad@1 --diff`);
  });

  test('is empty for a run of which everything is in the result', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
steps:
  a: { run: 'echo a > a.txt' }
  b: { run: 'sed -i "s/nine/b/" shared.txt; git add -A; git commit -qm own' }
  c: { run: 'sed -i "s/one/c/" shared.txt' }
`,
    });
    expect(await itemsOf(history)).toEqual([]);
    expect((await history.orch(['salvage'])).stdout).toMatch(/nothing is left over/);
    // Nor from the refs alone.
    rmSync(history.repository.path(`.git/orch/runs/${history.run}`), { recursive: true });
    expect(await itemsOf(history)).toEqual([]);
  });

  test('names a clash with its files', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
concurrency: 1
steps:
  a: { run: 'echo a > same.txt' }
  b: { run: 'echo b > same.txt' }
`,
      twoAtOnce: true,
    });
    const items = await itemsOf(history);
    // The run failed with the clash, so no checkpoint has what was merged before it.
    expect(items.map(({ why }) => why.kind).sort()).toEqual(['conflict', 'not_checkpointed']);
    const clash = items.find(({ why }) => why.kind === 'conflict');
    expect(clash?.why.message).toContain('same.txt');
  });

  test('names the side of a conflict that a policy dropped', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
conflicts: { policy: ours }
steps:
  a: { run: 'echo a > same.txt' }
  b: { run: 'echo b > same.txt; echo more > more.txt' }
`,
      twoAtOnce: true,
    });
    const items = await itemsOf(history);
    expect(items).toHaveLength(1);
    expect(items[0]?.why.message).toMatch(/merged without its side of the conflict in same.txt/);
  });

  test('names what a rollback took back, and the files that no commit could hold', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
waves: { max: 10, min_steps: 1 }
checkpoint: { max_file_size: 1KB }
steps:
  one: { wave: 1, run: 'echo one > one.txt; head -c 3000 /dev/zero > big.bin' }
  two: { wave: 2, needs: [one], run: 'echo two > two.txt' }
`,
    });
    const { run, repository } = history;
    const before = await itemsOf(history);
    expect(before.map(({ name, why }) => [name, why.kind])).toEqual([['one@1', 'left_out']]);
    const [big] = before;
    expect(big?.left_out?.paths).toEqual(['big.bin']);
    expect(existsSync(join(big?.left_out?.folder ?? '', 'big.bin'))).toBe(true);
    await history.json(['rollback', run, '--to', '1']);
    const after = await itemsOf(history, run);
    // The branch still has the checkpoint of wave 2, so the rescue holds nothing of its own.
    expect(after.map(({ name }) => name)).toEqual(['two@1', 'one@1']);
    expect(after[0]?.why.message).toMatch(/taken back by a rollback to wave 1/);
    expect(after[0]?.files).toEqual([{ path: 'two.txt', status: 'added' }]);
    // The refs alone tell of what no checkpoint has.
    writeFileSync(repository.path(`.git/orch/runs/${run}/events/0.jsonl`), 'damaged\n');
    const { items, silent } = await history.json(['salvage', run]);
    expect((items as Item[]).map(({ name }) => name)).toEqual(['one@1']);
    expect(silent).toEqual([{ run, why: expect.stringContaining('damaged') }]);
  });

  test('names what a gate has taken back', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
waves: { max: 10, min_steps: 1 }
steps:
  one: { wave: 1, run: 'echo one > one.txt' }
  two: { wave: 2, needs: [one], run: 'echo two > two.txt' }
gates:
  - { name: never, level: light, run: 'sleep 1; false' }
`,
    });
    const items = await itemsOf(history);
    const kinds = items.map(({ name, why }) => `${name} ${why.kind}`);
    expect(kinds).toContain('one@1 not_checkpointed');
    for (const kind of kinds.slice(1)) expect(kind).toBe('two@1 taken_back');
  });

  test('tells of in-place runs too', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
steps:
  bad: { run: 'echo bad > bad.txt; exit 1' }
`,
    });
    const names = (await itemsOf(history)).map(({ name }) => name);
    expect(names[0]).toBe('bad@1');
  });

  test('a wrong name is refused with what to type', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { run } = history;
    expect((await history.orch(['salvage', 'other'])).code).toBe(2);
    const { error } = (await history.json(['salvage', run, 'good', '--diff'], 2)) as {
      error: { fix: string };
    };
    expect(error.fix).toBe(`orch salvage ${run}`);
    expect((await history.orch(['salvage', run, '--apply'])).code).toBe(2);
  });
});

describe('what is left over', () => {
  test('is shown as a diff against what it was made from', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { stdout } = await history.orch(['salvage', history.run, 'bad@1', '--diff']);
    expect(stdout).toContain('+bad 1');
    expect(stdout).toContain('-nine\n+bad\n');
    const newest = await history.orch(['salvage', history.run, 'bad', '--diff']);
    expect(newest.stdout).toContain('+bad 2');
    expect(newest.stdout).not.toContain('good.txt');
  });

  test('is applied to the work tree, which is pinned first; index and HEAD stay', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { repository, run } = history;
    repository.write(
      'shared.txt',
      readFileSync(repository.path('shared.txt'), 'utf8').replace('one', 'ONE'),
    );
    repository.write('mine.txt', 'mine\n');
    const index = readFileSync(repository.path('.git/index')).toString('base64');
    const head = repository.git('rev-parse', 'HEAD');
    const applied = await history.json(['salvage', run, 'bad', '--apply']);
    expect(applied).toMatchObject({ rescue: `refs/orch/rescue/${run}/1`, finished: false });
    expect(readFileSync(repository.path('bad.txt'), 'utf8')).toBe('bad 2\n');
    expect(existsSync(repository.path('gone.txt'))).toBe(false);
    const shared = readFileSync(repository.path('shared.txt'), 'utf8');
    expect(shared).toContain('ONE\n');
    expect(shared).toContain('\nbad\n');
    expect(readFileSync(repository.path('mine.txt'), 'utf8')).toBe('mine\n');
    expect(readFileSync(repository.path('.git/index')).toString('base64')).toBe(index);
    expect(repository.git('rev-parse', 'HEAD')).toBe(head);
    const rescue = String(applied['rescue']);
    expect(repository.git('show', `${rescue}:mine.txt`)).toBe('mine');
    expect(repository.git('show', `${rescue}:shared.txt`)).toContain('ONE');
    expect(await history.json(['salvage', run, 'bad', '--apply'])).toMatchObject({
      rescue: null,
      files: [],
    });
    // What was there before is a leftover now, and can be brought back the same way.
    const items = await itemsOf(history, run);
    expect(items.map(({ name }) => name)).toEqual(['bad@1', 'bad@2', rescue]);
  });

  test('stops at a conflict before anything changes', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { repository, run } = history;
    repository.write(
      'shared.txt',
      readFileSync(repository.path('shared.txt'), 'utf8').replace('nine', 'NINE'),
    );
    const before = repository.git('status', '--porcelain');
    const refs = repository.git('for-each-ref');
    const { error } = (await history.json(['salvage', run, 'bad', '--apply'], 4)) as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe('ORCH_MERGE_CONFLICT');
    expect(error.message).toContain('shared.txt; nothing was changed');
    expect(repository.git('status', '--porcelain')).toBe(before);
    expect(repository.git('for-each-ref')).toBe(refs);
  });

  test('is never written over a file that no commit holds', async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { repository, run } = history;
    repository.write('.git/info/exclude', 'bad.txt\n');
    repository.write('bad.txt', 'precious\n');
    const { error } = (await history.json(['salvage', run, 'bad', '--apply'], 4)) as {
      error: { code: string };
    };
    expect(error.code).toBe('ORCH_IN_THE_WAY');
    expect(readFileSync(repository.path('bad.txt'), 'utf8')).toBe('precious\n');
    expect(existsSync(repository.path('gone.txt'))).toBe(true);
  });

  test('killed anywhere while it is applied, the next try finishes it', {
    timeout: 600_000,
  }, async () => {
    using history = await makeIsolated({ workflow: FAILS });
    const { repository, run } = history;
    repository.write(
      'shared.txt',
      readFileSync(repository.path('shared.txt'), 'utf8').replace('one', 'ONE'),
    );
    history.save();
    const args = ['salvage', run, 'bad', '--apply'];
    const places = await placesOf(history, args);
    const expected = listFiles(history);
    expect(places.length).toBeGreaterThan(5);
    for (const place of places) {
      history.restore();
      const crashed = await history.orch(args, { ORCH_CRASH: place });
      expect(crashed.signal, place).toBe('SIGKILL');
      const ports = createPorts();
      const git = await ports.openGit(repository.top);
      const items = (await listSalvage(ports, git, run)).items;
      const { name, pin } = pickItem(items, run, 'bad');
      const about = { run, name, ...pin, maxFileSizeBytes: 1 << 20 };
      await applySalvage(ports, git, about);
      expect(listFiles(history), place).toEqual(expected);
      const held = repository.git('show', `refs/orch/rescue/${run}/1:shared.txt`);
      expect(held, place).toContain('ONE\ntwo');
      expect(repository.git('for-each-ref', 'refs/orch/rescue').split('\n'), place).toHaveLength(1);
    }
  });
});

function listFiles({ repository }: IsolatedHistory): Record<string, string> {
  const names = ['bad.txt', 'gone.txt', 'shared.txt', 'good.txt'];
  return Object.fromEntries(
    names.map((name) => {
      const path = repository.path(name);
      return [name, existsSync(path) ? readFileSync(path, 'utf8') : 'none'];
    }),
  );
}
