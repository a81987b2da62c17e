import { describe, expect, test } from 'vitest';
import { makePlan, whatIf } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { planGraph, renderGraph } from '../../src/view/plan-graph.ts';
import { planJson } from '../../src/view/plan-json.ts';
import { planTable } from '../../src/view/plan-table.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, nestedOf, stepOf, workflowOf } from '../plan/builders.ts';

const steps: Step[] = [
  stepOf('a', { estimateMs: 3_200 }),
  stepOf('m', { needs: ['a'], matrix: matrixOf('x', 'y'), estimateMs: 1_000.4 }),
  nestedOf('o', { needs: ['m'] }),
  stepOf('o/p', { parent: 'o', kind: 'approval' }),
  stepOf('z', { needs: ['o'], estimateMs: 65_000 }),
];
const workflow = workflowOf({
  name: 'x',
  steps,
  strategy: 'systematic',
  gates: [gateOf('tests'), gateOf('audit', { level: 'strict' })],
});
const plan = makePlan(workflow, { concurrency: 2, strategies: {} });

function planWithHostileText(text: string): Plan {
  const hostile = workflowOf({ name: text, steps: [stepOf('m', { matrix: matrixOf(text) })] });
  return makePlan(hostile, { concurrency: 1, strategies: {} });
}

describe('planJson', () => {
  test('has the fields that scripts rely on, in seconds', () => {
    const json = planJson(plan);
    expect(json).toMatchObject({
      workflow: 'x',
      strategy: 'systematic',
      workspace: 'in-place',
      concurrency: 2,
      critical_path: ['a', 'm(x)', 'o/p', 'z'],
      critical_path_s: 69.2,
      work_s: 70.2,
      lower_bound_s: 69.2,
      makespan_s: 69.2,
    });
    expect(json.strategy_reason).toContain('systematic was asked for');
    expect(json.waves).toEqual([
      {
        index: 1,
        steps: ['a', 'm(x)', 'm(y)', 'o/p', 'z'],
        gates: ['tests'],
        gates_left_out: ['audit'],
        validation: 'standard',
        start_s: 0,
        end_s: 69.2,
      },
    ]);
    expect(json.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['a', []],
      ['m(x)', ['a']],
      ['m(y)', ['a']],
      ['o/p', ['m(x)', 'm(y)']],
      ['z', ['o/p']],
    ]);
    expect(json.steps[1]).toEqual({
      id: 'm(x)',
      kind: 'run',
      matrix: { item: 'x' },
      needs: ['a'],
      wave: 1,
      estimate_s: 1,
      estimate_source: 'declared',
      start_s: 3.2,
      end_s: 4.2,
      critical: true,
    });
  });

  test('what-if rows stand beside the plan when asked for', () => {
    expect(planJson(plan)).not.toHaveProperty('what_if');
    const rows = whatIf(workflow, { strategies: {} }, [1]);
    expect(planJson(plan, rows).what_if).toEqual([
      { concurrency: 1, makespan_s: 70.2, lower_bound_s: 70.2, waves: 1 },
    ]);
  });
});

describe('planTable', () => {
  test('a section a wave, the critical path marked, gates and what is left out below', () => {
    const table = planTable(plan, whatIf(workflow, { strategies: {} }, [1]));
    expect(table.header[0]).toBe('x: 5 steps in 1 wave, 2 at once, in-place');
    expect(table.header[2]).toBe('Time 1m 9s, at least 1m 9s, work 1m 10s');
    expect(table.header[3]).toBe('Critical path 1m 9s: a > m(x) > o/p > z');
    const [section] = table.sections;
    expect(section?.title).toBe('Wave 1 of 1, 0s to 1m 9s');
    expect(section?.rows.map(({ cells, critical }) => [...cells, critical])).toEqual([
      ['* a', '', '0s', '3.2s', '3.2s', true],
      ['* m(x)', 'a', '3.2s', '4.2s', '1s', true],
      ['  m(y)', 'a', '3.2s', '4.2s', '1s', false],
      ['* o/p', 'm(x), m(y)', '4.2s', '4.2s', '0s (default)', true],
      ['* z', 'o/p', '4.2s', '1m 9s', '1m 5s', true],
    ]);
    expect(section?.notes).toEqual(['gates: tests', 'left out by standard validation: audit']);
    expect(table.whatIf).toEqual([['1', '1m 10s', '1m 10s', '1']]);
  });

  test('no control character of a label reaches the terminal', () => {
    const table = planTable(planWithHostileText('\u001b[31mred\u202e\n'));
    expect(JSON.stringify(table)).not.toMatch(/\\u001b|\\n|[\u202e\u0000-\u001f]/);
  });
});

describe('renderGraph', () => {
  test('mermaid: waves are subgraphs, matrices and nested workflows joins', () => {
    expect(renderGraph(plan, 'mermaid').split('\n')).toEqual([
      'flowchart LR',
      '  subgraph w1["Wave 1"]',
      '    n0["a"]',
      '    n1["m(x)"]',
      '    n2["m(y)"]',
      '    n5["o/p"]',
      '    n6["z"]',
      '  end',
      '  n3{{"m"}}',
      '  n4s(["o starts"])',
      '  n4(["o ends"])',
      '  n0 --> n1',
      '  n0 --> n2',
      '  n1 --> n3',
      '  n2 --> n3',
      '  n3 --> n4s',
      '  n4s --> n5',
      '  n5 --> n4',
      '  n4 --> n6',
      '  classDef critical stroke-width:3px',
      '  class n0,n1,n3,n4s,n4,n5,n6 critical',
      '',
    ]);
  });

  test('dot: waves are clusters', () => {
    const dot = renderGraph(plan, 'dot');
    expect(dot).toContain('digraph "x" {');
    expect(dot).toContain(
      '  subgraph cluster_w1 {\n    label="Wave 1";\n    n0 [label="a", shape=box, penwidth=3];',
    );
    expect(dot).toContain('  n3 -> n4s;');
  });

  test('json: the same graph as data', () => {
    expect(JSON.parse(renderGraph(plan, 'json'))).toEqual({ workflow: 'x', ...planGraph(plan) });
  });

  const hostile =
    '"]; end\n  click n0 href "javascript:alert(1)" <b>&#35;`\\" --> x\u0000\u2028%%{';

  test('a hostile label stays inside its quotes in mermaid', () => {
    const lines = renderGraph(planWithHostileText(hostile), 'mermaid').split('\n');
    const label = lines.find((line) => line.includes('n0['));
    expect(label).toMatch(/^ {4}n0\["[^"<>&`\\[\]{}%;]*(?:#\d+;[^"<>&`\\[\]{}%;]*)*"\]$/);
    expect(lines.filter((line) => line.includes('click'))).toEqual([label]);
  });

  test('a hostile label stays inside its quotes in dot', () => {
    const lines = renderGraph(planWithHostileText(hostile), 'dot').split('\n');
    const labels = lines.filter((line) => line.includes('click'));
    expect(labels).toHaveLength(2);
    expect(labels[0]).toMatch(/^digraph "(?:[^"\\]|\\["\\])*" \{$/);
    expect(labels[1]).toMatch(/^ {4}n0 \[label="(?:[^"\\]|\\["\\])*", shape=box, penwidth=3\];$/);
  });
});
