/**
 * Work that lies in a worktree and nowhere else, and what could make orch let go of it: a rollback, a
 * cache that was restored, a filter that fails, a user who locks a worktree.
 */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pin } from '../../src/engine/accept-pins.ts';
import type { LiveRun } from '../../src/engine/live-run.ts';
import { outcomeOf, runOrch } from '../rig/cli.ts';
import { asRunOutcome } from '../rig/runs.ts';
import {
  expectAllFreed,
  type IsolatedRun,
  type IsolatedStage,
  makeIsolated,
} from './isolated-stage.ts';

const BOTH_WRITE = `
concurrency: 2
conflicts: { policy: ask }
steps:
  first: { wave: 1, run: 'echo first > text.txt' }
  second:
    wave: 1
    run: |
      n=0; until git cat-file -e "refs/orch/merged/$ORCH_RUN:other.txt" 2>/dev/null || test $n -gt 400; do n=$((n+1)); sleep 0.05; done
      echo second > text.txt
  other: { wave: 1, needs: [first], run: 'echo other > other.txt' }
`;

/** A run that waits for a person, who has begun to settle the conflict. */
async function makeHalfSettled(
  stage: IsolatedStage,
): Promise<{ waiting: IsolatedRun; root: string }> {
  const waiting = await stage.run(BOTH_WRITE);
  expect(waiting.code).toBe(75);
  const [{ message = '' } = {}] = waiting.of('resolve.started', 'second');
  const root = /settle it in (.*), then approve/.exec(message)?.[1] ?? '';
  writeFileSync(join(root, 'text.txt'), 'half an hour of work\n');
  return { waiting, root };
}

test('a rollback beside a half settled conflict: what was done about it is pinned', async () => {
  const stage = makeIsolated({ 'text.txt': 'base\n' });
  const { waiting } = await makeHalfSettled(stage);
  expect((await stage.orch('rollback', waiting.run, '--to', '0')).code).toBe(0);
  // Everything is done again; the same conflict waits again.
  expect((await stage.orch('resume', waiting.run)).code).toBe(75);
  const pins = stage.repository.git(
    'for-each-ref',
    '--format=%(refname)',
    `refs/orch/attempts/${waiting.run}`,
  );
  const held = pins
    .split('\n')
    .filter((ref) => waiting.fileAt(ref, 'text.txt') === 'half an hour of work');
  expect(held).toHaveLength(1);
  const { stdout } = await stage.orch('salvage', waiting.run);
  expect(stdout).toContain('second');
});

test('worktrees that were restored from a copy are still those of their run', async () => {
  const stage = makeIsolated({ 'text.txt': 'base\n' });
  const { waiting, root } = await makeHalfSettled(stage);
  // As a cache of a CI service does it: the same names and contents, other inodes and times.
  cpSync(root, `${root}-copy`, { recursive: true, verbatimSymlinks: true });
  rmSync(root, { recursive: true });
  renameSync(`${root}-copy`, root);
  expect((await stage.orch('approve', waiting.run, 'second')).code).toBe(0);
  const run = stage.asRun(asRunOutcome(await stage.orch('resume', waiting.run, '--json')));
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  expect([run.file('text.txt'), run.file('other.txt')]).toEqual(['half an hour of work', 'other']);
  expectAllFreed(stage);
});

test('another folder in the place of a worktree is not taken for what a person has settled', async () => {
  const stage = makeIsolated({ 'text.txt': 'base\n' });
  const { waiting, root } = await makeHalfSettled(stage);
  rmSync(join(root, '.git'));
  const approved = await stage.orch('approve', waiting.run, 'second', '--json');
  expect(JSON.parse(approved.stdout).error.code).toBe('ORCH_WORKTREE_GONE');
  expect(readFileSync(join(root, 'text.txt'), 'utf8')).toBe('half an hour of work\n');
});

test('a clean filter that fails deletes nothing', async () => {
  const stage = makeIsolated({
    '.gitignore': 'ignored.txt\n',
    '.gitattributes': '*.big filter=big\n',
    'kept.txt': 'kept\n',
  });
  const { repository } = stage;
  repository.write('ignored.txt', 'tracked although it is ignored\n');
  repository.git('add', '-f', 'ignored.txt');
  repository.git('commit', '-qm', 'second');
  repository.git('config', 'filter.big.required', 'true');
  repository.git('config', 'filter.big.smudge', 'cat');
  repository.write('../broken', '');
  repository.git(
    'config',
    'filter.big.clean',
    `test ! -e '${join(repository.folder, 'broken').replaceAll("'", "'\\''")}' && cat`,
  );
  const failed = await outcomeOf(
    stage.start(`steps:\n  a: { run: 'echo new > new.big; git switch -q -c mine' }\n`),
  );
  expect(failed.code).toBe(1);
  expect(failed.stdout).toContain('external filter');
  rmSync(join(repository.folder, 'broken'));
  const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  expect(run.file('new.big')).toBe('new');
  expect(run.file('kept.txt')).toBe('kept');
  expect(run.file('ignored.txt')).toBe('tracked although it is ignored');
  expectAllFreed(stage);
});

