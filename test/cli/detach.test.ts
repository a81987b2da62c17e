/** `orch run --detach`: the run lives on without the terminal that started it, or the start fails as it would have. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { killMarked } from '../rig/processes.ts';
import { makeRepository } from '../rig/repository.ts';
import { readOnlyRun, untilRun } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

async function makeDetachable() {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeRepository();
  onTestFinished(async () => {
    if (readdirSync(repository.path('.git')).includes('orch')) {
      await killMarked({ ORCH_RUN: readOnlyRun(repository).state.run });
    }
    repository[Symbol.dispose]();
  });
  repository.write(
    'long.yaml',
    `name: long\nsteps:\n  slow: { run: "${steering.command('slow')}" }\n`,
  );
  return { repository, steering };
}

function sessionOf(pid: number): number {
  return Number(spawnSync('ps', ['-o', 'sid=', '-p', String(pid)]).stdout.toString());
}

test('it prints the id while the run goes on, in a session of its own', async () => {
  const { repository, steering } = await makeDetachable();
  const { code, document } = await runOrchJson(['run', 'long.yaml', '--detach'], {
    cwd: repository.top,
  });
  expect(code).toBe(0);
  const { run, pid } = document as { run: string; pid: number };
  const slow = await steering.started('slow');
  const { state } = readOnlyRun(repository);
  expect(state).toMatchObject({ run, status: 'running' });
  expect(sessionOf(pid)).toBe(pid);
  expect(await slow.environment('ORCH_RUN')).toBe(run);
  await slow.exit(0);
  await untilRun(repository, (now) => now.state.status === 'passed');
});

test('people get the bare id on stdout, and where to look on stderr', async () => {
  const { repository, steering } = await makeDetachable();
  const started = await runOrch(['-C', repository.top, 'run', '--detach', '--', 'long.yaml']);
  const slow = await steering.started('slow');
  const { run } = readOnlyRun(repository).state;
  expect(started).toMatchObject({ code: 0, stdout: `${run}\n` });
  expect(started.stderr).toContain(`next: orch wait ${run}`);
  await slow.exit(0);
  await untilRun(repository, (now) => now.state.status === 'passed');
});

test('a start that fails is told as without --detach, with the same exit code', async () => {
  const { repository } = await makeDetachable();
  repository.write('bad.yaml', 'name: bad\nsteps:\n  a: { needs: [b], run: "true" }\n');
  const at = { cwd: repository.top };
  const plain = await runOrch(['run', 'bad.yaml'], at);
  const detached = await runOrch(['run', 'bad.yaml', '--detach'], at);
  expect(plain.code).toBe(2);
  expect(detached).toEqual(plain);
  const json = await runOrchJson(['run', 'bad.yaml', '--detach'], at);
  expect(json).toMatchObject({ code: 2, document: { error: { code: 'ORCH_UNKNOWN_STEP' } } });
  expect(readdirSync(repository.path('.git/orch/detached'))).toEqual([]);
  repository.git('init', '-q'); // The folder of a start that failed is no run.
  repository.remove('.git/orch');
});
