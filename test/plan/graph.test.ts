import { describe, expect, test } from 'vitest';
import { flattenNeeds } from '../../src/plan/flatten-needs.ts';
import { childrenOf, dependentsOf, graphOf } from '../../src/plan/graph.ts';
import { pointsOf } from '../../src/plan/points.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { matrixOf, nestedOf, stepOf } from './builders.ts';

/** `id kind <- needs` for each node, indices written as ids. */
function outline(steps: readonly Step[]): string[] {
  const nodes = graphOf(steps);
  return nodes.map(({ id, kind, needs }) => {
    const named = needs.map((need) => nodes[need]?.id);
    return named.length > 0 ? `${id} ${kind} <- ${named.join(' ')}` : `${id} ${kind}`;
  });
}

describe('graphOf', () => {
  test.for<{ name: string; steps: Step[]; nodes: string[] }>([
    { name: 'no steps, no nodes', steps: [], nodes: [] },
    {
      name: 'a need may stand later in the file, and twice',
      steps: [stepOf('b', { needs: ['a', 'a'] }), stepOf('a')],
      nodes: ['b step <- a', 'a step'],
    },
    {
      name: 'a matrix is its instances and one node that needs them all',
      steps: [
        stepOf('a'),
        stepOf('m', { needs: ['a'], matrix: matrixOf('x', 'y') }),
        stepOf('z', { needs: ['m'] }),
      ],
      nodes: ['a step', 'm(x) step <- a', 'm(y) step <- a', 'm matrix <- m(x) m(y)', 'z step <- m'],
    },
    {
      name: 'a matrix without instances passes on what it needs',
      steps: [stepOf('a'), stepOf('m', { needs: ['a'], matrix: matrixOf() })],
      nodes: ['a step', 'm matrix <- a'],
    },
    {
      name: 'an unknown matrix is one dynamic node',
      steps: [
        stepOf('a'),
        stepOf('m', { needs: ['a'], matrix: { kind: 'dynamic', expression: 'x' } }),
      ],
      nodes: ['a step', 'm dynamic <- a'],
    },
    {
      name: 'a nested workflow does not list its children',
      steps: [
        nestedOf('out'),
        stepOf('out/in', { parent: 'out' }),
        stepOf('z', { needs: ['out'] }),
      ],
      nodes: ['out workflow', 'out/in step', 'z step <- out'],
    },
  ])('$name', ({ steps, nodes }) => {
    expect(outline(steps)).toEqual(nodes);
  });

  test('an instance knows its values and its matrix node, a child its parent', () => {
    const nodes = graphOf([
      nestedOf('out'),
      stepOf('out/m', { parent: 'out', matrix: matrixOf('x', 'y') }),
    ]);
    expect(nodes[1]).toMatchObject({ matrix: { item: 'x' }, matrixNode: 3, parent: 0 });
    expect(nodes[3]).toMatchObject({ kind: 'matrix', parent: 0 });
    expect(childrenOf(nodes)).toEqual([[1, 2, 3], [], [], []]);
    expect(dependentsOf(nodes)).toEqual([[], [3], [3], []]);
  });

  test.for([
    { name: 'an unknown need', steps: [stepOf('a', { needs: ['b'] })], error: /"a" refers to "b"/ },
    { name: 'an id twice', steps: [stepOf('a'), stepOf('a')], error: /two steps have the id "a"/ },
    {
      name: 'an instance twice',
      steps: [stepOf('m', { matrix: matrixOf('x', 'x') })],
      error: /two steps have the id "m\(x\)"/,
    },
    {
      name: 'a nested workflow with a matrix',
      steps: [nestedOf('n', { matrix: matrixOf('x') })],
      error: /cannot have a matrix/,
    },
  ])('refuses $name', ({ steps, error }) => {
    expect(() => graphOf(steps)).toThrow(error);
  });
});

describe('cycles', () => {
  test.for([
    {
      name: 'two steps, seen from the one that stands first',
      steps: [stepOf('z'), stepOf('b', { needs: ['a', 'z'] }), stepOf('a', { needs: ['b'] })],
      error: /: "b" waits for "a", "a" waits for "b"\n {2}fix: .*needs.*ORCH_CYCLE/s,
    },
    {
      name: 'a step that needs itself',
      steps: [stepOf('a', { needs: ['a'] })],
      error: /"a" waits for "a"/,
    },
    {
      name: 'three steps in their order, without the steps around them',
      steps: [
        stepOf('c', { needs: ['b'] }),
        stepOf('a', { needs: ['c'] }),
        stepOf('b', { needs: ['a'] }),
        stepOf('after', { needs: ['c'] }),
      ],
      error: /: "c" waits for "b", "b" waits for "a", "a" waits for "c"\n/,
    },
    {
      name: 'a child that needs the workflow it lies in',
      steps: [nestedOf('out'), stepOf('out/in', { parent: 'out', needs: ['out'] })],
      error: /: "out" waits for "out\/in", "out\/in" waits for "out"/,
    },
  ])('are named: $name', ({ steps, error }) => {
    expect(() => pointsOf(graphOf(steps))).toThrow(error);
  });
});

describe('flattenNeeds', () => {
  const flatten = (steps: readonly Step[]): Record<string, readonly string[]> => {
    const nodes = graphOf(steps).map((node) => ({
      ...node,
      estimateMs: 0,
      estimateSource: 'default' as const,
      remainingMs: 0,
      wave: 1,
      startMs: 0,
      endMs: 0,
      critical: false,
    }));
    return Object.fromEntries(flattenNeeds({ nodes }));
  };

  test('a need of a matrix becomes its instances', () => {
    const steps = [stepOf('m', { matrix: matrixOf('x', 'y') }), stepOf('z', { needs: ['m'] })];
    expect(flatten(steps)).toEqual({ 'm(x)': [], 'm(y)': [], z: ['m(x)', 'm(y)'] });
  });

  test('first steps of a nested workflow get its needs, and who needs it waits for its last ones', () => {
    const steps = [
      stepOf('a'),
      nestedOf('o', { needs: ['a'] }),
      stepOf('o/p', { parent: 'o' }),
      stepOf('o/q', { parent: 'o', needs: ['o/p'], matrix: matrixOf('x', 'y') }),
      stepOf('o/r', { parent: 'o', needs: ['o/p'] }),
      stepOf('z', { needs: ['o'] }),
    ];
    expect(flatten(steps)).toEqual({
      a: [],
      'o/p': ['a'],
      'o/q(x)': ['o/p'],
      'o/q(y)': ['o/p'],
      'o/r': ['o/p'],
      z: ['o/q(x)', 'o/q(y)', 'o/r'],
    });
  });

  test('what is empty passes on what it needs itself', () => {
    const steps = [
      stepOf('a'),
      nestedOf('o', { needs: ['a'] }),
      stepOf('m', { needs: ['o'], matrix: matrixOf() }),
      stepOf('z', { needs: ['m'] }),
    ];
    expect(flatten(steps)).toEqual({ a: [], z: ['a'] });
  });
});
