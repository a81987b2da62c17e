/** A changed workflow in a run that has begun: what has been done stays, and no order is broken. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adoptPlan } from '../../src/plan/adopt-plan.ts';
import { flattenNeeds } from '../../src/plan/flatten-needs.ts';
import { isLeaf } from '../../src/plan/graph.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { gateOf, nestedOf, stepOf, workflowOf } from './builders.ts';
import { randomWorkflow } from './random-workflows.ts';

const OPTIONS = { concurrency: 2, strategies: {}, strategy: 'progressive' } as const;

function planOf(workflow: Workflow): Plan {
  return makePlan({ ...workflow, waves: { auto: true, max: 6, minSteps: 1 } }, OPTIONS);
}

const ahead = (frontier: number) => ({ frontier, gatesFrom: frontier + 1 });

function waveOf(plan: Plan, id: string): number | undefined {
  return plan.nodes.find((node) => node.id === id)?.wave;
}

describe('adoptPlan', () => {
  test('keeps waves and their order for any workflow that takes the place of another', () => {
    const frontierOf = (plan: Plan, share: number) =>
      1 + Math.floor(share * Math.max(0, plan.waves.length - 1));
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const workflow = randomWorkflow({ maxSteps: 12 });
    fc.assert(
      fc.property(workflow, workflow, share, (before, after, part) => {
        const old = planOf(before);
        if (old.waves.length === 0) return;
        const fresh = planOf(after);
        const frontier = frontierOf(old, part);
        const plan = adoptPlan(old, fresh, after.gates, { frontier, gatesFrom: frontier });
        const oldIds = new Map(old.nodes.filter(isLeaf).map(({ id, wave }) => [id, wave]));
        const isBehind = (id: string) => (oldIds.get(id) ?? frontier) < frontier;

        expect(plan.waves.map(({ index }) => index)).toEqual(old.waves.map(({ index }) => index));
        const leaves = plan.nodes.filter(isLeaf);
        expect(plan.waves.flatMap(({ steps }) => steps).sort()).toEqual(
          leaves.map(({ id }) => id).sort(),
        );
        const needs = flattenNeeds(plan);
        for (const leaf of leaves) {
          expect(plan.waves[leaf.wave - 1]?.steps).toContain(leaf.id);
          if (isBehind(leaf.id)) {
            expect(leaf.wave).toBe(oldIds.get(leaf.id));
            continue; // It has ended, whatever it needs now.
          }
          expect(leaf.wave).toBeGreaterThanOrEqual(frontier);
          for (const need of needs.get(leaf.id) ?? [])
            expect(waveOf(plan, need), `${need} before ${leaf.id}`).toBeLessThanOrEqual(leaf.wave);
        }
        for (const node of plan.nodes) {
          const parts = plan.nodes.filter(
            ({ matrixNode, parent }) => matrixNode === node.index || parent === node.index,
          );
          for (const part of parts) expect(part.wave).toBeLessThanOrEqual(node.wave);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('changes nothing when nothing has changed', () => {
    fc.assert(
      fc.property(randomWorkflow({ maxSteps: 10 }), (workflow) => {
        const plan = planOf(workflow);
        if (plan.waves.length === 0) return;
        const adopted = adoptPlan(plan, plan, workflow.gates, ahead(1));
        expect(adopted.nodes.map(({ id, wave }) => [id, wave])).toEqual(
          plan.nodes.map(({ id, wave }) => [id, wave]),
        );
      }),
      { numRuns: 100 },
    );
  });

  const pinned = (id: string, wave: number, needs: string[] = []) => stepOf(id, { wave, needs });
  const OLD = workflowOf({ steps: [pinned('a', 1), pinned('b', 2, ['a']), pinned('c', 3, ['b'])] });

  test('puts a new step into the first wave that still takes steps, and after what it needs', () => {
    const steps = [...OLD.steps, stepOf('new'), stepOf('late', { needs: ['c'] })];
    const plan = adoptPlan(planOf(OLD), planOf(workflowOf({ steps })), [], ahead(2));
    expect(waveOf(plan, 'new')).toBe(2);
    expect(waveOf(plan, 'late')).toBe(3);
  });

  test('moves a step that needs a new one behind it, and what is nested with it', () => {
    const steps = [
      ...OLD.steps.slice(0, 2),
      nestedOf('o', { needs: ['c'] }),
      stepOf('o/x', { parent: 'o' }),
      pinned('c', 3),
      stepOf('d', { needs: ['o'] }),
    ];
    const plan = adoptPlan(planOf(OLD), planOf(workflowOf({ steps })), [], ahead(1));
    expect([waveOf(plan, 'c'), waveOf(plan, 'o/x'), waveOf(plan, 'o'), waveOf(plan, 'd')]).toEqual([
      3, 3, 3, 3,
    ]);
  });

  test('puts new and changed steps where they are pinned, as long as that wave takes steps', () => {
    const withSteps = (...steps: Workflow['steps']) => planOf(workflowOf({ steps }));
    const adopt = (...steps: Workflow['steps']) =>
      adoptPlan(planOf(OLD), withSteps(...steps), [], ahead(2));
    const [a, b, c] = OLD.steps as [Step, Step, Step];
    expect(waveOf(adopt(a, b, c, pinned('new', 3)), 'new')).toBe(3);
    expect(waveOf(adopt(a, pinned('b', 3, ['a']), c, pinned('x', 2)), 'b')).toBe(3);
    const nested = [nestedOf('o', { wave: 3 }), stepOf('o/x', { parent: 'o' })];
    expect(waveOf(adopt(a, b, c, ...nested), 'o/x')).toBe(3);
    expect(() => adopt(a, b, c, pinned('new', 1))).toThrow(
      /"new" is pinned to wave 1, .* waves 2 to 3 only.*fix: set "wave" of "new" to 2/s,
    );
    expect(() => adopt(a, b, c, pinned('new', 4))).toThrow(/"new" is pinned to wave 4/);
  });

  test('gives new gates to waves whose gates have not begun, and keeps those of the others', () => {
    const before = { ...OLD, gates: [gateOf('old', { level: 'light' })] };
    const after = {
      ...OLD,
      gates: [gateOf('new', { level: 'light' }), gateOf('last', { level: 'light', on: 'end' })],
    };
    const plan = adoptPlan(planOf(before), planOf(after), after.gates, ahead(2));
    expect(plan.waves.map(({ gates }) => gates.map(({ name }) => name))).toEqual([
      ['old'],
      ['old'],
      ['new', 'last'],
    ]);
    const open = adoptPlan(planOf(before), planOf(after), after.gates, {
      frontier: 2,
      gatesFrom: 2,
    });
    expect(open.waves[1]?.gates.map(({ name }) => name)).toEqual(['new']);
  });

  test('refuses new steps when every wave is behind', () => {
    const steps = [...OLD.steps, stepOf('new')];
    const fresh = planOf(workflowOf({ steps }));
    expect(() => adoptPlan(planOf(OLD), fresh, [], ahead(4))).toThrow(/"new" is new.*fix: /s);
    expect(adoptPlan(planOf(OLD), planOf(OLD), [], ahead(4)).nodes).toHaveLength(3);
  });
});
