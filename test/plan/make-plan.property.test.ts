import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OrchError } from '../../src/base/errors.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';
import { stepOf, workflowOf } from './builders.ts';
import { checkPlan } from './check-plan.ts';
import { naiveSchedule } from './naive-schedule.ts';
import { POOLS, randomWorkflow } from './random-workflows.ts';

const concurrency = fc.integer({ min: 1, max: 5 });
const workspace = fc.constantFrom('in-place', 'isolated');
const strategy = fc.constantFrom('auto', 'adaptive', 'progressive', 'systematic', 'enterprise');
const waves = fc.record({
  auto: fc.boolean(),
  max: fc.integer({ min: 1, max: 10 }),
  minSteps: fc.integer({ min: 1, max: 4 }),
});

describe('every plan', () => {
  test('keeps needs, slots, pools, waves and bounds', () => {
    fc.assert(
      fc.property(
        randomWorkflow({ maxSteps: 14 }),
        fc.record({ concurrency, workspace, strategy }),
        waves,
        (drawn, options, setting) => {
          const workflow = { ...drawn, waves: setting };
          const plan = makePlan(workflow, { ...options, strategies: {} });
          checkPlan(plan, workflow);
          const leaves = plan.waves.flatMap((wave) => wave.steps).length;
          const most = setting.auto ? Math.min(setting.max, Math.max(1, leaves)) : 1;
          expect(plan.waves.length).toBeLessThanOrEqual(most);
          if (plan.waves.length < 2) return;
          for (const wave of plan.waves) {
            expect(wave.steps.length).toBeGreaterThanOrEqual(setting.minSteps);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is the same when made again', () => {
    fc.assert(
      fc.property(randomWorkflow({ maxSteps: 14 }), concurrency, (workflow, slots) => {
        const options = { concurrency: slots, strategies: {} };
        expect(makePlan(workflow, options)).toEqual(makePlan(workflow, options));
      }),
      { numRuns: 50 },
    );
  });

  test('starts every leaf exactly when the plainest statement of the rules does', () => {
    fc.assert(
      fc.property(
        randomWorkflow({ maxSteps: 10 }),
        fc.record({ concurrency, workspace }),
        (workflow, options) => {
          const plan = makePlan(workflow, { ...options, strategy: 'progressive', strategies: {} });
          const expected = naiveSchedule(plan, POOLS, plan.workspace === 'in-place');
          const starts = new Map(
            plan.nodes.filter(({ id }) => expected.has(id)).map(({ id, startMs }) => [id, startMs]),
          );
          expect(starts).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the adaptive cut of 20 leaves and more', () => {
  test('has 4 to 10 waves where the graph has as many levels, none with more than half', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ needs: fc.array(fc.nat(), { maxLength: 2 }), ms: fc.nat(5_000) }), {
          minLength: 20,
          maxLength: 60,
        }),
        concurrency,
        (drafts, slots) => {
          const workflow = graphWorkflow(drafts);
          const plan = makePlan(workflow, { concurrency: slots, strategies: {} });
          checkPlan(plan, workflow);
          expect(plan.waves.length).toBeGreaterThanOrEqual(
            Math.min(4, Math.max(2, levelsOf(plan))),
          );
          expect(plan.waves.length).toBeLessThanOrEqual(10);
          for (const wave of plan.waves) {
            expect(wave.steps.length).toBeLessThanOrEqual(drafts.length / 2);
            expect(wave.steps.length).toBeGreaterThanOrEqual(2);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('pins', () => {
  test('hold in every plan, or are refused as contradicting', () => {
    const pins = fc.array(fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }), {
      minLength: 14,
      maxLength: 14,
    });
    fc.assert(
      fc.property(
        randomWorkflow({ maxSteps: 14 }),
        pins,
        fc.record({ concurrency, workspace, strategy }),
        fc.boolean(),
        (drawn, wanted, options, auto) => {
          const steps = drawn.steps.map((step, place) => {
            const wave = wanted[place % wanted.length];
            return wave === undefined || place % 3 !== 0 ? step : { ...step, wave };
          });
          const workflow = { ...drawn, steps, waves: { auto, max: 10, minSteps: 2 } };
          const plan = planUnlessRefused(workflow, { ...options, strategies: {} });
          if (plan === undefined) return;
          checkPlan(plan, workflow);
          for (const node of plan.nodes) {
            const isFree =
              node.kind === 'matrix' || node.kind === 'workflow' || node.parent !== undefined;
            if (!isFree && node.step.wave !== undefined) expect(node.wave).toBe(node.step.wave);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function planUnlessRefused(
  workflow: Workflow,
  options: Parameters<typeof makePlan>[1],
): Plan | undefined {
  try {
    return makePlan(workflow, options);
  } catch (error) {
    expect(error).toBeInstanceOf(OrchError);
    expect(error).toMatchObject({ code: 'ORCH_WAVE' });
    return undefined;
  }
}

function graphWorkflow(drafts: readonly { needs: readonly number[]; ms: number }[]): Workflow {
  const steps = drafts.map(({ needs, ms }, place) => {
    const before = place === 0 ? [] : needs.map((need) => `s${need % place}`);
    return stepOf(`s${place}`, { needs: [...new Set(before)], estimateMs: ms });
  });
  return workflowOf({ steps });
}

/** Nodes on the longest chain; a step stands behind all it needs. */
function levelsOf(plan: Plan): number {
  const levels: number[] = [];
  for (const { index, needs } of plan.nodes) {
    levels[index] = 1 + Math.max(0, ...needs.map((need) => levels[need] ?? 0));
  }
  return Math.max(...levels);
}
