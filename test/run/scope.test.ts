/** What expressions see: steps, matrices, inputs, at the top and inside nested workflows. */
import { describe, expect, test } from 'vitest';
import { contextOf, gateEnvironmentOf, inputsOf } from '../../src/run/scope.ts';
import { nodeOf, stepStateOf } from '../../src/run/state.ts';
import type { InputSpec, JsonValue, Step } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, nestedOf, stepOf, workflowOf } from '../plan/builders.ts';
import { HandRun } from './runs.ts';

function runOf(steps: readonly Step[], inputs: Readonly<Record<string, JsonValue>> = {}): HandRun {
  const waves = { auto: false, max: 1, minSteps: 1 };
  return new HandRun(workflowOf({ steps, waves, failFast: false }), {}, inputs);
}

function seen(run: HandRun, step: string, ...texts: string[]): Readonly<Record<string, JsonValue>> {
  return contextOf(run.state, nodeOf(run.state, step), texts)['steps'] as Record<string, JsonValue>;
}

const NAME: InputSpec = { type: 'string', required: false, default: 'nobody' };

describe('steps', () => {
  test('are only those that the texts name, with status and outputs', () => {
    const run = runOf([stepOf('a'), stepOf('b'), stepOf('c', { needs: ['a', 'b'] })]);
    run.start('a');
    run.pass('a', { x: '1' });
    expect(seen(run, 'c', "steps.a.outputs.x == '1'", '${{ steps.gone.status }}')).toEqual({
      a: { status: 'passed', outputs: { x: '1' } },
    });
  });

  test('are all direct needs where an expression may mean any', () => {
    const run = runOf([stepOf('a'), stepOf('b'), stepOf('c', { needs: ['b'] })]);
    expect(Object.keys(seen(run, 'c', '${{ toJSON(steps) }}'))).toEqual(['b']);
  });

  test('of a matrix come in its order with their values, failed ones too', () => {
    const matrix = matrixOf('x', 'y', 'z');
    const run = runOf([
      stepOf('m', { matrix }),
      stepOf('c', { needs: ['m'], triggerRule: 'all_done' }),
    ]);
    for (const [label, act] of [
      ['z', 'pass'],
      ['x', 'fail'],
      ['y', 'pass'],
    ] as const) {
      run.start(`m(${label})`);
      if (act === 'pass') run.pass(`m(${label})`, { out: label });
      else run.fail(`m(${label})`);
    }
    expect(seen(run, 'c', 'steps.m.matrix[0].status')['m']).toEqual({
      status: 'failed',
      outputs: {},
      matrix: [
        { values: { item: 'x' }, status: 'failed', outputs: {} },
        { values: { item: 'y' }, status: 'passed', outputs: { out: 'y' } },
        { values: { item: 'z' }, status: 'passed', outputs: { out: 'z' } },
      ],
    });
  });

  test('of a matrix that became known in the run come as its list has them', () => {
    const matrix = { kind: 'dynamic', expression: '${{ fromJSON(steps.a.outputs.l) }}' } as const;
    const run = runOf([
      stepOf('a'),
      stepOf('m', { needs: ['a'], matrix }),
      stepOf('c', { needs: ['m'], triggerRule: 'all_done' }),
    ]);
    run.start('a');
    run.pass('a', { l: '["y","x"]' });
    const instances = ['y', 'x'].map((value) => ({ id: `m(${value})`, values: { value } }));
    run.record({ type: 'plan.expanded', step: 'm', instances });
    run.start('m(x)');
    run.fail('m(x)');
    run.start('m(y)');
    run.pass('m(y)', { out: '1' });
    expect(seen(run, 'c', '${{ steps.m.matrix.*.status }}')['m']).toMatchObject({
      status: 'failed',
      matrix: [
        { values: { value: 'y' }, status: 'passed', outputs: { out: '1' } },
        { values: { value: 'x' }, status: 'failed' },
      ],
    });
    expect(run.next()).toBe('start c');
  });
});

