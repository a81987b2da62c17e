/**
 * As crash-matrix.test.ts, for runs whose steps work in worktrees of their own. Such a run passes far
 * more places, so by default they are sampled by seed (ORCH_SEED repeats a sample): of the first scenario
 * one place of every kind of effect, of the second a few. With ORCH_LONG_TESTS every one of them is a
 * place to crash.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { ISOLATED_SCENARIOS, type Result } from './crash-scenarios.ts';
import { inLanes, makeRandom, observe, SEED, survive } from './survive-crashes.ts';

const IS_LONG = process.env['ORCH_LONG_TESTS'] !== undefined;
const SAMPLES = IS_LONG ? Number.POSITIVE_INFINITY : Number(process.env['ORCH_SAMPLES'] ?? 6);
const PAIRS = IS_LONG ? 200 : Math.ceil(SAMPLES / 3);
const random = makeRandom(SEED);

describe.each(ISOLATED_SCENARIOS)('$name', (scenario) => {
  let undisturbed: { result: Result; places: readonly string[] } | undefined;
  const once = async () => {
    undisturbed ??= await observe(scenario);
    return undisturbed;
  };

  test('an undisturbed run keeps the invariants itself', { timeout: 600_000 }, async () => {
    const { result, places } = await once();
    expect(result.exit).toBe(scenario.exit);
    expect(places.length).toBeGreaterThan(100);
  });

  test('killed at a persisted effect, it ends as if nothing had happened', {
    timeout: 3_600_000,
  }, async () => {
    const { result, places } = await once();
    const chosen =
      scenario === ISOLATED_SCENARIOS[0] ? oneOfEachKind(places) : sample(places, SAMPLES);
    const left = places.length - chosen.length;
    if (left > 0) console.log(`left out: ${left} of ${places.length} places to crash`);
    await inLanes(chosen, async (place) => {
      await survive(scenario, [place], result);
    });
  });

  test('killed again during the resume, it ends as if nothing had happened', {
    timeout: 3_600_000,
  }, async () => {
    const { result, places } = await once();
    const pairs = Array.from({ length: PAIRS }, () => sample(places, 2));
    await inLanes(pairs, async (crashes) => {
      await survive(scenario, crashes, result);
    });
  });
});

afterAll(() => console.log(`crash matrix of isolated runs: ORCH_SEED=${SEED}`));

/** A place is named `kind#n`. */
function oneOfEachKind(places: readonly string[]): string[] {
  if (IS_LONG) return [...places];
  const kinds = new Map<string, string>();
  for (const place of sample(places, places.length)) kinds.set(place.replace(/#\d+$/, ''), place);
  return [...kinds.values()];
}

function sample<T>(items: readonly T[], count: number): T[] {
  const shuffled = items.map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at);
  return shuffled.slice(0, count).map(({ item }) => item);
}
