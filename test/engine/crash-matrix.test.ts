/**
 * SIGKILL at every persisted effect, then `orch resume`, then the same invariants every time.
 *
 * Rollbacks and acceptances have matrices of their own beside their tests. Depth 1 is complete: every place that an undisturbed run passes. A crash during the resume is
 * sampled by seed; ORCH_SEED repeats a sample.
 */
import { afterAll, describe, expect, test } from 'vitest';
import {
  checkInvariants,
  perform,
  type Result,
  recordPlaces,
  resultOf,
  SCENARIOS,
  type Scenario,
  setUp,
} from './crash-scenarios.ts';

const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
const SAMPLES = process.env['ORCH_LONG_TESTS'] ? 200 : 12;
/** How many crashed runs are at work side by side. */
const LANES = 2;

describe.each(SCENARIOS)('$name', (scenario) => {
  let undisturbed: { result: Result; places: readonly string[] } | undefined;
  const once = async () => {
    undisturbed ??= await observe(scenario);
    return undisturbed;
  };

  test('an undisturbed run keeps the invariants itself', async () => {
    const { result, places } = await once();
    expect(result.exit).toBe(scenario.exit);
    expect(places.length).toBeGreaterThan(40);
  });

  test('killed at every persisted effect, it ends as if nothing had happened', {
    timeout: 600_000,
  }, async () => {
    const { result, places } = await once();
    await inLanes(places, async (place) => {
      await survive(scenario, [place], result);
    });
  });

  test('killed again during the resume, it ends as if nothing had happened', {
    timeout: 600_000,
  }, async () => {
    const { result, places } = await once();
    const random = mulberry32(SEED);
    const pick = () => places[Math.floor(random() * places.length)] ?? '';
    const pairs = Array.from({ length: SAMPLES }, () => [pick(), pick()]);
    await inLanes(pairs, async (crashes) => {
      await survive(scenario, crashes, result);
    });
  });
});

afterAll(() => console.log(`crash matrix: ORCH_SEED=${SEED}`));

async function observe(scenario: Scenario): Promise<{ result: Result; places: readonly string[] }> {
  using stage = setUp(scenario);
  const { places, exit } = await recordPlaces(stage);
  checkInvariants(stage);
  return { places, result: resultOf(stage, exit) };
}

async function survive(
  scenario: Scenario,
  crashes: readonly string[],
  expected: Result,
): Promise<void> {
  using stage = setUp(scenario);
  try {
    const outcome = await perform(stage, crashes);
    expect(resultOf(stage, outcome.code)).toEqual(expected);
    checkInvariants(stage);
  } catch (cause) {
    const { message, diff } = cause as Error & { diff?: string };
    throw new Error(`after a crash at ${crashes.join(', then at ')}: ${message}\n${diff ?? ''}`, {
      cause,
    });
  }
}

/** Runs all, a few at a time; gathers every failure, so that one broken place does not hide the others. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const failures: string[] = [];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await work(item).catch((error: Error) => failures.push(error.message));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(failures, `${failures.length} of ${items.length} failed`).toEqual([]);
}

/** A small seeded generator. @see "Mulberry32", Tommy Ettinger, 2017 */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
