import { describe, expect, test } from 'vitest';
import { makePlan, type PlanOptions, whatIf } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, nestedOf, stepOf, workflowOf } from './builders.ts';

type Fields = Partial<Workflow>;

function planOf(steps: Step[], fields: Fields = {}, options: Partial<PlanOptions> = {}): Plan {
  const workflow = workflowOf({ steps, ...fields });
  return makePlan(workflow, { concurrency: 4, strategies: {}, ...options });
}

function wavesOf(plan: Plan): string[][] {
  return plan.waves.map((wave) => [...wave.steps].sort());
}

function chain(length: number, fields: Partial<Step> = {}): Step[] {
  return Array.from({ length }, (_, place) =>
    stepOf(`s${place}`, { needs: place > 0 ? [`s${place - 1}`] : [], ...fields }),
  );
}

function beside(count: number, fields: Partial<Step> = {}): Step[] {
  return Array.from({ length: count }, (_, place) => stepOf(`s${place}`, fields));
}

describe('how many waves', () => {
  const small = { estimateMs: 2_000 };
  test.for<{ name: string; steps: Step[]; fields?: Fields; counts: number[] }>([
    { name: 'no steps, no waves', steps: [], counts: [0] },
    { name: 'one step, one wave', steps: beside(1), counts: [1] },
    { name: 'five small steps in a chain', steps: chain(5, small), counts: [1] },
    { name: 'a dozen steps in a chain', steps: chain(12, small), counts: [2, 3] },
    { name: 'twenty in a chain', steps: chain(20), counts: [4] },
    { name: 'twenty beside each other', steps: beside(20), counts: [2, 3] },
    {
      name: 'the author wants at most 3',
      steps: chain(60),
      fields: { waves: { auto: true, max: 3, minSteps: 2 } },
      counts: [3],
    },
    {
      name: 'the author wants 10 steps each',
      steps: chain(40),
      fields: { waves: { auto: true, max: 10, minSteps: 10 } },
      counts: [4],
    },
    {
      name: 'fewer steps than the least',
      steps: chain(3),
      fields: { waves: { auto: true, max: 10, minSteps: 9 } },
      counts: [1],
    },
    {
      name: 'not automatic',
      steps: chain(60),
      fields: { waves: { auto: false, max: 10, minSteps: 2 } },
      counts: [1],
    },
    { name: 'progressive', steps: chain(60), fields: { strategy: 'progressive' }, counts: [10] },
    { name: 'systematic', steps: chain(60), fields: { strategy: 'systematic' }, counts: [6] },
    { name: 'enterprise', steps: chain(60), fields: { strategy: 'enterprise' }, counts: [3] },
  ])('$name', ({ steps, fields, counts }) => {
    expect(counts).toContain(planOf(steps, fields).waves.length);
  });

  test('an expensive gate on every wave makes no more waves than must be', () => {
    const gates = [gateOf('tests', { estimateMs: 600_000 })];
    expect(planOf(chain(100), { gates }).waves).toHaveLength(4);
  });
});

