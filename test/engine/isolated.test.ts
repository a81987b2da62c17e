/**
 * Isolated runs end to end: the user's checkout stays as it is, steps see what their needs merged, and
 * whatever an attempt left is held by a ref. Merges, gates and unusual repositories have tests of their
 * own beside this one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { outcomeOf, runOrch } from '../rig/cli.ts';
import { assertNoProcess } from '../rig/processes.ts';
import type { TestRepository } from '../rig/repository.ts';
import { asRunOutcome, runToEnd, untilRun } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import { CHANGE_ALL, makeFullCheckout, statusOf } from './full-checkout.ts';
import { userState, workTreeListing } from './history-stage.ts';
import { expectAllFreed, makeIsolated, untilMerged } from './isolated-stage.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

/** Every file of the checkout, ignored ones too, with mode, size, time and inode. */
function everyFile(repository: TestRepository): string {
  const args = ['.', '-path', './.git', '-prune', '-o', '-printf', '%p %m %s %T@ %i\\n'];
  const { stdout } = spawnSync('find', args, { cwd: repository.top, encoding: 'utf8' });
  return stdout.split('\n').sort().join('\n');
}

describe('the checkout of an isolated run', () => {
  test('stays as it is, to the inode, and the result is that of the same run in place', async () => {
    using inPlace = makeFullCheckout();
    await runToEnd(inPlace, 'run', 'change');
    const expected = workTreeListing(inPlace);

    const repository = makeFullCheckout('isolated');
    const stage = makeIsolated({}, repository);
    const workflow = repository.path('.orch/workflows/change.yaml');
    // Ignored files are not in a worktree.
    const text = readFileSync(workflow, 'utf8').replace(
      'echo more >> ignored',
      'mkdir ignored; $&',
    );
    repository.write('.orch/workflows/change.yaml', text);
    const before = [everyFile(repository), userState(repository), statusOf(repository)];
    const { code, stdout, stderr } = await stage.orch('run', 'change', '--json');
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect([everyFile(repository), userState(repository), statusOf(repository)]).toEqual(before);
    const run = stage.asRun(asRunOutcome({ code, stdout, stderr, signal: null }));
    const withoutOrch = (tree: string) => tree.replaceAll(/^.*\t\.orch\/.*\n?/gm, '');
    expect(withoutOrch(run.tree)).toBe(withoutOrch(expected));
    expect(CHANGE_ALL).not.toBe('');
    expect(repository.git('fsck', '--strict', '--no-dangling')).toBe('');
    expectAllFreed(stage);
  });
});

