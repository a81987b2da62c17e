/** `--commit-to current`: what happens when somebody else moves the branch, or HEAD to another one. */
import { expect, onTestFinished, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { readOnlyRun } from '../rig/runs.ts';

async function runWith(step: string) {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', `name: w\nsteps:\n  a: { run: ${JSON.stringify(step)} }\n`);
  repository.commitAll('first');
  const orch = (...args: string[]) => runOrch(args, { cwd: repository.top });
  const stopped = await orch('run', 'w.yaml', '--commit-to', 'current');
  const { state } = readOnlyRun(repository);
  return { repository, orch, stopped, run: state.run, left: state.checkpoints[0]?.commit };
}

/** The checkpoint of wave 0 is made while the first step runs. */
const FIRST = 'until git log -1 --format=%s | grep -q ^orch:; do sleep 0.05; done';
const COMMIT = `${FIRST}; echo a > a.txt; git add a.txt; git commit -qm step`;
const branches = (repository: TestRepository) => repository.git('branch', '--list', 'orch/*');

test('a commit that a step makes stops the run, which says how to go on, and goes on so', async () => {
  const { repository, orch, stopped, run, left } = await runWith(COMMIT);
  expect(stopped.code).toBe(4);
  expect(stopped.stderr).toContain(`main is not at ${left}`);
  const fix = `git branch saved-${run} && git reset --soft ${left} && orch resume ${run}`;
  expect(stopped.stderr).toContain(fix);
  expect((await orch('resume')).stderr).toContain(fix);
  repository.git('branch', `saved-${run}`);
  repository.git('reset', '-q', '--soft', left ?? '');
  expect((await orch('resume')).code).toBe(0);
  expect(repository.git('show', 'main:a.txt')).toBe('a');
  expect(repository.git('log', '-1', '--format=%s', `saved-${run}`)).toBe('step');
});

test('it can be cancelled, which leaves the branch alone, and then be taken back', async () => {
  const { repository, orch, run } = await runWith(COMMIT);
  const head = repository.git('rev-parse', 'main');
  const cancelled = await orch('cancel', run);
  expect(cancelled.code, cancelled.stderr).toBe(0);
  expect(readOnlyRun(repository).state.status).toBe('cancelled');
  expect(repository.git('rev-parse', 'main')).toBe(head);
  expect(repository.git('show', `orch/${run}:a.txt`)).toBe('a');
  expect((await orch('rollback', run, '--to', '0')).code).toBe(0);
});

test('on another branch than it began on it makes no checkpoint', async () => {
  const { repository, orch, stopped, run } = await runWith(
    `${FIRST}; echo a > a.txt; git switch -qc other`,
  );
  expect(stopped.code).toBe(4);
  expect(stopped.stderr).toContain(`HEAD is at other, and run ${run} puts its checkpoints on main`);
  expect((await orch('resume')).stderr).toContain(`git switch main && orch resume ${run}`);
  expect(repository.git('rev-parse', 'other')).toBe(repository.git('rev-parse', 'main'));
  repository.git('switch', '-q', 'main');
  expect((await orch('resume')).code).toBe(0);
  expect(repository.git('show', 'main:a.txt')).toBe('a');
  expect(branches(repository)).toBe('');
});
