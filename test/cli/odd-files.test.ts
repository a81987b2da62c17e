/** Steps that leave something else where orch expects a file of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';

function makeProject(script: string, next = 'true'): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write(
    'w.yaml',
    `name: w\nwaves: { max: 10, min_steps: 1 }\nsteps:\n  a: { wave: 1, run: ${JSON.stringify(script)} }\n  b: { wave: 2, needs: [a], run: ${JSON.stringify(next)} }\n`,
  );
  repository.commitAll('first');
  return repository;
}

function makePipe(path: string): void {
  spawnSync('sh', ['-c', 'mkfifo "$0"', path]);
}

test.for([
  { name: 'a pipe', script: 'rm -f "$ORCH_OUTPUT"; mkfifo "$ORCH_OUTPUT"' },
  { name: 'a folder', script: 'rm -f "$ORCH_OUTPUT"; mkdir "$ORCH_OUTPUT"' },
  { name: 'a link to a folder', script: 'ln -sf / "$ORCH_OUTPUT"' },
  { name: 'a link to a device without end', script: 'ln -sf /dev/zero "$ORCH_OUTPUT"' },
])('$name in the place of the outputs fails the step', { timeout: 30_000 }, async ({ script }) => {
  const { code, events } = await runToEnd(makeProject(script), 'run', 'w.yaml');
  expect(code).toBe(1);
  const failure = { kind: 'bad_output', message: '$ORCH_OUTPUT is no plain file' };
  expect(events).toContainEqual(expect.objectContaining({ type: 'step.finished', failure }));
});

test('logs of a step that put a pipe in the place of its output end with a message', async () => {
  const repository = makeProject('d=$(dirname "$ORCH_OUTPUT"); rm "$d/out"; mkfifo "$d/out"');
  const { run } = await runToEnd(repository, 'run', 'w.yaml');
  for (const command of ['logs', 'why']) {
    const { code, document } = await runOrchJson([command, run, 'a'], { cwd: repository.top });
    if (command === 'why' && code === 0) continue; // A step that went well quotes nothing.
    expect(code).toBe(3);
    const error = { code: 'ORCH_SYSTEM', message: expect.stringContaining('is no plain file') };
    expect(document).toMatchObject({ error });
  }
});

test('a pipe in the place of the record of a run hides no other run', async () => {
  const repository = makeProject('true');
  const { run } = await runToEnd(repository, 'run', 'w.yaml');
  const other = await runToEnd(repository, 'run', 'w.yaml');
  const path = repository.path(`.git/orch/runs/${run}/run.json`);
  rmSync(path);
  makePipe(path);
  const { document } = await runOrchJson(['list'], { cwd: repository.top });
  const { runs } = document as { runs: { run: string; code?: string }[] };
  expect(new Map(runs.map((each) => [each.run, each.code]))).toEqual(
    new Map([
      [run, 'ORCH_SYSTEM'],
      [other.run, undefined],
    ]),
  );
});

test('a workflow may come through a pipe', async () => {
  const repository = makeProject('true');
  makePipe(repository.path('pipe.yaml'));
  spawn('sh', ['-c', 'cat w.yaml > pipe.yaml'], { cwd: repository.top });
  const { code, stderr } = await runOrch(['plan', 'pipe.yaml'], { cwd: repository.top });
  expect(code, stderr).toBe(0);
});

test.for([
  { name: 'a number without a successor', number: 999_999_999_999_999, make: 'echo rubbish >' },
  { name: 'a folder', number: 7, make: 'mkdir' },
  { name: 'a pipe', number: 7, make: 'mkfifo' },
])('a lock that is $name is refused by name, and looking goes on', async ({ number, make }) => {
  const repository = makeProject('true');
  const { run } = await runToEnd(repository, 'run', 'w.yaml');
  const path = repository.path(`.git/orch/runs/${run}/lock.${number}`);
  spawnSync('sh', ['-c', `${make} "$0"`, path]);
  const at = { cwd: repository.top };
  const back = await runOrchJson(['rollback', run, '--to', '0'], at);
  const error = { code: 'ORCH_LOCKED', message: expect.stringContaining(path) };
  expect(back).toMatchObject({ code: 4, document: { error } });
  for (const command of [['show', run], ['status'], ['list'], ['resume', run]])
    expect([command[0], (await runOrch(command, at)).code]).toEqual([command[0], 0]);
});

test('a run whose definition a step deletes has it in every checkpoint, and goes on', async () => {
  const repository = makeProject('rm .git/orch/runs/*/run.json', 'test -e again');
  const { run, code } = await runToEnd(repository, 'run', 'w.yaml');
  expect(code).toBe(1);
  const here = readFileSync(repository.path(`.git/orch/runs/${run}/run.json`), 'utf8');
  for (const commit of [`orch/${run}`, `orch/${run}~1`])
    expect(repository.git('show', `${commit}:.orch/runs/${run}/run.json`)).toBe(here.trimEnd());
  repository.write('again', '');
  expect((await runToEnd(repository, 'resume', run, '--retry-failed')).code).toBe(0);
});

test('a run whose files a step of its last wave deletes ends with what to do', async () => {
  const repository = makeProject('true', 'rm -rf .git/orch');
  const { code, stderr } = await runOrch(['run', 'w.yaml'], { cwd: repository.top });
  expect([code, stderr]).toEqual([4, expect.stringContaining('have vanished while it ran')]);
  const [, run = '', to = ''] = /orch rollback (\S+) --to (\d+)/.exec(stderr) ?? [];
  const back = await runOrch(['rollback', run, '--to', to], { cwd: repository.top });
  expect(back.code, back.stderr).toBe(0);
});
