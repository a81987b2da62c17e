/** Single situations that the simulation found, or that it could not tell apart. */
import { describe, expect, test } from 'vitest';
import type { Step } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, nestedOf, stepOf, workflowOf } from '../plan/builders.ts';
import { HandRun, START_MS } from './runs.ts';

const ALWAYS = { triggerRule: 'all_done' } as const;

function runOf(
  steps: readonly Step[],
  fields: Partial<Parameters<typeof workflowOf>[0]> = {},
  concurrency = 4,
) {
  const waves = { auto: false, max: 1, minSteps: 1 };
  return new HandRun(workflowOf({ steps, waves, ...fields }), { concurrency });
}

/** Two waves: what is pinned to the second starts after the first. */
function inTwoWaves(
  steps: readonly Step[],
  fields: Partial<Parameters<typeof workflowOf>[0]> = {},
) {
  return runOf(steps, { waves: { auto: true, max: 2, minSteps: 1 }, ...fields });
}

describe('retries', () => {
  test('wait for their time also when the step is the only one in the queue', () => {
    const run = runOf([stepOf('a')], {}, 1);
    run.start('a');
    expect(run.next()).toBe('nothing');
    run.fail('a', 'exit', 5_000);
    expect(run.next()).toBe('wake 5000');
    run.nowMs += 5_000;
    expect(run.next()).toBe('start a');
  });

  test('that are due while no slot is free are waited for without waking', () => {
    const run = runOf([stepOf('a', { estimateMs: 9 }), stepOf('b')], {}, 1);
    run.start('a');
    run.fail('a', 'exit', 1_000);
    run.start('b');
    run.nowMs += 2_000;
    expect(run.next()).toBe('nothing');
    run.pass('b');
    expect(run.next()).toBe('start a');
  });

  test('that nobody waits for any more are let go at once', () => {
    const cleanUp = stepOf('c', { needs: ['a', 'b'], ...ALWAYS });
    const run = runOf([stepOf('a'), stepOf('b'), cleanUp]);
    run.start('a');
    run.start('b');
    run.fail('a', 'exit', 3_600_000);
    run.fail('b');
    expect(run.next()).toBe('skip a (fail_fast)');
  });
});

describe('a reboot', () => {
  test('makes a lost step wait for what it needs, which is done again', () => {
    const run = runOf([stepOf('a'), stepOf('b', { needs: ['a'] })]);
    run.start('a');
    run.pass('a');
    run.start('b');
    run.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    run.fail('b', 'crash', 0);
    expect(run.next()).toBe('start a');
    run.start('a');
    expect(run.next()).toBe('nothing');
    run.fail('a');
    expect(run.next()).toBe('skip-rest');
  });

  test('works a matrix out anew when the step that lists it is done again, and goes on counting', () => {
    const matrix = {
      kind: 'dynamic',
      expression: '${{ fromJSON(steps.a.outputs.list) }}',
    } as const;
    const run = runOf([stepOf('a'), stepOf('b', { needs: ['a'], matrix })]);
    run.start('a');
    run.pass('a', { list: '["x","y"]' });
    const expand = (...values: string[]) =>
      run.record({
        type: 'plan.expanded',
        step: 'b',
        instances: values.map((value) => ({ id: `b(${value})`, values: { value } })),
      });
    expand('x', 'y');
    run.start('b(x)');
    run.pass('b(x)');
    run.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    expect(run.next()).toBe('start a');
    run.start('a');
    run.pass('a', { list: '["y","x","z"]' });
    expect(run.next()).toBe('expand b');
    expand('y', 'x', 'z');
    const attempts = ['b(y)', 'b(x)', 'b(z)'].map((id) => {
      run.start(id);
      run.pass(id);
      return run.events.findLast(({ type }) => type === 'step.finished');
    });
    expect(attempts).toMatchObject([{ attempt: 1 }, { attempt: 2 }, { attempt: 1 }]);
    expect(run.next()).toBe('seal 1');
  });
});

