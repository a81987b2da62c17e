/** Runs that are killed on purpose and resumed, held to what an undisturbed one leaves. */
import { expect } from 'vitest';
import {
  checkInvariants,
  perform,
  type Result,
  recordPlaces,
  resultOf,
  type Scenario,
  setUp,
} from './crash-scenarios.ts';

/** ORCH_SEED repeats a sample. */
export const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
/** How many crashed runs are at work side by side. */
const LANES = 2;

/** An undisturbed run: what it leaves, and every place it passes. */
export async function observe(
  scenario: Scenario,
): Promise<{ result: Result; places: readonly string[] }> {
  using stage = setUp(scenario);
  const { places, exit } = await recordPlaces(stage);
  checkInvariants(stage);
  return { places, result: resultOf(stage, exit) };
}

/** @param crashes where the run, and then each resume, is killed */
export async function survive(
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
    const { message, actual } = cause as Error & { actual?: unknown };
    const found = actual === undefined ? '' : `\nfound: ${JSON.stringify(actual, null, 1)}`;
    throw new Error(`after a crash at ${crashes.join(', then at ')}: ${message}${found}`, {
      cause,
    });
  }
}

/** Runs all, a few at a time; gathers every failure, so that one broken place does not hide the others. */
export async function inLanes<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const failures: string[] = [];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await work(item).catch((error: Error) => {
        console.log(error.message); // At once: many runs are still to come.
        failures.push(error.message);
      });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(failures, `${failures.length} of ${items.length} failed`).toEqual([]);
}

/** A small seeded generator. @see "Mulberry32", Tommy Ettinger, 2017 */
export function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
