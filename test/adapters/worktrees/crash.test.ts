/** Killed at every point of a worktree's life; then the whole life once more, as if nothing had been. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleProgram } from '../../rig/child-program.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { dirtOf, filesOf, makeStage, RUN, textOf } from './stage.ts';

test('a pool works on after a crash at any point', { timeout: 600_000 }, async () => {
  using stage = await makeStage();
  const { repository, first } = stage;
  repository.write('top.txt', 'second\n');
  repository.write('.env', 'mine');
  const second = repository.commitAll('second');
  const program = bundleProgram(
    join(import.meta.dirname, 'pool-program.ts'),
    makeTemporaryFolder(),
  );
  const live = (env: Record<string, string>) =>
    spawnSync(process.execPath, [program, 'live', repository.top, stage.root, RUN, first, second], {
      env: { ...process.env, ...env },
    });
  const nothingLeft = () => {
    const left = readdirSync(repository.path('.git/orch/pool'));
    expect(left.filter((name) => name !== 'making' && !name.endsWith('.tmp'))).toEqual([]);
    expect(repository.git('worktree', 'list').split('\n')).toHaveLength(1);
  };
  const record = join(makeTemporaryFolder(), 'hits');
  expect(live({ ORCH_CRASH_RECORD: record }).stderr.toString()).toBe('');
  nothingLeft();
  const hits = readFileSync(record, 'utf8').trim().split('\n');
  for (const effect of [
    'claim',
    'add',
    'checkout',
    'state',
    'delete',
    'brought',
    'release',
    'remove',
  ]) {
    expect(hits).toContain(`worktree ${effect}:before`);
    expect(hits).toContain(`worktree ${effect}:after`);
  }
  // Between two effects on single files there is little that the pool itself could do wrong.
  const isLong = process.env['ORCH_LONG_TESTS'] !== undefined;
  const points = hits.filter((hit) => isLong || hit.startsWith('worktree '));
  const counts = new Map<string, number>();
  for (const hit of points) {
    counts.set(hit, (counts.get(hit) ?? 0) + 1);
    // Folders are made once; without them it is all as in the beginning.
    repository.remove('.git/orch');
    rmSync(stage.root, { recursive: true });
    expect(live({ ORCH_CRASH: `${hit}#${counts.get(hit)}` }).signal, hit).toBe('SIGKILL');
    if (hit.startsWith('worktree ')) {
      // First another run beside what was left, then the same one again.
      const pool = await stage.open();
      const claim = pool.claim('another');
      const files = filesOf(await pool.prepare(claim, second), stage);
      expect(dirtOf(files), hit).toBe('');
      expect(textOf(files, 'top.txt')).toBe('second\n');
      pool.release(claim);
      if (claim.number !== 1) expect(await pool.remove(claim.number)).toBe(true);
    }
    const again = live({});
    expect(again.stderr.toString(), hit).toBe('');
    nothingLeft();
  }
});
