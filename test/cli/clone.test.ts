/** A run in a clone, where only git tells of it: how it ended, and when, is that of the original. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { makeRepository, openTestRepository } from '../rig/repository.ts';
import { readOnlyRun, runToEnd } from '../rig/runs.ts';

async function makeClone() {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', 'name: w\nsteps: { a: { run: echo x > made.txt } }\n');
  repository.commitAll('first');
  const { run } = await runToEnd(repository, 'run', 'w.yaml');
  const top = join(repository.folder, 'clone');
  repository.git('clone', '-q', '.', top);
  return { run, original: repository, clone: openTestRepository(top, repository.folder) };
}

test('the last wave of a run that passed has passed', async () => {
  const { run, clone } = await makeClone();
  const { stdout } = await runOrch(['show', run], { cwd: clone.top });
  expect(stdout).toContain('Wave 1 of 1: passed, 1 of 1 step\n');
});

test('a run made live again from its branch ended with its last checkpoint, not now', async () => {
  const { run, original, clone } = await makeClone();
  clone.git('branch', '-q', `orch/${run}`, `origin/orch/${run}`);
  expect((await runOrch(['rollback', run, '--to', '1'], { cwd: clone.top })).code).toBe(0);
  const committedAt = Number(clone.git('log', '-1', '--format=%ct', `orch/${run}`)) * 1000;
  const { events } = readOnlyRun(original).journal;
  const begun = events.find((event) => event.type === 'checkpoint.started' && event.wave === 1);
  const end = new Date(Math.max(Date.parse(begun?.at ?? ''), committedAt)).toISOString();
  const { state } = readOnlyRun(clone);
  expect(state).toMatchObject({ status: 'passed', endedAt: end });
  expect(state.waves[1]).toMatchObject({ status: 'passed', endedAt: end });
  expect((await runOrch(['audit', run], { cwd: clone.top })).code).toBe(0);
});
