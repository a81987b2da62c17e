/**
 * Recorded workflows as isolated runs of real processes that sleep for what the recorded ones took, scaled
 * down: from the first start to the last merge, against the list schedule that knows no waves. What lies
 * between is what worktrees, pins, merges, gates and checkpoints cost.
 */
import { makePlan } from '../src/plan/make-plan.ts';
import type { Workflow } from '../src/workflow/workflow.ts';
import { readTraces, TRACES_FOLDER, withoutWaves } from '../test/plan/traces.ts';
import { report, rowOf } from './harness.ts';
import { makeIsolatedBench } from './rig/isolated-run.ts';

const AT_ONCE = 8;
/** Larger ones would keep two cores busy with what orch does around the sleepers. */
const MOST_STEPS = 150;
/** How long a whole workflow is to take: some hours, scaled down. */
const TARGET_MS = 180_000;
const BUDGET = 1.05;
const FILES = 1_000;

/** As long as it takes for the list schedule of all of it to come to TARGET_MS. */
function scaled(workflow: Workflow): { readonly steps: Workflow; readonly makespanMs: number } {
  const settings = { concurrency: AT_ONCE, strategies: {} };
  const factor = TARGET_MS / makePlan(withoutWaves(workflow), settings).makespanMs;
  const steps = workflow.steps.map((step) => ({
    ...step,
    // No estimate is nothing.
    estimateMs: Math.max(1, Math.round((step.estimateMs ?? 0) * factor)),
  }));
  const small = { ...workflow, steps };
  return { steps: small, makespanMs: makePlan(withoutWaves(small), settings).makespanMs };
}

function textOf({ steps }: Workflow): string {
  const lines = steps.map(({ id, needs, estimateMs = 0 }) => {
    const run = `sleep ${estimateMs / 1000}; echo ${id} > d1/${id}.txt`;
    return `  ${id}: { needs: [${needs.join(', ')}], run: "${run}", estimate: ${estimateMs}ms }`;
  });
  const head = ['workspace: isolated', `concurrency: ${AT_ONCE}`, 'steps:'];
  return [...head, ...lines, ''].join('\n');
}

const traces = readTraces().filter(({ steps }) => steps.length <= MOST_STEPS);
if (traces.length === 0)
  process.stderr.write(`skipped: no recorded workflows in ${TRACES_FOLDER}\n`);
using bench = makeIsolatedBench(FILES);
bench.commitAll();
report(
  traces.map((trace, nth) => {
    const { steps, makespanMs } = scaled(trace);
    bench.addWorkflow(`trace-${nth}`, textOf(steps));
    const name = `${trace.name}, ${trace.steps.length} isolated steps, ${AT_ONCE} at once / list schedule without waves`;
    return rowOf(name, { aMs: [bench.run(`trace-${nth}`)], bMs: [makespanMs] }, BUDGET);
  }),
);