describe('an isolated step', () => {
  test('finds what its needs merged, and nothing of steps beside it', async () => {
    const stage = makeIsolated({ 'old.txt': 'old\n' });
    const run = await stage.run(`
concurrency: 3
steps:
  a: { run: 'echo a > a.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  b: { run: 'test ! -e a.txt; echo b > b.txt; git mv old.txt new.txt' }
  c: { needs: [a], env: { ID: "\${{ steps.a.outputs.id }}" }, run: 'cat a.txt; echo "c $ID" > c.txt' }
  d: { needs: [b, c], run: 'cat a.txt b.txt c.txt new.txt > d.txt; test ! -e old.txt' }
  e: { needs: [d], run: 'cat d.txt' }
`);
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(run.file('d.txt')).toBe('a\nb\nc 7\nold');
    // Each begins on a commit that holds the merges of its needs.
    const { git } = stage.repository;
    const mergeOf = (step: string) => run.of('merge.finished', step)[0]?.commit ?? '';
    const baseOf = (step: string) => run.of('step.started', step)[0]?.base ?? '';
    for (const [need, step] of [
      ['a', 'c'],
      ['b', 'd'],
      ['c', 'd'],
      ['d', 'e'],
    ] as const)
      git('merge-base', '--is-ancestor', mergeOf(need), baseOf(step));
    for (const step of ['a', 'b', 'c', 'd'])
      expect(git('rev-parse', `refs/orch/attempts/${run.run}/${step}/1`)).toBe(
        run.ends(step)[0]?.commit,
      );
    // Nothing was changed, so there is nothing to merge.
    expect(run.ends('e')[0]).toMatchObject({ commit: null, ref: null });
    expect(run.of('merge.started', 'e')).toEqual([]);
    expectAllFreed(stage);
  });

  test('that fails is pinned, and tries again in a clean worktree on the newest merge', async () => {
    const stage = makeIsolated({ 'kept.txt': 'kept\n' });
    const run = await stage.run(`
concurrency: 2
steps:
  other: { run: 'echo other > other.txt' }
  flaky:
    retry: { max_attempts: 2, backoff: 10ms }
    run: |
      ls > "$NOTES/seen-$ORCH_ATTEMPT"
      if test "$ORCH_ATTEMPT" = 2; then cat "$ORCH_EVIDENCE_FILE" > "$NOTES/evidence"; echo good > flaky.txt; exit 0; fi
      ${untilMerged('other.txt')}
      echo mess > mess.txt; rm kept.txt; echo went wrong >&2; exit 3
`);
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(stage.notes('seen-1')).toEqual(['kept.txt']);
    expect(stage.notes('seen-2')).toEqual(['kept.txt', 'other.txt']);
    expect(stage.notes('evidence').join('\n')).toContain('went wrong');
    const failed = `refs/orch/attempts/${run.run}/flaky/1`;
    expect(run.ends('flaky')[0]).toMatchObject({ status: 'failed', ref: failed });
    expect(run.fileAt(failed, 'mess.txt')).toBe('mess');
    expect(run.fileAt(failed, 'kept.txt')).toBeUndefined();
    expect(run.file('mess.txt')).toBeUndefined();
    expect(run.file('kept.txt')).toBe('kept');
    expectAllFreed(stage);
  });

  test('that is cancelled leaves what it had done in a ref', async () => {
    const stage = makeIsolated({ 'kept.txt': 'kept\n' });
    const steering = await openSteering(makeTemporaryFolder());
    const child = stage.start(`
steps:
  done: { run: 'echo done > done.txt' }
  half: { needs: [done], run: "echo half > half.txt; ${steering.command('half')}" }
`);
    const outcome = outcomeOf(child);
    await steering.started('half');
    const { state } = await untilRun(stage.repository, ({ state }) => state.running.size > 0);
    expect((await stage.orch('cancel', state.run)).code).toBe(0);
    const run = stage.asRun(asRunOutcome(await outcome));
    expect(run.summary.status).toBe('cancelled');
    expect(run.ends('half')).toMatchObject([
      { status: 'cancelled', failure: { kind: 'cancelled' } },
    ]);
    expect(run.fileAt(`refs/orch/attempts/${run.run}/half/1`, 'half.txt')).toBe('half');
    expect(existsSync(stage.repository.path('half.txt'))).toBe(false);
    assertNoProcess({ ORCH_RUN: run.run });
    expectAllFreed(stage);
  });

  test('may use git as it likes, as long as it goes on from where it began', async () => {
    const stage = makeIsolated({ '.gitignore': '*.log\n', 'one.txt': 'one\n' });
    const { repository } = stage;
    repository.write('two.txt', 'two\n');
    repository.commitAll('second');
    const before = [userState(repository), statusOf(repository)];
    const run = await stage.run(`
fail_fast: false
concurrency: 3
steps:
  commits: { run: 'echo 1 > c1.txt; git add -A; git commit -qm mine; echo 2 > c2.txt' }
  stages: { run: 'echo 1 > s1.txt; git add s1.txt; echo 2 > s2.txt' }
  forces: { run: 'echo forced > forced.log; echo plain > plain.log; git add -f forced.log' }
  branches: { run: 'git checkout -q -b side; echo b > b.txt; git add -A; git commit -qm b; echo b2 > b2.txt' }
  detaches: { run: 'git checkout -q --detach; echo d > d.txt; git commit -q --allow-empty -m empty' }
  orphan: { run: 'git checkout -q --orphan fresh; echo o > o.txt' }
  mixed: { run: 'echo m > m.txt; git add m.txt; git reset -q; git stash -qu; git stash pop -q' }
  merges: { run: 'git checkout -q -b topic; echo t > t.txt; git add -A; git commit -qm t; git checkout -q --detach HEAD~1; git merge -q --no-ff -m m topic' }
  removes: { run: 'git rm -q one.txt; git config user.name Agent' }
  resets: { run: 'git reset -q --hard HEAD~2; echo r > r.txt' }
  older: { run: 'git checkout -q HEAD~1; echo o > older.txt; git add -A; git commit -qm older' }
  amends: { run: 'echo a > amended.txt; git add -A; git commit -q --amend -m amended' }
`);
    expect(run.code).toBe(1);
    const paths = [
      'c1.txt',
      'c2.txt',
      's1.txt',
      's2.txt',
      'forced.log',
      'b.txt',
      'b2.txt',
      'd.txt',
      'o.txt',
      'm.txt',
      't.txt',
    ];
    for (const path of paths) expect(run.file(path), path).toBeDefined();
    for (const path of ['plain.log', 'one.txt', 'r.txt', 'older.txt', 'amended.txt'])
      expect(run.file(path), path).toBeUndefined();
    for (const step of ['resets', 'older', 'amends']) {
      const [end] = run.ends(step);
      expect(end, step).toMatchObject({ status: 'failed', failure: { kind: 'base' } });
      expect(end?.ref, step).toBe(`refs/orch/attempts/${run.run}/${step}/1`);
    }
    expect(run.fileAt(`refs/orch/attempts/${run.run}/older/1`, 'older.txt')).toBe('o');
    // What a step committed itself stays in reach, under its own message.
    const own = (step: string) =>
      repository.git('log', '-1', '--format=%s', `refs/orch/attempts/${run.run}/${step}/1^2`);
    expect([own('commits'), own('branches'), own('older')]).toEqual(['mine', 'b', 'older']);
    expect([userState(repository), statusOf(repository)]).toEqual(before);
    expect(repository.git('fsck', '--strict', '--no-dangling')).toBe('');
    expectAllFreed(stage);
  });

  test('cannot change what is below .orch, and hands on what a commit cannot hold', async () => {
    const stage = makeIsolated({ '.orch/project.md': 'ours\n', 'a.txt': 'a\n' });
    const run = await stage.run(`
checkpoint: { max_file_size: 1KB }
steps:
  records: { run: 'echo theirs > .orch/project.md; mkdir -p .orch/tasks; echo t > .orch/tasks/t.md; echo r > r.txt' }
  only: { run: 'rm .orch/project.md' }
  large: { run: 'head -c 3000 /dev/zero > "big file.bin"; echo small > small.txt' }
  nested: { run: 'git init -q inner; cd inner; git config user.name N; git config user.email n@example.org; echo i > i.txt; git add -A; git commit -qm i' }
`);
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(run.file('.orch/project.md')).toBe('ours');
    expect(run.file('.orch/tasks/t.md')).toBeUndefined();
    expect(run.file('r.txt')).toBe('r');
    const leftOut = ['.orch/project.md', '.orch/tasks/t.md'];
    expect(run.of('merge.finished', 'records')).toMatchObject([{ left_out: leftOut }]);
    expect(run.of('merge.finished', 'only')).toMatchObject([{ left_out: ['.orch/project.md'] }]);
    const attempt = `refs/orch/attempts/${run.run}/records/1`;
    expect(run.fileAt(attempt, '.orch/project.md')).toBe('theirs');
    expect(run.fileAt(attempt, '.orch/tasks/t.md')).toBe('t');

    expect(run.ends('large')).toMatchObject([
      { left_out: [{ path: 'big file.bin', reason: 'too_large', size_bytes: 3000 }] },
    ]);
    expect(readFileSync(join(run.folder('large', 1), 'left-out', 'big file.bin'))).toHaveLength(
      3000,
    );
    expect(run.file('small.txt')).toBe('small');
    expect(run.ends('nested')[0]?.left_out).toMatchObject([{ reason: 'nested_repository' }]);
    const inner = join(run.folder('nested', 1), 'left-out', 'inner');
    expect(readFileSync(join(inner, 'i.txt'), 'utf8')).toBe('i\n');
    expect(existsSync(join(inner, '.git'))).toBe(true);
  });

  test('is judged by all that it left, also when orch was killed while it put that aside', async () => {
    const stage = makeIsolated({ 'key.txt': 'none\n' });
    const { repository, env } = stage;
    const token = `ghp_${'0123456789abcdefghijklmnopqrstuvwxyz'}`;
    repository.write(
      '../w.yaml',
      `
name: w
workspace: isolated
secrets: refuse
checkpoint: { max_file_size: 1KB }
steps:
  leaks: { run: 'echo "token = ${token}" > key.txt; head -c 3000 /dev/zero > big.bin; echo a > a.txt' }
`,
    );
    const options = { cwd: repository.top, env: { ...env, ORCH_CRASH: 'file move:after#2' } };
    expect((await runOrch(['run', '../w.yaml'], options)).signal).toBe('SIGKILL');
    const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
    const [end] = run.ends('leaks');
    expect(end).toMatchObject({ attempt: 1, status: 'failed', failure: { kind: 'secret' } });
    expect(end?.left_out?.map(({ path }) => path).sort()).toEqual(['big.bin', 'key.txt']);
    expect(run.fileAt(end?.commit ?? '', 'key.txt')).toBe('none');
    const aside = join(run.folder('leaks', 1), 'left-out');
    expect(readFileSync(join(aside, 'key.txt'), 'utf8')).toContain('token');
    expect(readFileSync(join(aside, 'big.bin'))).toHaveLength(3000);
  });

  test('is taken from the cache when nothing it reads has changed', async () => {
    const stage = makeIsolated({ 'in.txt': 'in\n' });
    const workflow = `
steps:
  first: { run: 'echo first > first.txt' }
  cached: { needs: [first], cache: true, reads: [in.txt, first.txt], produces: [out.txt], run: 'echo ran >> "$NOTES/ran"; cat in.txt first.txt > out.txt; echo id=1 >> "$ORCH_OUTPUT"' }
  last: { needs: [cached], env: { ID: "\${{ steps.cached.outputs.id }}" }, run: 'echo "$ID" > last.txt; cat out.txt >> last.txt' }
`;
    const one = await stage.run(workflow);
    const two = await stage.run(workflow);
    expect([one.code, two.code]).toEqual([0, 0]);
    expect(stage.notes('ran')).toEqual(['ran']);
    expect(two.ends('cached')).toMatchObject([{ cache: { hit: true }, outputs: { id: '1' } }]);
    expect(two.of('merge.finished', 'cached')).toMatchObject([{ status: 'merged' }]);
    expect(two.tree).toBe(one.tree);
    expect(two.file('last.txt')).toBe('1\nin\nfirst');
    expectAllFreed(stage);
  });

  test('gets what was set up, what was included, and ports of its own', async () => {
    const stage = makeIsolated({
      '.gitignore': '.env\nnode_modules/\n',
      'lock.txt': 'one\n',
      '.orch/config.yaml': `
worktree:
  setup: { run: 'echo setup >> "$NOTES/setups"; mkdir -p node_modules; cp lock.txt node_modules/made', reads: [lock.txt] }
  include: [.env]
  ports: 10
`,
    });
    stage.repository.write('.env', 'SECRET=1\n');
    const workflow = `
concurrency: 2
steps:
  a: { run: 'cat .env node_modules/made > "$NOTES/a"; echo $ORCH_PORT > "$NOTES/port-a"; echo a > a.txt; ${untilStarted('b')}' }
  b: { run: 'cat .env node_modules/made > "$NOTES/b"; echo $ORCH_PORT > "$NOTES/port-b"; echo two > lock.txt; ${untilStarted('a')}' }
  c: { needs: [a, b], run: 'cat node_modules/made > "$NOTES/c"' }
`;
    const run = await stage.run(workflow);
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect([stage.notes('a'), stage.notes('b')]).toEqual([
      ['SECRET=1', 'one'],
      ['SECRET=1', 'one'],
    ]);
    // What the setup reads was changed by b.
    expect(stage.notes('c')).toEqual(['two']);
    expect(stage.notes('setups')).toHaveLength(3);
    const [a, b] = [stage.notes('port-a'), stage.notes('port-b')].map(([port]) => Number(port));
    expect(Math.abs((a ?? 0) - (b ?? 0))).toBeGreaterThanOrEqual(10);
    expect(run.file('.env')).toBeUndefined();
    expect(run.file('node_modules/made')).toBeUndefined();
  });
});