describe('where waves end', () => {
  test('a long step that is not urgent does not keep a wave open', () => {
    // Two chains of 12 minutes; `long` takes 5 and is needed by nobody.
    const lane = (name: string): Step[] =>
      Array.from({ length: 12 }, (_, place) =>
        stepOf(`${name}${place}`, { needs: place > 0 ? [`${name}${place - 1}`] : [] }),
      );
    const long = stepOf('long', { estimateMs: 300_000 });
    const plan = planOf([...lane('a'), ...lane('b'), long], {}, { concurrency: 3 });
    expect(plan.waves.length).toBeGreaterThanOrEqual(4);
    expect(plan.makespanMs).toBe(720_000);
  });

  test('isolated steps do not wait for the wave before theirs', () => {
    const steps = [stepOf('slow', { estimateMs: 900_000 }), ...chain(30)];
    const inPlace = planOf(steps, { workspace: 'in-place' });
    const isolated = planOf(steps, { workspace: 'isolated' });
    expect(isolated.makespanMs).toBe(1_800_000);
    expect(isolated.waves.length).toBeGreaterThanOrEqual(4);
    const [first, second] = inPlace.waves;
    expect(second?.startMs).toBeGreaterThanOrEqual(first?.endMs ?? Number.POSITIVE_INFINITY);
  });

  test('a matrix node is in the wave of its last instance, a workflow in that of its last child', () => {
    const steps = [
      stepOf('m', { matrix: matrixOf(...Array.from({ length: 24 }, (_, nth) => `v${nth}`)) }),
      nestedOf('o'),
      ...chain(20).map((step) => ({
        ...step,
        id: `o/${step.id}`,
        parent: 'o',
        needs: step.needs.map((need) => `o/${need}`),
      })),
    ];
    const plan = planOf(steps, { strategy: 'progressive' }, { concurrency: 2 });
    const waveOf = (test: RegExp): number =>
      Math.max(...plan.nodes.filter(({ id }) => test.test(id)).map(({ wave }) => wave));
    expect(plan.nodes.find(({ id }) => id === 'm')?.wave).toBe(waveOf(/^m\(/));
    expect(plan.nodes.find(({ id }) => id === 'o')?.wave).toBe(waveOf(/^o\//));
    expect(waveOf(/^m\(/)).toBeGreaterThan(1);
  });
});

describe('pins', () => {
  const manual = { waves: { auto: false, max: 10, minSteps: 2 } };
  const pin = (id: string, wave: number, ...needs: string[]): Step => stepOf(id, { wave, needs });

  test('a cut by hand: the numbers as written, the rest as early as it can be', () => {
    const steps = [pin('a', 1), pin('b', 2), stepOf('c', { needs: ['b'] }), stepOf('d')];
    const plan = planOf(steps, manual);
    expect(wavesOf(plan)).toEqual([
      ['a', 'd'],
      ['b', 'c'],
    ]);
    expect(plan.strategyReason).toContain('as the author numbered them');
  });

  test('a pinned step stays where it is put when the rest is cut automatically', () => {
    const steps = chain(40).map((step, place) => (place === 12 ? { ...step, wave: 5 } : step));
    const plan = planOf(steps);
    expect(plan.nodes[12]?.wave).toBe(5);
    expect(plan.waves.map((wave) => wave.steps.length).every((size) => size > 0)).toBe(true);
    expect(plan.nodes[0]?.wave).toBe(1);
  });

  test('one pin holds for all of a matrix and, from outside, for all of a nested workflow', () => {
    const steps = [
      stepOf('a'),
      stepOf('m', { wave: 2, matrix: matrixOf('x', 'y') }),
      nestedOf('o', { wave: 2 }),
      stepOf('o/p', { parent: 'o', wave: 1 }),
    ];
    expect(wavesOf(planOf(steps, manual))).toEqual([['a'], ['m(x)', 'm(y)', 'o/p']]);
  });

  test.for<{ name: string; steps: Step[]; fields?: Fields; error: RegExp }>([
    {
      name: 'before what it needs',
      steps: [pin('a', 3), stepOf('b', { needs: ['a'] }), pin('c', 2, 'b'), pin('d', 1)],
      error: /"c" is pinned to wave 2, but waits for "a" in wave 3\n.*wave.*"c".*3.*ORCH_WAVE/s,
    },
    {
      name: 'beyond the last wave there may be',
      steps: [pin('a', 12)],
      error: /pinned to wave 12, but there are at most 10\n.*waves.max/s,
    },
    {
      name: 'behind a wave that nothing can fill',
      steps: [pin('a', 1), pin('b', 3)],
      fields: manual,
      error: /no step can be in wave 2/,
    },
  ])('a contradiction is refused: $name', ({ steps, fields, error }) => {
    expect(() => planOf(steps, fields)).toThrow(error);
  });

  test('a step that is alone free to move is in one of the waves, and no wave is empty', () => {
    const early = beside(7);
    const last = pin('last', 1, ...early.map(({ id }) => id));
    const steps = [...early, last, stepOf('free', { estimateMs: 1 })];
    const plan = planOf(steps, { strategy: 'progressive' }, { concurrency: 1 });
    expect(wavesOf(plan)).toEqual([[...early.map(({ id }) => id), 'last'].sort(), ['free']]);
  });

  test('gaps between pins are filled by steps that are free to move', () => {
    const steps = [pin('a', 1), stepOf('b'), stepOf('c'), pin('d', 3)];
    const plan = planOf(steps, manual);
    expect(plan.waves.map((wave) => wave.steps.length)).toEqual([2, 1, 1]);
    expect([plan.nodes[0]?.wave, plan.nodes[3]?.wave]).toEqual([1, 3]);
  });
});

describe('strategies', () => {
  test('one of the project wins over a built-in one', () => {
    const mine = { description: 'ours', waveSize: 'large', validation: 'light' } as const;
    const plan = planOf(chain(60), { strategy: 'adaptive' }, { strategies: { adaptive: mine } });
    expect(plan.waves.map((wave) => wave.validation)).toEqual(['light', 'light', 'light']);
    expect(plan.strategyReason).toContain('ours');
  });

  test('the command line wins over the workflow', () => {
    expect(planOf(chain(60), { strategy: 'auto' }, { strategy: 'systematic' }).strategy).toBe(
      'systematic',
    );
  });

  test.for<{ name: string; fields: Fields; picks: string; why: RegExp }>([
    { name: 'in-place', fields: {}, picks: 'adaptive', why: /^auto chose adaptive: in-place/ },
    {
      name: 'a strict gate on every wave',
      fields: { gates: [gateOf('audit', { level: 'strict' })] },
      picks: 'enterprise',
      why: /"audit" is strict/,
    },
    {
      name: 'isolated with gates',
      fields: { workspace: 'isolated', gates: [gateOf('tests')] },
      picks: 'systematic',
      why: /do not wait/,
    },
    {
      name: 'isolated without gates',
      fields: { workspace: 'isolated' },
      picks: 'progressive',
      why: /no gates/,
    },
  ])('auto picks for $name, and says why', ({ fields, picks, why }) => {
    const plan = planOf(chain(8), { strategy: 'auto', ...fields });
    expect(plan.strategy).toBe(picks);
    expect(plan.strategyReason).toMatch(why);
  });

  test.for([
    { name: 'adaptiv', fix: /did you mean "adaptive"/ },
    { name: '__proto__', fix: /use one of auto, progressive/ },
    { name: 'constructor', fix: /use one of/ },
  ])('an unknown one is refused: $name', ({ name, fix }) => {
    expect(() => planOf([], { strategy: name })).toThrow(fix);
  });
});

describe('gates and validation', () => {
  const gates = [
    gateOf('quick', { level: 'light' }),
    gateOf('tests'),
    gateOf('audit', { level: 'strict' }),
    gateOf('final', { on: 'end' }),
    gateOf('proof', { on: 'end', level: 'strict' }),
  ];
  test.for([
    {
      strategy: 'progressive',
      inner: ['quick'],
      last: ['quick'],
      out: ['tests', 'audit', 'final', 'proof'],
    },
    {
      strategy: 'systematic',
      inner: ['quick', 'tests'],
      last: ['quick', 'tests', 'final'],
      out: ['audit', 'proof'],
    },
    {
      strategy: 'enterprise',
      inner: ['quick', 'tests', 'audit'],
      last: ['quick', 'tests', 'audit', 'final', 'proof'],
      out: [],
    },
  ])(
    '$strategy: levels above the validation are left out and named',
    ({ strategy, inner, last, out }) => {
      const { waves } = planOf(chain(60), { gates, strategy });
      expect(waves[0]?.gates.map(({ name }) => name)).toEqual(inner);
      expect(waves.at(-1)?.gates.map(({ name }) => name)).toEqual(last);
      expect(waves.at(-1)?.gatesLeftOut).toEqual(out);
      // What belongs to the end is not missing before it.
      expect(waves[0]?.gatesLeftOut).not.toContain('proof');
    },
  );

  test('adaptive: standard everywhere, strict in the last wave and where steps are risky', () => {
    const waves = { auto: false, max: 10, minSteps: 2 };
    const steps = [
      stepOf('small', { wave: 1, estimateMs: 1_000 }),
      stepOf('risky', { wave: 2, estimateMs: 1_000, kind: 'agent' }),
      stepOf('large', { wave: 3, estimateMs: 90_000 }),
      stepOf('end', { wave: 4, estimateMs: 1_000 }),
    ];
    const plan = planOf(steps, { waves, gates });
    expect(plan.waves.map((wave) => wave.validation)).toEqual([
      'standard',
      'strict',
      'standard',
      'strict',
    ]);
    expect(plan.strategyReason).toMatch(
      /; validation standard, strict in wave 2 \(1 step by agents or with retries\) and in wave 4 \(last wave\)$/,
    );
  });
});

describe('estimates', () => {
  test('declared before learned before default, and the plan says which', () => {
    const steps = [
      stepOf('declared', { estimateMs: 1_500 }),
      stepOf('learned', { category: 'build' }),
      stepOf('unknown'),
      stepOf('m', { matrix: matrixOf('x') }),
      stepOf('ask', { kind: 'approval' }),
    ];
    const known = new Map([
      ['build', 2.5],
      ['declared', 9],
      ['unknown', Number.NaN],
    ]);
    const learned = (category: string, id: string): number | undefined =>
      known.get(category) ?? (id === 'm(x)' ? 7 : undefined);
    const { nodes } = planOf(steps, {}, { learned });
    expect(
      nodes.map(({ id, estimateMs, estimateSource }) => [id, estimateMs, estimateSource]),
    ).toEqual([
      ['declared', 1_500, 'declared'],
      ['learned', 2_500, 'learned'],
      ['unknown', 60_000, 'default'],
      ['m(x)', 7_000, 'learned'],
      ['m', 0, 'default'],
      ['ask', 0, 'default'],
    ]);
  });
});

describe('limits', () => {
  test('what if: more slots never below the bound, and the same work', () => {
    const rows = whatIf(workflowOf({ steps: beside(32) }), { strategies: {} }, [2, 8, 32]);
    expect(rows.map(({ concurrency, lowerBoundMs }) => [concurrency, lowerBoundMs])).toEqual([
      [2, 960_000],
      [8, 240_000],
      [32, 60_000],
    ]);
    for (const { makespanMs, lowerBoundMs } of rows)
      expect(makespanMs).toBeGreaterThanOrEqual(lowerBoundMs);
    expect(rows[0]?.makespanMs).toBe(960_000);
  });

  test.for([0, -1, 1.5, Number.NaN])('%d steps at once are refused', (concurrency) => {
    expect(() => planOf([], {}, { concurrency })).toThrow(/not possible/);
  });

  test.for<{ uses: Record<string, number>; why: RegExp }>([
    { uses: { gpu: 2 }, why: /pool "gpu" has only 1 of 2/ },
    { uses: { tpu: 1 }, why: /there is no pool "tpu"/ },
    { uses: { constructor: 1 }, why: /there is no pool "constructor"/ },
  ])('a step that could never start is refused: $uses', ({ uses, why }) => {
    expect(() => planOf([stepOf('a', { uses })], { pools: { gpu: 1 } })).toThrow(why);
  });

  test('10,000 steps with matrices and pools are planned', () => {
    const labels = Array.from({ length: 100 }, (_, nth) => `v${nth}`);
    const steps = chain(100, { matrix: matrixOf(...labels), uses: { seat: 1 } });
    const plan = planOf(steps, { pools: { seat: 3 } });
    expect(plan.waves.flatMap((wave) => wave.steps)).toHaveLength(10_000);
    expect(plan.nodes).toHaveLength(10_100);
  });
});