test('a worktree that the user has locked is nobody’s to work in', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const { repository } = stage;
  const workflow = 'steps:\n  a: { run: "pwd > where.txt" }\n';
  const first = (await stage.run(workflow)).file('where.txt') ?? '';
  repository.git('worktree', 'lock', first);
  writeFileSync(join(first, 'notes.txt'), 'mine\n');
  const second = (await stage.run(workflow)).file('where.txt') ?? '';
  expect(second).not.toBe(first);
  expect(readFileSync(join(first, 'notes.txt'), 'utf8')).toBe('mine\n');
  repository.git('worktree', 'unlock', first);
  expect((await stage.orch('gc')).code).toBe(0);
});

test('killed right after a file was put aside that is too large, it has produced it all the same', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n', 'orch.txt': '' });
  const workflow = `
checkpoint: { max_file_size: 1KB }
steps:
  a: { produces: [model.bin], run: 'head -c 5000 /dev/zero > model.bin' }
`;
  stage.repository.write('../w.yaml', `name: w\nworkspace: isolated\n${workflow}`);
  const options = {
    cwd: stage.repository.top,
    env: { ...stage.env, ORCH_CRASH: 'file move:after#1' },
  };
  const killed = await runOrch(['run', '../w.yaml', '--json'], options);
  expect(killed.signal).toBe('SIGKILL');
  const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  const [end] = run.ends('a');
  expect(end).toMatchObject({
    status: 'passed',
    left_out: [{ path: 'model.bin', reason: 'too_large' }],
  });
  expect(existsSync(join(run.folder('a', 1), 'left-out', 'model.bin'))).toBe(true);
});

test('a result of which a part is in no commit is not kept in the cache', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const workflow = `
checkpoint: { max_file_size: 1KB }
steps:
  a: { cache: true, reads: [a.txt], produces: [model.bin], run: 'head -c 5000 /dev/zero > model.bin' }
`;
  for (let round = 0; round < 2; round++) {
    const [end] = (await stage.run(workflow)).ends('a');
    expect(end?.cache).toMatchObject({ hit: false });
    expect(end?.cache?.reason).toContain('model.bin is in no commit');
  }
});

test('a fork brings nothing into a commit that is ignored when it begins', async () => {
  const stage = makeIsolated({ '.gitignore': '.env\n', 'a.txt': 'a\n' });
  stage.repository.write('.env', 'NAME=value\n');
  stage.repository.write('.orch/config.yaml', 'worktree: { include: [.env] }\n');
  const first = await stage.run('steps:\n  a: { run: "echo b > b.txt" }\n');
  expect(first.code).toBe(0);
  const fork = await stage.run(
    'steps:\n  a: { run: "test -f .env; echo > .gitignore; echo c > c.txt" }\n',
    '--from',
    `${first.run}@1`,
  );
  expect(`${fork.code} ${fork.stderr}`).toMatch(/^0 /);
  expect(fork.file('c.txt')).toBe('c');
  expect(fork.file('.env')).toBeUndefined();
  expect(fork.ends('a')[0]?.left_out).toEqual([{ path: '.env', reason: 'newly_unignored' }]);
});

test('a result from the cache is refused like any other where it holds a secret', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  // Put together here, so that no scanner finds it in this file.
  const secret = `ghp_${'a1B2c3D4e5F6g7H8i9J0'}${'k1L2m3N4o5P6q7R8'}`;
  stage.repository.write('../token', `${secret}\n`);
  const workflow = (policy: string) => `
secrets: ${policy}
steps:
  a: { cache: true, reads: [a.txt], produces: [new.env], run: 'cat "$NOTES/token" > new.env' }
`;
  const first = await stage.run(workflow('warn'));
  expect(first.ends('a')[0]).toMatchObject({ status: 'passed', cache: { hit: false } });
  const second = await stage.run(workflow('refuse'));
  expect(second.ends('a')[0]).toMatchObject({
    status: 'failed',
    cache: { hit: true },
    failure: { kind: 'secret' },
  });
  expect(second.code).toBe(1);
  expectAllFreed(stage);
});

test('what accept has pinned is proved before a file is written over', async () => {
  const made: string[] = [];
  const moved: unknown[] = [];
  const git = {
    commit: async ({ message }: { message: string }) => made.push(message) && `oid-${made.length}`,
    updateRefs: async (updates: readonly unknown[]) => void moved.push(...updates),
    isComplete: async (oid: string, known: readonly string[]) => {
      expect([oid, known]).toEqual(['oid-2', ['head']]);
      return false;
    },
  };
  const run = { parts: { git }, state: { run: 'r' } } as unknown as LiveRun;
  const trees = { head: 'head', indexTree: 'index', workTree: 'work' };
  await expect(pin(run, 'refs/orch/rescue/r/1', trees)).rejects.toMatchObject({
    code: 'ORCH_SNAPSHOT_INCOMPLETE',
  });
  expect(moved).toEqual([
    { ref: 'refs/orch/rescue/r/1', to: 'oid-2' },
    { ref: 'refs/orch/rescue/r/1', to: null, from: 'oid-2' },
  ]);
});
