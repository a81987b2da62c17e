/** `orch cancel`: whatever state a run is in, it ends as cancelled, with its processes gone and its files kept. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { assertNoProcess, killMarked } from '../rig/processes.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, readOnlyRun, runToEnd } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

interface Scene {
  readonly repository: TestRepository;
  readonly workflow: string;
  readonly steering: Awaited<ReturnType<typeof openSteering>>;
}

/** A run that is in the middle of `slow` when it is started: `quick` has passed, `later` has not begun. */
async function makeScene(): Promise<Scene> {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeRepository();
  onTestFinished(async () => {
    await killMarked({ ORCH_RUN: readOnlyRun(repository).state.run });
    repository[Symbol.dispose]();
  });
  repository.write(
    'long.yaml',
    `
name: long
steps:
  quick: { run: echo made > made }
  slow: { needs: [quick], run: "${steering.command('slow')}" }
  later: { needs: [slow], run: echo later > later }
`,
  );
  return { repository, workflow: 'long.yaml', steering };
}

/** What must hold of a cancelled run, however it was cancelled. */
function expectEnded(repository: TestRepository, document: unknown): void {
  const { state, journal, files } = readOnlyRun(repository);
  expect(document).toMatchObject({ run: state.run, status: 'cancelled', already: false });
  expect(journal.events.at(-1)).toMatchObject({ type: 'run.finished', status: 'cancelled' });
  const statusOf = (id: string) => state.steps[state.indexOf.get(id) ?? -1]?.status;
  expect(['quick', 'slow', 'later'].map(statusOf)).toEqual(['passed', 'cancelled', 'skipped']);
  assertNoProcess({ ORCH_RUN: state.run });
  expect(readdirSync(files.folder).filter((name) => name.startsWith('lock'))).toEqual([]);
  expect(readdirSync(files.requests)).toEqual([]);
  const { pinned } = document as { pinned: { ref: string; commit: string } };
  expect(repository.git('rev-parse', pinned.ref)).toBe(pinned.commit);
  expect(repository.git('show', `${pinned.ref}:made`)).toBe('made');
}

describe('cancel', () => {
  test('a living run is asked to end, and waited for', async () => {
    const { repository, workflow, steering } = await makeScene();
    const outcome = outcomeOf(startOrch(['run', workflow, '--json'], { cwd: repository.top }));
    const slow = await steering.started('slow');
    const cancelled = await runOrchJson(['cancel'], { cwd: repository.top });
    expect(cancelled.code).toBe(0);
    expect(cancelled.stderr).toMatch(/waiting for process \d+ to stop 1 step/);
    await slow.ended;
    expectEnded(repository, cancelled.document);
    expect(asRunOutcome(await outcome)).toMatchObject({
      code: 1,
      summary: { status: 'cancelled', steps: { passed: 1, skipped: 1, cancelled: 1 } },
    });
  });

  test('a run whose process was killed is taken over, and what survived of it is stopped', async () => {
    const { repository, workflow, steering } = await makeScene();
    const child = startOrch(['run', workflow], { cwd: repository.top });
    const slow = await steering.started('slow');
    child.kill('SIGKILL');
    await once(child, 'close');
    const cancelled = await runOrchJson(['cancel'], { cwd: repository.top });
    expect(cancelled.code).toBe(0);
    await slow.ended;
    expectEnded(repository, cancelled.document);
  });

  test('an interrupted run ends without starting anything', async () => {
    const { repository, workflow, steering } = await makeScene();
    const child = startOrch(['run', workflow, '--json'], { cwd: repository.top });
    const outcome = outcomeOf(child);
    await steering.started('slow');
    child.kill('SIGINT');
    const { run, events } = asRunOutcome(await outcome);
    const cancelled = await runOrchJson(['cancel', run], { cwd: repository.top });
    expect(cancelled).toMatchObject({ code: 0, document: { status: 'cancelled' } });
    const since = readOnlyRun(repository).journal.events.slice(events.length);
    expect(since.map(({ type }) => type)).not.toContain('step.started');
  });

  test('a run that waits for a person ends, and the step that waited is cancelled', async () => {
    using repository = makeRepository();
    repository.write('w.yaml', 'name: w\nsteps:\n  ship: { approval: { message: Ship it? } }\n');
    const { run } = await runToEnd(repository, 'run', 'w.yaml');
    const cancelled = await runOrchJson(['cancel', run], { cwd: repository.top });
    expect(cancelled).toMatchObject({ code: 0, document: { steps: { cancelled: 1 } } });
    const resumed = await runToEnd(repository, 'resume', run);
    expect(resumed.summary.status).toBe('cancelled');
  });

  test('the second time it says that the run is over', async () => {
    using repository = makeRepository();
    repository.write('w.yaml', 'name: w\nsteps:\n  ship: { approval: { message: Ship it? } }\n');
    const { run } = await runToEnd(repository, 'run', 'w.yaml');
    await runOrch(['cancel', run], { cwd: repository.top });
    const again = await runOrch(['cancel', run], { cwd: repository.top });
    expect(again.stdout).toBe(`run ${run} is over: it was cancelled before\n`);
    expect(again.code).toBe(0);
  });

  test('a run that has passed cannot be cancelled any more', async () => {
    using repository = makeRepository();
    repository.write('w.yaml', 'name: w\nsteps:\n  a: { run: "true" }\n');
    const { run } = await runToEnd(repository, 'run', 'w.yaml');
    const refused = await runOrchJson(['cancel'], { cwd: repository.top });
    const error = { code: 'ORCH_RUN_ENDED', message: `run ${run} is over: it passed` };
    expect(refused).toMatchObject({ code: 4, document: { error } });
  });

  test('settings that cannot be read do not stand in the way', async () => {
    using repository = makeRepository();
    repository.write('w.yaml', 'name: w\nsteps:\n  ship: { approval: { message: Ship it? } }\n');
    await runToEnd(repository, 'run', 'w.yaml');
    repository.write('.orch/config.yaml', 'no such: [key\n');
    const cancelled = await runOrchJson(['cancel'], { cwd: repository.top });
    expect(cancelled).toMatchObject({ code: 0, document: { status: 'cancelled' } });
  });
});
