/**
 * Planning: how its time grows with the number of steps, and what waves cost on recorded workflows.
 *
 * The shape is that of real pipelines at large: stages of 64 steps that need two of the stage before.
 * By n log n a doubling may take 2.2 times as long, and ten times the steps 12.5 times.
 */
import { makePlan } from '../src/plan/make-plan.ts';
import type { Workflow } from '../src/workflow/workflow.ts';
import { stepOf, workflowOf } from '../test/plan/builders.ts';
import { readTraces, TRACES_FOLDER, withLevelWaves, withoutWaves } from '../test/plan/traces.ts';
import { type BenchRow, median, pairs, report, rowOf } from './harness.ts';

const PAIRS = 7;
const STAGE = 64;

function stages(count: number): Workflow {
  const steps = Array.from({ length: count }, (_, place) => {
    const before = place - STAGE;
    const needs = before < 0 ? [] : [`s${before}`, `s${before - (before % STAGE)}`];
    // Spread over five seconds without randomness, so that every run plans the same.
    return stepOf(`s${place}`, { needs, estimateMs: 1_000 + ((place * 7_919) % 5_000) });
  });
  return workflowOf({ steps });
}

function planning(count: number): () => void {
  const workflow = stages(count);
  return () => void makePlan(workflow, { concurrency: 8, strategies: {} });
}

async function growth(large: number, small: number, budget: number): Promise<BenchRow> {
  const times = await pairs(PAIRS, planning(large), planning(small));
  return rowOf(`plan of ${large} steps / of ${small}`, times, budget);
}

/** Here a and b are planned makespans, and the ratio is the mean over the workflows. */
function costOfWaves(
  name: string,
  concurrency: number,
  cut: (workflow: Workflow) => Workflow,
  budget?: number,
): BenchRow {
  const traces = readTraces();
  const makespanOf = (workflow: Workflow): number =>
    makePlan(workflow, { concurrency, strategies: {} }).makespanMs;
  const a = traces.map((workflow) => makespanOf(cut(workflow)));
  const b = traces.map((workflow) => makespanOf(withoutWaves(workflow)));
  const ratios = a.map((makespan, nth) => makespan / (b[nth] ?? makespan));
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  return {
    name: `makespan of recorded workflows, ${concurrency} at once: ${name} / no waves`,
    ratio: Number(mean.toPrecision(4)),
    ...(budget === undefined ? {} : { budget }),
    a_median_ms: median(a),
    b_median_ms: median(b),
    pairs: ratios.length,
  };
}

const rows = [
  await growth(20_000, 10_000, 2.6),
  await growth(40_000, 20_000, 2.6),
  await growth(80_000, 40_000, 2.6),
  await growth(100_000, 10_000, 12.5),
];
if (readTraces().length === 0) {
  console.error(`no recorded workflows in ${TRACES_FOLDER}: the cost of waves is not measured`);
} else {
  for (const { concurrency, budget } of [
    { concurrency: 2, budget: 1.005 },
    { concurrency: 8, budget: 1.01 },
    { concurrency: 32, budget: 1.03 },
  ]) {
    rows.push(costOfWaves('adaptive waves', concurrency, (workflow) => workflow, budget));
    rows.push(costOfWaves('a wave a level', concurrency, withLevelWaves));
  }
}
report(rows);
