/** Bounds on real traces are generous: they hold the promise, bench/plan.ts measures the figure. */
import { describe, expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import { readTraces, TRACES_FOLDER, withLevelWaves, withoutWaves } from './traces.ts';

const traces = readTraces();
if (traces.length === 0) console.log(`skipped: no recorded workflows in ${TRACES_FOLDER}`);

describe.skipIf(traces.length === 0)('recorded workflows', () => {
  const makespanOf = (workflow: (typeof traces)[number], concurrency: number): number =>
    makePlan(workflow, { concurrency, strategies: {} }).makespanMs;

  test.for([
    { concurrency: 2, meanLoss: 0.01, worstLoss: 0.03 },
    { concurrency: 8, meanLoss: 0.01, worstLoss: 0.03 },
    { concurrency: 32, meanLoss: 0.04, worstLoss: 0.12 },
  ])('$concurrency at once: adaptive waves cost little, levels much', (bound) => {
    const losses = traces.map((workflow) => {
      const free = makespanOf(withoutWaves(workflow), bound.concurrency);
      const adaptive = makespanOf(workflow, bound.concurrency) / free - 1;
      const byLevel = makespanOf(withLevelWaves(workflow), bound.concurrency) / free - 1;
      return { adaptive, byLevel };
    });
    const meanOf = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const adaptive = losses.map((loss) => loss.adaptive);
    expect(meanOf(adaptive)).toBeLessThan(bound.meanLoss);
    expect(Math.max(...adaptive)).toBeLessThan(bound.worstLoss);
    expect(meanOf(losses.map((loss) => loss.byLevel))).toBeGreaterThan(3 * meanOf(adaptive));
  });

  test.for(traces.map((workflow) => [workflow.name, workflow] as const))(
    '%s: at least 3 waves, at most 10, none with more than half',
    ([, workflow]) => {
      const { waves } = makePlan(workflow, { concurrency: 8, strategies: {} });
      expect(waves.length).toBeGreaterThanOrEqual(3);
      expect(waves.length).toBeLessThanOrEqual(10);
      const largest = Math.max(...waves.map((wave) => wave.steps.length));
      expect(largest).toBeLessThanOrEqual(workflow.steps.length / 2);
    },
  );
});
