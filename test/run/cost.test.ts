/**
 * What deciding costs must grow with the number of steps and hardly more, so that nothing looks at all
 * steps for each of them. Times are compared with times of the same run only.
 */
import { describe, expect, test } from 'vitest';
import { median, pairs } from '../../bench/harness.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState, type RunDefinition } from '../../src/run/create-state.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { stepOf, workflowOf } from '../plan/builders.ts';
import { driveAtOnce } from './drive.ts';

const SMALL = 4_000;
const LARGE = 32_000;
/** 8 times the steps may take 8 times as long, times the logarithm, caches and noise; by squares it is 64. */
const MOST = 24;

function definitionOf(steps: readonly Step[]): RunDefinition {
  const workflow = workflowOf({ steps, failFast: false });
  const plan = makePlan(workflow, { concurrency: 8, strategies: {} });
  return { run: 'r', workflow, plan, inputs: {} };
}

const every = (count: number, step: (place: number) => Step) =>
  Array.from({ length: count }, (_, place) => step(place));

const SHAPES: readonly { readonly name: string; readonly steps: (count: number) => Step[] }[] = [
  {
    name: 'steps beside each other',
    steps: (count) => every(count, (place) => stepOf(`s${place}`)),
  },
  {
    name: 'stages that need the one before',
    steps: (count) =>
      every(count, (place) => stepOf(`s${place}`, { needs: place < 64 ? [] : [`s${place - 64}`] })),
  },
  {
    name: 'steps that are skipped because one failed',
    steps: (count) =>
      every(count, (place) => stepOf(`s${place}`, { needs: place === 0 ? [] : ['s0'] })),
  },
  {
    name: 'approvals that all wait, with deadlines',
    steps: (count) =>
      every(count, (place) =>
        stepOf(`s${place}`, {
          kind: 'approval',
          approval: { message: '', timeoutMs: 1_000 + place },
        }),
      ),
  },
  {
    name: 'steps with patience',
    steps: (count) =>
      every(count, (place) => stepOf(`s${place}`, { timeout: { queueMs: 60_000 } })),
  },
];

/** Ratios of times need a quiet machine: `npm run test:long` has them, and bench/ the figures. */
const quiet = process.env['ORCH_LONG_TESTS'] !== undefined;
if (!quiet) console.log('skipped: the growth of cost is measured by npm run test:long');

describe.runIf(quiet)('the cost of deciding and folding', () => {
  test.each(SHAPES)('grows with the number of $name', { timeout: 240_000 }, async ({ steps }) => {
    const small = definitionOf(steps(SMALL));
    const large = definitionOf(steps(LARGE));
    const fails = (node: { readonly id: string }) => node.id === 's0';
    const times = await pairs(
      3,
      () => void driveAtOnce(large, fails),
      () => void driveAtOnce(small, fails),
    );
    expect(median(times.aMs) / median(times.bMs)).toBeLessThan(MOST);
  });

  test('of a resume grows with the number of events', { timeout: 240_000 }, async () => {
    const folding = (count: number) => {
      const definition = definitionOf(every(count, (place) => stepOf(`s${place}`)));
      const { events } = driveAtOnce(definition);
      return () => {
        const state = createState(definition);
        for (const event of events) applyEvent(state, event);
      };
    };
    const times = await pairs(3, folding(LARGE), folding(SMALL));
    expect(median(times.aMs) / median(times.bMs)).toBeLessThan(MOST);
  });
});
