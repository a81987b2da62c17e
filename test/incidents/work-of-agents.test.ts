/**
 * What users of other orchestrators of coding agents suffered with the work of their agents, told again
 * with orch in their place. Each test is named after the incident.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeIsolated, untilMerged } from '../engine/isolated-stage.ts';
import { outcomeOf } from '../rig/cli.ts';
import { asRunOutcome, untilRun } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

test('work lost at merge-back or clean-up: the merge failed, and the only copy was deleted with its worktree and branch', async () => {
  const stage = makeIsolated({ 'shared.txt': 'base\n' });
  const { repository, env } = stage;
  const run = await stage.run(`
concurrency: 2
steps:
  other: { run: 'echo other > shared.txt; echo 1 > other.txt' }
  agent:
    run: |
      git checkout -q -b agent-work
      for n in 1 2 3; do echo $n > agent-$n.txt; git add -A; git commit -qm "agent $n"; done
      echo agent > shared.txt; echo uncommitted > loose.txt
      ${untilMerged('other.txt')}
`);
  expect(run.code).toBe(1);
  expect(run.ends('agent')).toMatchObject([{ status: 'passed' }]);
  expect(run.of('merge.finished', 'agent')).toMatchObject([{ status: 'conflict' }]);
  // Everything that a clean-up by hand would take away.
  rmSync(env['XDG_CACHE_HOME'] as string, { recursive: true });
  repository.git('worktree', 'prune');
  repository.git('branch', '-q', '-D', 'agent-work');
  repository.git('reflog', 'expire', '--expire=now', '--all');
  repository.git('gc', '-q', '--prune=now');
  const attempt = `refs/orch/attempts/${run.run}/agent/1`;
  for (const n of [1, 2, 3]) expect(run.fileAt(attempt, `agent-${n}.txt`)).toBe(`${n}`);
  expect(run.fileAt(attempt, 'loose.txt')).toBe('uncommitted');
  const subjects = repository.git('log', '--format=%s', `${attempt}^2`).split('\n');
  expect(subjects.slice(0, 3)).toEqual(['agent 3', 'agent 2', 'agent 1']);
});

test('wrong or stale base: agents began on an old branch, or on whatever was checked out meanwhile', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const { repository } = stage;
  const steering = await openSteering(makeTemporaryFolder());
  const outcome = outcomeOf(
    stage.start(`
steps:
  first: { run: "echo first > first.txt; ${steering.command('first')}" }
  second: { needs: [first], run: 'ls > seen.txt' }
`),
  );
  const first = await steering.started('first');
  // The user goes on with something else meanwhile.
  repository.git('checkout', '-q', '-b', 'elsewhere');
  repository.write('foreign.txt', 'foreign\n');
  repository.remove('a.txt');
  repository.commitAll('something else');
  await first.exit(0);
  const run = stage.asRun(asRunOutcome(await outcome));
  expect(run.code).toBe(0);
  expect(run.file('seen.txt')).toBe('a.txt\nfirst.txt\nseen.txt');
  const [start] = run.of('step.started', 'second');
  expect(start?.base).toBe(run.of('merge.finished', 'first')[0]?.commit);
  expect(repository.git('branch', '--show-current')).toBe('elsewhere');
});

test('index.lock contention: agents side by side, and an editor beside them, failed for want of a lock', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const { repository } = stage;
  // As held by a program of the user for the whole time.
  for (const name of ['index.lock', 'HEAD.lock'])
    writeFileSync(repository.path(`.git/${name}`), '');
  const run = await stage.run(`
concurrency: 4
steps:
  agent:
    matrix: { k: [1, 2, 3, 4] }
    run: 'for n in 1 2 3; do echo $n > $ORCH_MATRIX_K-$n.txt; git add -A; git commit -qm "$n"; done'
`);
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  for (const k of [1, 2, 3, 4]) expect(run.file(`${k}-3.txt`)).toBe('3');
  expect(run.of('step.finished')).toHaveLength(4);
});

test('conflicts found too late: nobody was told before all agents had ended', async () => {
  const stage = makeIsolated({ 'shared.txt': 'base\n' });
  const steering = await openSteering(makeTemporaryFolder());
  const outcome = outcomeOf(
    stage.start(`
fail_fast: false
concurrency: 3
steps:
  one: { run: 'echo one > shared.txt; echo 1 > one.txt' }
  two: { run: 'echo two > shared.txt; ${untilMerged('one.txt')}' }
  long: { run: "${steering.command('long')}" }
`),
  );
  const long = await steering.started('long');
  const { state } = await untilRun(stage.repository, ({ state }) =>
    state.steps.some(({ status }) => status === 'failed'),
  );
  // The long one still runs, and the conflict is known.
  expect(state.running.size).toBe(1);
  await long.exit(0);
  const run = stage.asRun(asRunOutcome(await outcome));
  const conflict = run.of('merge.finished', 'two')[0];
  expect(conflict?.files?.map(({ path }) => path)).toEqual(['shared.txt']);
  expect(conflict?.seq).toBeLessThan(run.ends('long')[0]?.seq ?? 0);
});

test('false "done": a task was done although its merge had failed, nothing was made, or the checks were red', async () => {
  const stage = makeIsolated({ 'shared.txt': 'base\n' });
  const run = await stage.run(`
fail_fast: false
concurrency: 4
steps:
  one: { run: 'echo one > shared.txt; echo 1 > one.txt' }
  clashes: { run: 'echo two > shared.txt; ${untilMerged('one.txt')}' }
  empty: { produces: [promised.txt], run: 'echo all done' }
  broken: { run: 'echo syntax error > broken.txt' }
  after: { needs: [clashes], run: 'echo ran > "$NOTES/after"' }
gates:
  - { name: tests, level: light, run: 'test ! -e broken.txt' }
`);
  expect(run.code).toBe(1);
  expect(['one', 'clashes', 'empty', 'after'].map(run.statusOf)).toEqual([
    'passed',
    'failed',
    'failed',
    'skipped',
  ]);
  expect(stage.notes('after')).toEqual([]);
  expect(run.summary.status).toBe('failed');
});

test('disk leak: every agent left a worktree behind, and clean-up followed a link into the home folder', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const { repository, env } = stage;
  repository.write('../precious/file.txt', 'precious\n');
  const workflow = `
concurrency: 2
steps:
  agent:
    matrix: { k: [1, 2, 3, 4, 5] }
    run: 'ln -s "$NOTES/precious" precious-$ORCH_MATRIX_K; ln -s "$NOTES/precious" build; echo $ORCH_MATRIX_K > $ORCH_MATRIX_K.txt; rm precious-$ORCH_MATRIX_K build'
  links: { needs: [agent], run: 'ln -s "$NOTES/precious" left; echo x > x.txt; exit 0' }
  last: { needs: [links], run: 'rm left; echo last > last.txt' }
`;
  for (let round = 0; round < 2; round++) expect((await stage.run(workflow)).code).toBe(0);
  const worktrees = repository.git('worktree', 'list').split('\n').slice(1);
  // Of fourteen attempts: two at work, and two that have ended and are being pinned.
  expect(worktrees.length).toBeLessThanOrEqual(4);
  expect(
    worktrees.every((line) => line.startsWith(join(env['XDG_CACHE_HOME'] as string, 'orch'))),
  ).toBe(true);
  expect(repository.git('cat-file', 'blob', 'HEAD:a.txt')).toBe('a');
  expect((await stage.orch('gc')).code).toBe(0);
  const { stdout } = await outcomeOf(
    stage.start('steps:\n  a: { run: "cat $NOTES/precious/file.txt > p.txt" }\n'),
  );
  expect(stdout).toContain('run.summary');
  expect(repository.git('status', '--porcelain')).toBe('');
});
