/** A clock that was set back between a crash and the resume: neither long waits nor negative times. */
import { expect, onTestFinished, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { summarise } from '../../src/run/summary.ts';
import { durationText } from '../../src/view/time-text.ts';
import { makeRepository } from '../rig/repository.ts';
import { makePorts, resumeInProcess, startInProcess } from './run-in-process.ts';

const HOURS_MS = 5 * 3_600_000;

test('a retry is waited for no longer than its own delay, and time goes on in the journal', async () => {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write(
    '.orch/workflows/w.yaml',
    'name: w\nsteps:\n  a: { retry: { max_attempts: 2, backoff: 2s }, run: test -e ../again }\n',
  );
  repository.commitAll('first');
  const { clock } = createPorts();
  const ahead = { ...clock, now: () => clock.now() + HOURS_MS, random: () => 0.99 };
  let interrupt = (_signal: string) => {};
  const left = await startInProcess(repository, 'w', makePorts({ clock: ahead }), {
    control: (control) => {
      interrupt = (signal) => control.interrupt(signal);
    },
    observe: (event) => {
      if (event.type === 'step.finished') interrupt('SIGINT');
    },
  });
  expect(left.status).toBe('interrupted');
  expect(
    summarise(left, { branch: null, sealedRef: () => '' }, clock.now()).duration_s,
    'by the clock that was set back',
  ).toBe(0);
  repository.write('../again', '');
  const begunAt = performance.now();
  const events: string[] = [];
  const state = await resumeInProcess(repository, makePorts({ clock }), {
    observe: ({ at }) => void events.push(at),
  });
  expect(state.status).toBe('passed');
  expect(performance.now() - begunAt).toBeLessThan(30_000);
  expect(events).toEqual([...events].sort());
  expect(Date.parse(events[0] ?? '')).toBeGreaterThanOrEqual(left.atMs);
});

test('no text shows a negative time', () => {
  expect(durationText(-5_000)).toBe('0s');
});