function untilStarted(other: string): string {
  return `n=0; while ! test -s "$NOTES/port-${other}"; do n=$((n+1)); test $n -lt 1200 || exit 9; sleep 0.05; done`;
}

test('two isolated runs go on side by side in one repository', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const steering = await openSteering(makeTemporaryFolder());
  const start = (name: string) =>
    outcomeOf(
      stage.start(`
steps:
  one: { run: "echo ${name} > ${name}.txt; ${steering.command(name)}" }
  two: { needs: [one], run: 'ls > seen.txt' }
`),
    );
  const left = start('left');
  const leftStep = await steering.started('left');
  const right = start('right');
  const rightStep = await steering.started('right'); // While the other one is under way.
  await leftStep.exit(0);
  const one = stage.asRun(asRunOutcome(await left));
  await rightStep.exit(0);
  const two = stage.asRun(asRunOutcome(await right));
  expect([one.code, two.code]).toEqual([0, 0]);
  expect(one.file('seen.txt')).toBe('a.txt\nleft.txt\nseen.txt');
  expect(two.file('seen.txt')).toBe('a.txt\nright.txt\nseen.txt');
  expect(stage.repository.git('status', '--porcelain')).toBe('');
  expectAllFreed(stage);
});

test('--commit-to current is refused before anything is done', async () => {
  const { repository, orch } = makeIsolated({
    'w.yaml': 'name: w\nworkspace: isolated\nsteps:\n  a: { run: "true" }\n',
  });
  const { code, stderr } = await orch('run', 'w.yaml', '--commit-to', 'current');
  expect(code).toBe(2);
  expect(stderr).toContain('orch accept');
  expect(repository.git('for-each-ref', 'refs/orch', 'refs/heads/orch')).toBe('');
});