describe('nested workflows', () => {
  test('in one another are entered once: their steps wait for each other', () => {
    const run = runOf([
      nestedOf('o'),
      nestedOf('o/i', { parent: 'o' }),
      stepOf('o/i/a', { parent: 'o/i' }),
      stepOf('o/i/b', { parent: 'o/i', needs: ['o/i/a'] }),
    ]);
    expect(run.next()).toBe('start o/i/a');
    run.start('o/i/a');
    expect(run.next()).toBe('nothing');
    run.pass('o/i/a');
    expect(run.next()).toBe('start o/i/b');
  });

  test('without steps end when they are entered', () => {
    const run = runOf([
      stepOf('a'),
      nestedOf('o', { needs: ['a'] }),
      stepOf('b', { needs: ['o'] }),
    ]);
    run.start('a');
    run.pass('a');
    expect(run.next()).toBe('start b');
  });

  test('that may fail do not fail the run, and count as passed for what needs them', () => {
    const run = runOf([
      nestedOf('o', { continueOnError: true }),
      stepOf('o/a', { parent: 'o' }),
      stepOf('b', { needs: ['o'] }),
    ]);
    run.start('o/a');
    run.fail('o/a');
    expect(run.state.failing).toBe(false);
    expect(run.next()).toBe('start b');
  });

  test('that clean up do so as a whole', () => {
    const run = runOf([
      stepOf('a'),
      nestedOf('o', { needs: ['a'], ...ALWAYS }),
      stepOf('o/b', { parent: 'o' }),
      stepOf('o/c', { parent: 'o', needs: ['o/b'] }),
    ]);
    run.start('a');
    run.fail('a');
    expect(run.next()).toBe('start o/b');
    run.start('o/b');
    run.pass('o/b');
    expect(run.next()).toBe('start o/c');
  });
});

describe('clean-up', () => {
  const steps = [stepOf('a', { wave: 1 }), stepOf('c', { wave: 2, needs: ['a'], ...ALWAYS })];
  const gates = [gateOf('g')];

  test('runs in a later wave after a step has failed, and no gate keeps it waiting', () => {
    const run = inTwoWaves(steps, { gates, strategy: 'enterprise' });
    run.start('a');
    run.fail('a');
    expect(run.next()).toBe('seal 1');
    run.seal(1);
    expect(run.next()).toBe('checkpoint 1');
    run.checkpoint(1);
    expect(run.next()).toBe('open-wave 2');
    run.record({ type: 'wave.started', wave: 2, steps: [] });
    expect(run.next()).toBe('start c');
  });

  test('runs in a later wave after a gate has failed, and the run fails', () => {
    const other = stepOf('b', { wave: 2, needs: ['a'] });
    const run = inTwoWaves([...steps, other], {
      gates,
      strategy: 'enterprise',
      failFast: false,
      onFailure: 'rollback',
    });
    run.start('a');
    run.pass('a');
    run.seal(1);
    run.record({ type: 'gate.started', wave: 1, gate: 'g', attempt: 1, slot: 0 });
    const end = { wave: 1, gate: 'g', attempt: 1, exit_code: 1, duration_s: 1 } as const;
    const failure = { kind: 'exit', message: '' } as const;
    run.record({ type: 'gate.finished', ...end, status: 'failed', failure });
    run.checkpoint(1);
    run.record({ type: 'wave.started', wave: 2, steps: [] });
    expect(run.next()).toBe('skip b (gate)');
    run.skip('b');
    expect(run.next()).toBe('start c');
    run.start('c');
    run.pass('c');
    run.seal(2);
    expect(run.decide()).toEqual({ type: 'roll-back', to: 0 });
  });

  test('does not wait for an approval that nobody needs to give any more', () => {
    const approval = stepOf('w', { kind: 'approval', approval: { message: '' } });
    const run = runOf([stepOf('a'), approval, stepOf('c', { needs: ['a', 'w'], ...ALWAYS })]);
    run.wait('w');
    run.start('a');
    run.fail('a');
    expect(run.next()).toBe('fail w (cancelled)');
  });

  test('may try again', () => {
    const run = runOf([stepOf('a'), stepOf('c', { needs: ['a'], ...ALWAYS })]);
    run.start('a');
    run.fail('a');
    run.start('c');
    run.fail('c', 'exit', 1_000);
    expect(run.next()).toBe('wake 1000');
  });
});

describe('timeout.queue', () => {
  const patient = stepOf('b', { timeout: { queueMs: 10_000 } });

  test('fails a step that was ready that long, and not one that waits for another', () => {
    const run = runOf(
      [stepOf('a', { estimateMs: 9 }), patient, stepOf('c', { needs: ['a'] })],
      { failFast: false },
      1,
    );
    run.start('a');
    expect(run.next()).toBe('wake 10000');
    run.nowMs += 10_000;
    expect(run.decide()).toMatchObject({
      type: 'fail',
      node: { id: 'b' },
      failure: {
        kind: 'timeout',
        message: 'was ready for 10 s and could not be started (timeout.queue)',
      },
    });
  });

  test('counts from the time of a retry, and anew when orch comes back', () => {
    const run = runOf([patient], {}, 1);
    run.start('b');
    run.fail('b', 'exit', 60_000);
    run.record({ type: 'run.interrupted', signal: 'SIGINT' });
    run.nowMs += 3_600_000;
    run.record({ type: 'run.resumed', epoch: 2, boot: 'b', retry_failed: false });
    expect(run.next()).toBe('start b');
    expect(run.state.steps[0]?.startUntilMs).toBe(START_MS + 3_610_000);
  });
});

