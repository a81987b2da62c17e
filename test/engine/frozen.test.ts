/** run.json: what goes in comes out, whatever the size, and damage is told from the future. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeChecked } from '../../src/base/checked-json.ts';
import { OrchError } from '../../src/base/errors.ts';
import { decodeFrozen, encodeFrozen, type Frozen } from '../../src/engine/frozen.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, stepOf, workflowOf } from '../plan/builders.ts';
import { randomWorkflow } from '../plan/random-workflows.ts';

function frozenOf(workflow: Workflow): Frozen {
  return {
    v: 1,
    run: 'x-260101-k3f9',
    orch_version: '0.1.0',
    created_at: '2026-01-01T00:00:00.000Z',
    base: null,
    branch: null,
    index_tree: null,
    commit_to: 'branch',
    inputs: { word: 'x\u2028"', __proto__: 1 },
    workflow,
    plan: makePlan(workflow, { concurrency: 3, strategies: {} }),
  };
}

function codeOf(text: string): string {
  try {
    decodeFrozen(text, 'run.json', 'x-260101-k3f9');
    return 'none';
  } catch (error) {
    if (error instanceof OrchError) return error.code;
    throw error;
  }
}

describe('encodeFrozen and decodeFrozen', () => {
  test('are inverse for any workflow, and each step is written once', () => {
    fc.assert(
      fc.property(randomWorkflow({ maxSteps: 10 }), (workflow) => {
        const frozen = frozenOf({ ...workflow, gates: [gateOf('g')] });
        const text = encodeFrozen(frozen);
        expect(decodeFrozen(text, 'run.json', 'x-260101-k3f9')).toEqual(frozen);
        expect(text.split('"spot":').length - 1).toBe(workflow.steps.length);
      }),
      { numRuns: 50 },
    );
  });

  test('hold 10,000 steps, of which instances of a matrix share one definition', () => {
    const labels = Array.from({ length: 5_000 }, (_, place) => `v${place}`);
    const steps = Array.from({ length: 5_000 }, (_, place) => stepOf(`s${place}`));
    const frozen = frozenOf(
      workflowOf({ steps: [stepOf('m', { matrix: matrixOf(...labels) }), ...steps] }),
    );
    const text = encodeFrozen(frozen);
    const read = decodeFrozen(text, 'run.json', 'x-260101-k3f9');
    expect(read.plan.nodes).toHaveLength(10_001);
    expect(read.plan.nodes[0]?.step).toBe(read.plan.nodes[4_999]?.step);
    expect(encodeFrozen(read)).toBe(text); // Deep comparison would go through the matrix 5,000 times.
  });

  test('keep the gates of waves that began before the workflow was changed', () => {
    const frozen = frozenOf(
      workflowOf({ steps: [stepOf('a')], gates: [gateOf('g', { level: 'light' })] }),
    );
    const gone = { ...frozen, workflow: { ...frozen.workflow, gates: [] } };
    const other = gateOf('g', { level: 'light', run: 'false' });
    const changed = { ...frozen, workflow: { ...frozen.workflow, gates: [other] } };
    expect(frozen.plan.waves[0]?.gates).toHaveLength(1);
    for (const each of [gone, changed])
      expect(decodeFrozen(encodeFrozen(each), 'run.json', 'x-260101-k3f9')).toEqual(each);
  });

  test('cut at any byte, flipped or from a newer orch, it is refused with a code', () => {
    const text = encodeFrozen(
      frozenOf(workflowOf({ steps: [stepOf('a'), stepOf('b', { needs: ['a'] })] })),
    );
    for (let size = 0; size < text.length - 1; size++)
      expect(codeOf(text.slice(0, size))).toBe('ORCH_RUN_DAMAGED');
    const bytes = Buffer.from(text);
    for (let place = 0; place < bytes.length - 1; place++) {
      const flipped = Buffer.from(bytes);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << (place % 7));
      expect([place, codeOf(flipped.toString())]).toEqual([place, 'ORCH_RUN_DAMAGED']);
    }
    for (const other of ['null', '[]', '{}', '"x"', '{"v":1,"workflow":{"steps":[],"gates":[]}}'])
      expect(codeOf(other)).toBe('ORCH_RUN_DAMAGED');
  });

  test('with a checksum that fits it is still looked at', () => {
    const { crc: _, ...value } = JSON.parse(
      encodeFrozen(frozenOf(workflowOf({ steps: [stepOf('a')] }))),
    );
    const plan = { ...value.plan, nodes: [{ ...value.plan.nodes[0], step: 'zzz' }] };
    expect(codeOf(encodeChecked(value))).toBe('none');
    expect(codeOf(encodeChecked({ ...value, plan }))).toBe('ORCH_RUN_DAMAGED');
    expect(codeOf(encodeChecked({ ...value, workflow: 7 }))).toBe('ORCH_RUN_DAMAGED');
    const { pools: _pools, ...poolless } = value.workflow;
    const oddly = [
      { workflow: poolless },
      { plan: { ...value.plan, waves: [] } },
      { run: 'x; touch /tmp/P #' },
      { run: 'other-260101-k3f9' },
      { base: '--output=/tmp/x' },
      { index_tree: 'HEAD' },
      { branch: 'main\u001b[2J' },
    ];
    for (const odd of oddly)
      expect([odd, codeOf(encodeChecked({ ...value, ...odd }))]).toEqual([odd, 'ORCH_RUN_DAMAGED']);
    expect(codeOf(encodeChecked({ ...value, v: 2 }))).toBe('ORCH_JOURNAL_NEWER');
  });
});
