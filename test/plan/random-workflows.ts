/**
 * Random workflows for properties: matrices (empty and unknown ones too), nested workflows, approvals,
 * pools, estimates of zero and none. A step needs only steps before it, but the file may be reversed,
 * because nothing promises that needs stand first.
 */
import fc from 'fast-check';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { matrixOf, nestedOf, stepOf, workflowOf } from './builders.ts';

export const POOLS = { gpu: 1, seat: 3 } as const;

interface Draft {
  readonly shape: 'plain' | 'matrix' | 'dynamic' | 'approval' | 'nested';
  readonly instances: number;
  readonly estimateMs: number | undefined;
  readonly uses: Readonly<Record<string, number>>;
  readonly needs: readonly number[];
  readonly inside: readonly Omit<Draft, 'inside'>[];
}

const draftFields = {
  instances: fc.integer({ min: 0, max: 4 }),
  estimateMs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  uses: fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    fc.record({ gpu: fc.constant(1) }),
    fc.record({ seat: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ gpu: fc.constant(1), seat: fc.integer({ min: 1, max: 3 }) }),
  ),
  needs: fc.array(fc.nat({ max: 30 }), { maxLength: 3 }),
};
const simpleShape = fc.constantFrom('plain', 'plain', 'matrix', 'dynamic', 'approval');

const draft: fc.Arbitrary<Draft> = fc.record({
  ...draftFields,
  shape: fc.oneof({ weight: 6, arbitrary: simpleShape }, fc.constant('nested')),
  inside: fc.array(fc.record({ ...draftFields, shape: simpleShape }), { maxLength: 4 }),
});

export interface RandomOptions {
  readonly maxSteps: number;
}

export function randomWorkflow({ maxSteps }: RandomOptions): fc.Arbitrary<Workflow> {
  return fc
    .record({ drafts: fc.array(draft, { maxLength: maxSteps }), isReversed: fc.boolean() })
    .map(({ drafts, isReversed }) => {
      const steps = stepsOf(drafts, undefined);
      return workflowOf({ steps: isReversed ? steps.reverse() : steps, pools: POOLS });
    });
}

function stepsOf(
  drafts: readonly (Omit<Draft, 'inside'> & Partial<Pick<Draft, 'inside'>>)[],
  parent: string | undefined,
): Step[] {
  const idOf = (place: number): string =>
    parent === undefined ? `s${place}` : `${parent}/s${place}`;
  return drafts.flatMap((draft, place) => {
    const needs = place === 0 ? [] : [...new Set(draft.needs.map((need) => idOf(need % place)))];
    const within = parent === undefined ? {} : { parent };
    const id = idOf(place);
    if (draft.shape === 'nested') {
      return [nestedOf(id, { needs, ...within }), ...stepsOf(draft.inside ?? [], id)];
    }
    const estimate = draft.estimateMs === undefined ? {} : { estimateMs: draft.estimateMs };
    const fields = { needs, uses: draft.uses, ...estimate, ...within };
    if (draft.shape === 'approval') {
      return [stepOf(id, { ...fields, kind: 'approval', approval: { message: 'go?' } })];
    }
    if (draft.shape === 'plain') return [stepOf(id, fields)];
    const labels = Array.from({ length: draft.instances }, (_, nth) => `v${nth}`);
    const matrix =
      draft.shape === 'matrix'
        ? matrixOf(...labels)
        : ({ kind: 'dynamic', expression: 'fromJSON(steps.s0.outputs.list)' } as const);
    return [stepOf(id, { ...fields, matrix })];
  });
}
