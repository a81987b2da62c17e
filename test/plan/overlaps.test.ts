/** Which steps of a plan are said to get in each other's way, and which are not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import { findOverlaps, type Overlap } from '../../src/plan/overlaps.ts';
import { planJson } from '../../src/view/plan-json.ts';
import { planTable } from '../../src/view/plan-table.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { matrixOf, nestedOf, stepOf, workflowOf } from './builders.ts';

function planOf(steps: readonly Step[], workspace: Workflow['workspace'] = 'isolated') {
  return makePlan(workflowOf({ steps: [...steps] }), { concurrency: 4, workspace, strategies: {} });
}

const overlapsOf = (...steps: Step[]): Overlap[] => findOverlaps(planOf(steps));

describe('patterns of two steps side by side', () => {
  test.for<{ a: string[]; b: string[]; paths: string[] }>([
    { a: ['dist/a.js'], b: ['dist/a.js'], paths: ['dist/a.js'] },
    { a: ['dist/a.js'], b: ['./dist//a.js'], paths: ['./dist//a.js', 'dist/a.js'] },
    { a: ['dist/a.js'], b: ['dist/b.js'], paths: [] },
    { a: ['dist/**'], b: ['dist/a.js'], paths: ['dist/a.js'] },
    { a: ['dist/*.js'], b: ['dist/a.js', 'dist/a.css', 'dist/x/a.js'], paths: ['dist/a.js'] },
    { a: ['dist/?.js'], b: ['dist/a.js', 'dist/ab.js'], paths: ['dist/a.js'] },
    { a: ['**/*.md'], b: ['a/b/c.md', 'd.md', 'e.txt'], paths: ['a/b/c.md', 'd.md'] },
    { a: ['dist'], b: ['dist/a.js'], paths: ['dist/a.js'] },
    { a: ['dist'], b: ['distant/a.js'], paths: [] },
    { a: ['dist/**'], b: ['dist/**'], paths: ['dist/**'] },
    { a: ['dist/**'], b: ['dist/sub/**'], paths: ['dist/sub/**'] },
    { a: ['src/**/*.ts'], b: ['src/**/*.js'], paths: [] },
    { a: ['src/**/*.ts'], b: ['src/lib/*.ts'], paths: ['src/lib/*.ts'] },
    { a: ['src/*.ts'], b: ['src/a*'], paths: [] },
    { a: ['a/**'], b: ['b/**'], paths: [] },
    { a: ['dist/**', '!dist/docs/**'], b: ['dist/docs/a.md'], paths: [] },
    { a: ['dist/**', '!dist/docs/**'], b: ['dist/docs/a.md', 'dist/x'], paths: ['dist/x'] },
    { a: ['dist/{a,b}.js'], b: ['dist/a.js'], paths: [] },
    { a: ['dist/{a,b}.js'], b: ['dist/{a,b}.js'], paths: ['dist/{a,b}.js'] },
    { a: ['out/${{ inputs.name }}'], b: ['out/${{ inputs.name }}'], paths: [] },
    { a: [], b: ['dist/**'], paths: [] },
  ])('$a and $b meet in $paths', ({ a, b, paths }) => {
    const expected = paths.length === 0 ? [] : [{ steps: ['a', 'b'], paths }];
    expect(overlapsOf(stepOf('a', { produces: a }), stepOf('b', { produces: b }))).toEqual(
      expected,
    );
    expect(overlapsOf(stepOf('a', { produces: b }), stepOf('b', { produces: a }))).toEqual(
      expected,
    );
  });
});