describe('what is under way', () => {
  test('a stop that came too late for its step does not hold the run', () => {
    const run = runOf([stepOf('a'), stepOf('b')]);
    run.start('a');
    run.start('b');
    run.fail('a');
    const busy = new Set(['stop:1', 'pin:1']);
    expect(run.next({ busy })).toBe('nothing');
    run.fail('b');
    busy.delete('pin:1');
    expect(run.next({ busy })).toBe('seal 1');
  });

  test('a rollback that has begun is not begun again', () => {
    const run = runOf([stepOf('a')], { onFailure: 'rollback' });
    run.start('a');
    run.fail('a');
    run.seal(1);
    expect(run.next()).toBe('roll-back');
    run.record({
      type: 'rollback.started',
      to: 0,
      target: 't0',
      rescue: 'r',
      rescue_commit: 'c',
      by: 'on_failure',
    });
    expect(run.next()).toBe('nothing');
    run.record({ type: 'rollback.done', to: 0, restored: 'c' });
    expect(run.next()).toBe('close-wave 1');
  });

  test('a checkpoint that has begun is finished before an interrupted run is left', () => {
    const run = inTwoWaves([stepOf('a', { wave: 1 }), stepOf('b', { wave: 2 })]);
    run.start('a');
    run.pass('a');
    run.seal(1);
    run.record({
      type: 'checkpoint.started',
      wave: 1,
      tree: 't1',
      parent: null,
      status: 'running',
    });
    expect(run.next({ interrupt: 'SIGINT' })).toBe('nothing');
    run.record({ type: 'checkpoint.created', wave: 1, commit: 'c' });
    expect(run.next({ interrupt: 'SIGINT' })).toBe('interrupt');
  });
});

describe('a rollback', () => {
  test('without fail_fast goes back to before the first failure, though later waves were saved', () => {
    const steps = [stepOf('a', { wave: 1 }), stepOf('b', { wave: 2 })];
    const run = inTwoWaves(steps, { failFast: false, onFailure: 'rollback' });
    run.start('a');
    run.fail('a');
    run.seal(1);
    run.checkpoint(1);
    run.record({ type: 'wave.started', wave: 2, steps: [] });
    run.start('b');
    run.pass('b');
    run.seal(2);
    run.checkpoint(2);
    expect(run.decide()).toEqual({ type: 'roll-back', to: 0 });
  });
});

function twice(act: () => void): void {
  act();
  act();
}

describe('an event that cannot follow on what has happened', () => {
  test.each([
    ['a second start', (run: HandRun) => twice(() => run.start('a'))],
    ['an end without a start', (run: HandRun) => run.pass('a')],
    ['a second skip', (run: HandRun) => twice(() => run.skip('a'))],
    [
      'a wave that is open',
      (run: HandRun) => run.record({ type: 'wave.started', wave: 1, steps: [] }),
    ],
    [
      'a checkpoint that was not started',
      (run: HandRun) => run.record({ type: 'checkpoint.created', wave: 1, commit: 'c' }),
    ],
    ['a step that is not there', (run: HandRun) => run.start('zzz')],
  ])('is refused: %s', (_name, act) => {
    expect(() => act(runOf([stepOf('a')]))).toThrow(/does not fit|does not have/);
  });
});

test('an empty matrix, and a wave in which everything is skipped, are passed through', () => {
  const run = inTwoWaves([
    stepOf('a', { wave: 1, when: '1 == 2' }),
    stepOf('m', { wave: 1, matrix: matrixOf() }),
    stepOf('b', { wave: 2, needs: ['a', 'm'] }),
  ]);
  expect(run.next()).toBe('skip a (when)');
  run.skip('a');
  expect(run.next()).toBe('seal 1');
  run.seal(1);
  run.checkpoint(1);
  run.record({ type: 'wave.started', wave: 2, steps: [] });
  expect(run.next()).toBe('skip b (needs)');
});