describe('inside a nested workflow', () => {
  const steps = [
    stepOf('a'),
    nestedOf('o', {
      needs: ['a'],
      workflow: {
        path: 'o.yaml',
        with: { name: '${{ steps.a.outputs.who }}', count: 3 },
        inputs: { name: NAME, count: { type: 'number', required: false, default: 1 }, other: NAME },
        outputs: {
          one: '${{ steps.b.outputs.x }}',
          all: '${{ toJSON(steps) }}',
          broken: "${{ fromJSON('{') }}",
          gone: '${{ steps.b.outputs.nothing }}',
        },
      },
    }),
    stepOf('o/b', { parent: 'o' }),
    stepOf('o/a', { parent: 'o', needs: ['o/b'] }),
    nestedOf('o/i', {
      parent: 'o',
      workflow: {
        path: 'i.yaml',
        with: { name: '${{ inputs.name }}!' },
        inputs: { name: NAME },
        outputs: {},
      },
    }),
    stepOf('o/i/b', { parent: 'o/i' }),
    stepOf('d', { needs: ['o'] }),
  ];

  function openRun(): HandRun {
    const run = runOf(steps, { name: 'outermost' });
    run.start('a');
    run.pass('a', { who: 'world' });
    return run;
  }

  test('inputs are what the outer step passed in, else the default, never those outside', () => {
    const run = openRun();
    const inputsAt = (step: string) => inputsOf(run.state, nodeOf(run.state, step).parent);
    expect(inputsAt('a')).toEqual({ name: 'outermost' });
    expect(inputsAt('o/b')).toEqual({ name: 'world', count: 3, other: 'nobody' });
    expect(inputsAt('o/i/b')).toEqual({ name: 'world!' });
  });

  test('names mean the steps beside, not those outside that are called alike', () => {
    const run = openRun();
    run.start('o/b');
    run.pass('o/b', { x: 'inner' });
    expect(seen(run, 'o/a', 'steps.a.status', 'steps.b.status', 'steps.o.status')).toEqual({
      a: { status: 'pending', outputs: {} },
      b: { status: 'passed', outputs: { x: 'inner' } },
    });
  });

  test('its outputs are in terms of its own steps; one that cannot be told is empty and harms no other', () => {
    const run = openRun();
    for (const id of ['o/b', 'o/a', 'o/i/b']) {
      run.start(id);
      run.pass(id, { x: id });
    }
    const { outputs, status } = stepStateOf(run.state, nodeOf(run.state, 'o').index);
    expect(status).toBe('passed');
    expect(outputs).toMatchObject({ one: 'o/b', broken: '', gone: '' });
    expect(Object.keys(JSON.parse(outputs['all'] ?? ''))).toEqual(['b', 'a', 'i']);
    expect(seen(run, 'd', 'steps.o.outputs.one')['o']).toMatchObject({ outputs: { one: 'o/b' } });
  });
});

describe('gateEnvironmentOf', () => {
  const nested = nestedOf('o', {
    workflow: { path: 'o.yaml', with: { name: 'inner' }, inputs: { name: NAME }, outputs: {} },
  });
  const env = { WHO: '${{ inputs.name }}', WHERE: '${{ run.id }}-${{ wave }}', PLAIN: 'x y' };

  test('sees the inputs of the workflow it was written in', () => {
    const run = runOf([nested, stepOf('o/a', { parent: 'o' })], { name: 'outer' });
    const atTop = gateEnvironmentOf(run.state, 1, gateOf('g', { env }));
    expect(atTop).toEqual({
      env: { WHO: 'outer', WHERE: 'r-1', PLAIN: 'x y' },
      inputs: { name: 'outer' },
    });
    const inside = gateEnvironmentOf(run.state, 1, gateOf('o/g', { env, parent: 'o' }));
    expect(inside).toEqual({
      env: { WHO: 'inner', WHERE: 'r-1', PLAIN: 'x y' },
      inputs: { name: 'inner' },
    });
  });

  test('says what cannot be evaluated', () => {
    const run = runOf([stepOf('a')]);
    const gate = gateOf('g', { env: { X: "${{ fromJSON('{') }}" } });
    expect(() => gateEnvironmentOf(run.state, 1, gate)).toThrow(/cannot evaluate/);
  });
});
