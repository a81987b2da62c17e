/**
 * The wall clock jumps an hour ahead in the middle of a run, as after a night of suspend or a wrong
 * time set right: what orch waits for by itself takes as long as before, and a person's deadline is
 * the time that the calendar says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createClock } from '../../src/adapters/clock.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { makeRepository } from '../rig/repository.ts';
import { makePorts, startInProcess } from './run-in-process.ts';

const HOUR_MS = 3_600_000;

interface Seen {
  readonly event: RunEvent;
  /** Monotonic. */
  readonly atMs: number;
}

/** Runs the steps; the wall clock jumps right after the event that `jumpsAt` picks. */
async function runWithJump(
  steps: string,
  jumpsAt: (event: RunEvent) => boolean,
): Promise<readonly Seen[]> {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('.orch/workflows/jump.yaml', `name: jump\n${steps}`);
  repository.commitAll('first');
  let aheadMs = 0;
  const clock = { ...createClock(), now: () => Date.now() + aheadMs, random: () => 0.999 };
  const seen: Seen[] = [];
  await startInProcess(repository, 'jump', makePorts({ clock }), {
    observe(event) {
      seen.push({ event, atMs: performance.now() });
      if (aheadMs === 0 && jumpsAt(event)) void sleep(20).then(() => (aheadMs = HOUR_MS));
    },
  });
  expect(aheadMs, 'the clock has jumped').toBe(HOUR_MS);
  return seen;
}

const isOf =
  (type: RunEvent['type'], step: string) =>
  (event: RunEvent): boolean =>
    event.type === type && 'step' in event && event.step === step;

function endOf(seen: readonly Seen[], step: string) {
  return seen.filter(({ event }) => isOf('step.finished', step)(event)).at(-1)?.event;
}

test('a retry waits for its backoff all the same, that of a gate too', async () => {
  const flaky = (name: string) =>
    `retry: { max_attempts: 2, backoff: 1200ms }, run: 'test -e ../${name} || { touch ../${name}; exit 1; }'`;
  const jumped = await runWithJump(
    `steps:
  a: { ${flaky('a')} }
  b: { run: sleep 0.3 }
`,
    isOf('step.finished', 'a'),
  );
  const [failed, again] = [isOf('step.finished', 'a'), isOf('step.started', 'a')].map((isIt) =>
    jumped.filter(({ event }) => isIt(event)),
  );
  expect((again?.[1]?.atMs ?? 0) - (failed?.[0]?.atMs ?? 0)).toBeGreaterThan(800);

  const gated = await runWithJump(
    `steps:
  a: { run: "true" }
gates:
  - { name: g, level: light, ${flaky('g')} }
  - { name: h, level: light, run: sleep 0.3 }
`,
    ({ type }) => type === 'gate.finished',
  );
  const ofGate = (type: string) =>
    gated.filter(({ event }) => event.type === type && 'gate' in event && event.gate === 'g');
  const pauseMs = (ofGate('gate.started')[1]?.atMs ?? 0) - (ofGate('gate.finished')[0]?.atMs ?? 0);
  expect(pauseMs).toBeGreaterThan(800);
});

test('patience for the queue lasts as long as it did, and ends', async () => {
  const seen = await runWithJump(
    `pools: { one: 1 }
concurrency: 2
fail_fast: false
steps:
  first: { uses: { one: 1 }, run: sleep 1 }
  patient: { uses: { one: 1 }, timeout: { queue: 30s }, run: "true" }
  impatient: { uses: { one: 1 }, timeout: { queue: 500ms }, run: "true" }
  other: { run: sleep 0.2 }
`,
    isOf('step.started', 'first'),
  );
  expect(endOf(seen, 'patient')).toMatchObject({ status: 'passed' });
  expect(endOf(seen, 'impatient')).toMatchObject({ failure: { kind: 'timeout' } });
});

test("a person's deadline is by the calendar", async () => {
  const seen = await runWithJump(
    `fail_fast: false
steps:
  ask: { approval: { message: Well?, timeout: 30m } }
  work: { run: sleep 0.5 }
`,
    isOf('step.started', 'work'),
  );
  expect(endOf(seen, 'ask')).toMatchObject({
    failure: { kind: 'timeout', message: 'nobody answered in time' },
  });
});
