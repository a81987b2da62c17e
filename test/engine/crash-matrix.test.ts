/**
 * SIGKILL at every persisted effect, then `orch resume`, then the same invariants every time.
 *
 * Rollbacks and acceptances have matrices of their own beside their tests. Depth 1 is complete: every place that an undisturbed run passes. A crash during the resume is
 * sampled by seed; ORCH_SEED repeats a sample.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { type Result, SCENARIOS } from './crash-scenarios.ts';
import { inLanes, makeRandom, observe, SEED, survive } from './survive-crashes.ts';

const SAMPLES = process.env['ORCH_LONG_TESTS'] ? 200 : 12;

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
    const random = makeRandom(SEED);
    const pick = () => places[Math.floor(random() * places.length)] ?? '';
    const pairs = Array.from({ length: SAMPLES }, () => [pick(), pick()]);
    await inLanes(pairs, async (crashes) => {
      await survive(scenario, crashes, result);
    });
  });
});

afterAll(() => console.log(`crash matrix: ORCH_SEED=${SEED}`));