describe('who may run at once', () => {
  const produces = ['dist/**'];

  test('a step that needs the other one, at any distance, does not', () => {
    const far = [
      stepOf('a', { produces }),
      stepOf('b', { needs: ['a'] }),
      stepOf('c', { needs: ['b'], produces }),
    ];
    expect(overlapsOf(...far)).toEqual([]);
    expect(overlapsOf(...[...far].reverse())).toEqual([]);
  });

  test('of several, each two neighbours that do not wait', () => {
    const steps = ['a', 'b', 'c'].map((id) => stepOf(id, { produces }));
    expect(overlapsOf(...steps)).toEqual([
      { steps: ['a', 'b'], paths: produces },
      { steps: ['b', 'c'], paths: produces },
    ]);
  });

  test('instances of a matrix, but not the only one', () => {
    const matrix = (...labels: string[]) => stepOf('m', { matrix: matrixOf(...labels), produces });
    expect(overlapsOf(matrix('x', 'y', 'z'))).toEqual([
      { steps: ['m(x)', 'm(y)'], paths: produces },
    ]);
    expect(overlapsOf(matrix('x'))).toEqual([]);
    const after = stepOf('n', { needs: ['m'], produces });
    expect(overlapsOf(matrix('x', 'y'), after)).toEqual([
      { steps: ['m(x)', 'm(y)'], paths: produces },
    ]);
  });

  test('steps of two nested workflows, unless one workflow needs the other', () => {
    const nested = (needs: string[]) => [
      nestedOf('p'),
      stepOf('p/a', { parent: 'p', produces }),
      nestedOf('q', { needs }),
      stepOf('q/a', { parent: 'q', produces }),
    ];
    expect(overlapsOf(...nested([]))).toEqual([{ steps: ['p/a', 'q/a'], paths: produces }]);
    expect(overlapsOf(...nested(['p']))).toEqual([]);
  });

  test('nobody in place, and nobody when steps run one by one', () => {
    const steps = [stepOf('a', { produces }), stepOf('b', { produces })];
    expect(findOverlaps(planOf(steps, 'in-place'))).toEqual([]);
    expect(findOverlaps({ ...planOf(steps), concurrency: 1 })).toEqual([]);
  });

  test('there is a warning for some pair exactly when some pair does not wait', () => {
    const graph = fc.array(
      fc.record({ needs: fc.array(fc.nat(20), { maxLength: 3 }), writes: fc.boolean() }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(graph, (drawn) => {
        const steps = drawn.map(({ needs, writes }, at) => {
          const before = needs.filter((need) => need < at).map((need) => `s${need}`);
          return stepOf(`s${at}`, { needs: before, produces: writes ? ['x', `own/${at}`] : [] });
        });
        const waitsFor = new Map<string, Set<string>>();
        for (const { id, needs } of steps) {
          waitsFor.set(id, new Set(needs.flatMap((need) => [need, ...(waitsFor.get(need) ?? [])])));
        }
        const isApart = (one: string, other: string) =>
          !waitsFor.get(one)?.has(other) && !waitsFor.get(other)?.has(one);
        const writers = steps.filter(({ produces: own }) => own.length > 0).map(({ id }) => id);
        const apart = writers.some((one) =>
          writers.some((other) => one !== other && isApart(one, other)),
        );
        const found = overlapsOf(...steps);
        expect(found.length > 0).toBe(apart);
        for (const { steps: pair, paths } of found) {
          expect(isApart(pair[0], pair[1])).toBe(true);
          expect(paths).toEqual(['x']);
        }
      }),
    );
  });
});

describe('10,000 steps', () => {
  test.for<{ name: string; produces: (at: number) => string[]; chained: boolean }>([
    { name: 'each with files of its own', produces: (at) => [`out/s${at}/**`], chained: false },
    { name: 'all with the same', produces: () => ['dist/**'], chained: false },
    { name: 'all with the same, one after the other', produces: () => ['dist/**'], chained: true },
    { name: 'wildcards everywhere', produces: (at) => [`**/s${at}/**/*`, '*/x*'], chained: false },
    {
      name: 'one that takes all, in a chain',
      produces: (at) => (at === 0 ? ['**'] : [`out/${at}`]),
      chained: true,
    },
  ])('$name: a warning is no reason to wait', ({ produces, chained }) => {
    const steps = Array.from({ length: 10_000 }, (_, at) =>
      stepOf(`s${at}`, {
        produces: produces(at),
        needs: chained && at > 0 ? [`s${at - 1}`] : [],
      }),
    );
    const plan = planOf(steps);
    const start = process.cpuUsage();
    const found = findOverlaps(plan);
    const { user, system } = process.cpuUsage(start);
    expect(found.length).toBeLessThanOrEqual(100);
    // Of processor time, which other work on the machine does not stretch by much.
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });
});

describe('how it is told', () => {
  const steps = ['a', 'b'].map((id) => stepOf(id, { produces: ['dist/**'] }));

  test('as a line above the plan, and as an object for scripts', () => {
    const plan = planOf(steps);
    expect(planTable(plan).header.at(-1)).toMatch(
      /^warning: a and b both produce dist\/\*\* and may run at once/,
    );
    expect(planJson(plan).warnings).toEqual([
      {
        code: 'produces_overlap',
        steps: ['a', 'b'],
        paths: ['dist/**'],
        message: expect.stringContaining('a and b both produce dist/**'),
      },
    ]);
  });

  test('not at all where there is nothing to say', () => {
    const plan = planOf(steps, 'in-place');
    expect(planTable(plan).header.join('\n')).not.toContain('warning');
    expect(planJson(plan)).not.toHaveProperty('warnings');
  });

  test('at most ten lines, and how many there are besides', () => {
    const many = Array.from({ length: 20 }, (_, at) => stepOf(`s${at}`, { produces: ['x'] }));
    const lines = planTable(planOf(many)).header.filter((line) => line.startsWith('warning'));
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe('warning: and 9 more like these');
  });
});
