/** Cancelling when the process that holds the run, or another run, stands in the way. */
import { expect, onTestFinished, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { cancelRun } from '../../src/engine/cancel-run.ts';
import { acquireLock } from '../../src/engine/lock.ts';
import { isRequestLeft } from '../../src/engine/requests.ts';
import { workTreeLockFolder } from '../../src/engine/work-tree-lock.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { makeRepository } from '../rig/repository.ts';
import { readOnlyRun, runToEnd } from '../rig/runs.ts';

const SETTINGS = {
  useCache: false,
  refresh: [],
  graceMs: 5_000,
  maxLogBytes: 1_000_000,
  environment: {},
};

/** A run that waits for a person, and ports whose timers take no time but on their own clock. */
async function makeWaitingRun() {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', 'name: w\nsteps:\n  ship: { approval: { message: Ok? } }\n');
  const { run } = await runToEnd(repository, 'run', 'w.yaml');
  const real = createPorts();
  let nowMs = 0;
  const clock: Ports['clock'] = {
    ...real.clock,
    monotonic: () => nowMs,
    timer(delayMs, elapsed) {
      nowMs += delayMs;
      const handle = setImmediate(elapsed);
      return { [Symbol.dispose]: () => clearImmediate(handle) };
    },
  };
  return { repository, run, ports: { ...real, clock }, passedMs: () => nowMs };
}

test('a process that does not end the run in time is named, after a minute and the grace', async () => {
  const { repository, run, ports, passedMs } = await makeWaitingRun();
  const { folder } = readOnlyRun(repository).files;
  const lock = { folder, name: 'lock', after: 0, what: 'something slow' };
  using _held = acquireLock(ports.files, ports.processes, lock);
  const told: number[] = [];
  const cancelled = cancelRun(
    ports,
    await ports.openGit(repository.top),
    { run, settings: SETTINGS },
    {
      observe: () => {},
      waiting: ({ pid }) => told.push(pid),
    },
  );
  await expect(cancelled).rejects.toMatchObject({
    code: 'ORCH_CANCEL_PENDING',
    what: `process ${process.pid} (something slow) has been asked, and run ${run} has not ended yet`,
  });
  expect(passedMs()).toBeGreaterThanOrEqual(65_000);
  expect(told.length).toBeGreaterThan(10);
});

test('refused because another run works in the work tree, it takes its request back', async () => {
  const { repository, run, ports } = await makeWaitingRun();
  const git = await ports.openGit(repository.top);
  const folder = workTreeLockFolder(git.repository);
  const lock = { folder, name: 'lock', after: 0, what: 'run other' };
  using _held = acquireLock(ports.files, ports.processes, lock);
  const hooks = { observe: () => {}, waiting: () => {} };
  const cancelled = cancelRun(ports, git, { run, settings: SETTINGS }, hooks);
  await expect(cancelled).rejects.toMatchObject({ code: 'ORCH_LOCKED' });
  expect(isRequestLeft(ports.files, readOnlyRun(repository).files, 'cancel')).toBe(false);
});
