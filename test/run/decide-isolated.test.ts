/** Single situations of isolated runs: waves that open early, gates that fail, conflicts, ends. */
import { describe, expect, test } from 'vitest';
import { nodeOf, stepStateOf, waveOf } from '../../src/run/state.ts';
import type { ConflictsSetting } from '../../src/workflow/workflow.ts';
import { gateOf, stepOf } from '../plan/builders.ts';
import { IsolatedRun } from './isolated-runs.ts';

const TWICE = { retry: { maxAttempts: 2, backoffMs: 0, maxBackoffMs: 0 } };
const WAVE_1 = [stepOf('a', { wave: 1 }), stepOf('b', { wave: 1 })];

function policy(name: ConflictsSetting['policy']): { readonly conflicts: ConflictsSetting } {
  return { conflicts: { policy: name, timeout: {}, ...(name === 'agent' && { run: 'x' }) } };
}

function sealOf(run: IsolatedRun, wave: number): { tree: string; seq: number } {
  const { sealed } = waveOf(run.state, wave);
  if (sealed === undefined) throw new Error(`wave ${wave} is not sealed`);
  return sealed;
}

function cancel(run: IsolatedRun): void {
  run.record({ type: 'request.received', request: 'cancel' });
}

describe('a later wave', () => {
  const steps = [...WAVE_1, stepOf('c', { wave: 2, needs: ['a'] })];

  test('opens as soon as a step of it has what it needs', () => {
    const run = new IsolatedRun(steps);
    run.begin('a');
    run.begin('b');
    expect(run.next()).toBe('nothing');
    run.leave('a');
    run.beginMerge('a');
    expect(run.next()).toBe('nothing');
    run.endMerge('a');
    expect(run.next()).toBe('open-wave 2');
    expect(run.after()).toBe('start c');
  });

  test('does not open while there is no slot for its steps', () => {
    const run = new IsolatedRun(steps, {}, 1);
    run.do('a');
    run.begin('b');
    expect(run.next()).toBe('nothing');
  });

  test('opens after those before it, though these have nothing to do yet', () => {
    const run = new IsolatedRun([
      ...WAVE_1,
      stepOf('c', { wave: 2, needs: ['b'] }),
      stepOf('d', { wave: 3, needs: ['a'] }),
    ]);
    run.begin('b');
    run.do('a');
    expect(run.next()).toBe('open-wave 2');
    expect(run.after()).toBe('start d');
    expect(waveOf(run.state, 3).status).toBe('open');
  });

  test('goes on while the one before is sealed and its gates run', () => {
    const run = new IsolatedRun(steps, { gates: [gateOf('g')] });
    run.do('a', 'b');
    expect(run.after()).toBe('start c');
    run.begin('c');
    expect(run.next()).toBe('seal 1');
    run.sealTip(1);
    run.beginGate(1, 'g');
    run.leave('c');
    expect(run.next()).toBe('merge c');
  });
});

describe('merges', () => {
  test('come one at a time, in the order in which the work was done', () => {
    const run = new IsolatedRun(WAVE_1);
    run.begin('a');
    run.begin('b');
    run.leave('b');
    run.leave('a');
    expect(run.next()).toBe('merge b');
    run.beginMerge('b');
    expect(run.next()).toBe('nothing');
    expect(() => run.beginMerge('a')).toThrow('another merge is open');
    run.endMerge('b');
    expect(run.next()).toBe('merge a');
  });

  test('wait while a wave is being sealed', () => {
    const run = new IsolatedRun([...WAVE_1, stepOf('c', { wave: 2, needs: ['a'] })]);
    run.do('a', 'b');
    run.after();
    run.begin('c');
    run.leave('c');
    expect(run.next({ busy: new Set(['seal:1']) })).toBe('nothing');
    expect(run.next()).toBe('merge c');
  });

  test('keep their step when nodes before it get other numbers', () => {
    const listed = {
      kind: 'dynamic',
      expression: '${{ fromJSON(steps.a.outputs.list) }}',
    } as const;
    const run = new IsolatedRun([
      stepOf('a', { wave: 1 }),
      stepOf('m', { wave: 1, needs: ['a'], matrix: listed }),
      stepOf('n', { wave: 1, needs: ['a'], matrix: listed }),
    ]);
    run.do('a');
    for (const step of ['m', 'n'])
      run.record({
        type: 'plan.expanded',
        step,
        instances: ['x', 'y'].map((value) => ({ id: `${step}(${value})`, values: { value } })),
      });
    run.begin('n(y)');
    run.leave('n(y)');
    run.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    expect(run.next()).toBe('merge n(y)');
  });
});

describe('a gate', () => {
  const steps = [...WAVE_1, stepOf('c', { wave: 2, needs: ['a'] }), stepOf('d', { wave: 2 })];

  /** Wave 1 is sealed and its gates run; of wave 2, c is merged and d runs. */
  function atTheGates(gates = [gateOf('g', TWICE)], extra: Parameters<typeof stepOf>[1][] = []) {
    const more = extra.map((fields, nth) => stepOf(`x${nth}`, fields));
    const run = new IsolatedRun([...steps, ...more], { gates });
    run.do('a', 'b');
    run.after();
    run.sealTip(1);
    for (const { name } of gates) run.beginGate(1, name);
    run.do('c');
    run.begin('d');
    return run;
  }

  test('that fails with tries left ends what was built on its wave, then takes all of it back', () => {
    const run = atTheGates();
    run.endGate(1, 'g', 'exit', 5_000);
    expect(run.decide()).toMatchObject({ type: 'stop', failure: { kind: 'interrupted' } });
    run.fail('d', 'interrupted');
    expect(run.next()).toBe('wake 5000');
    run.nowMs += 5_000;
    expect(run.decide()).toEqual({ type: 'take-back', wave: 1, gate: 'g', again: true });
    run.takeBack([1, 2], 'g', sealOf(run, 0));
    expect(['a', 'b', 'c', 'd'].map((step) => run.statusOf(step))).toEqual([
      'pending',
      'pending',
      'pending',
      'pending',
    ]);
    expect(run.state.tip).toEqual({ commit: 'back', tree: 't0' });
    expect(run.after()).toBe('start a');
    run.do('a', 'b');
    expect(run.state.frontier).toBe(1);
  });

  test('does not merge first what would be taken back', () => {
    const run = atTheGates();
    run.leave('d');
    run.endGate(1, 'g', 'exit', 0);
    expect(run.next()).toBe('take-back 1');
  });

  test('waits with that for the one beside it', () => {
    const run = atTheGates([gateOf('g', TWICE), gateOf('h')]);
    run.fail('d', 'interrupted');
    run.endGate(1, 'g', 'exit', 0);
    expect(run.next()).toBe('nothing');
    run.endGate(1, 'h');
    expect(run.next()).toBe('take-back 1');
  });

  test('is tried again alone when the one beside it has failed for good', () => {
    const run = atTheGates([gateOf('g', TWICE), gateOf('h')]);
    run.endGate(1, 'h', 'exit');
    run.endGate(1, 'g', 'exit', 0);
    expect(run.next()).toBe('gate 1');
  });

  test('whose process was lost is tried again alone', () => {
    const run = atTheGates();
    run.endGate(1, 'g', 'crash', 0);
    expect(run.next()).toBe('gate 1');
  });

  test('that fails for good ends the run, without what was merged after the seal', () => {
    const run = atTheGates([gateOf('g')]);
    run.endGate(1, 'g', 'exit');
    expect(run.next()).toBe('stop d');
    run.fail('d', 'cancelled');
    expect(run.decide()).toEqual({ type: 'take-back', wave: 1, gate: 'g', again: false });
    run.takeBack([2], 'g', sealOf(run, 1));
    expect(run.statusOf('a')).toBe('passed');
    expect(run.statusOf('c')).toBe('pending');
    expect(run.decide()).toMatchObject({ type: 'skip-rest', reason: 'gate' });
  });

  test('that fails for good has its wave recorded before anything cleans up', () => {
    const cleanUp = { wave: 2, needs: ['a'], triggerRule: 'all_done' } as const;
    const run = atTheGates([gateOf('g')], [cleanUp]);
    run.begin('x0');
    run.endGate(1, 'g', 'exit');
    expect(run.next()).toBe('stop d');
    run.fail('d', 'cancelled');
    expect(run.next()).toBe('stop x0');
    run.fail('x0', 'interrupted');
    expect(run.next()).toBe('take-back 1');
    run.takeBack([2], 'g', sealOf(run, 1));
    expect(run.next()).toBe('checkpoint 1');
    run.checkpoint(1);
    expect(run.after()).toBe('skip d (gate)');
    run.skip('c');
    run.skip('d');
    expect(run.after()).toBe('start x0');
  });

  test('leaves an approval that was given', () => {
    const run = new IsolatedRun(
      [...WAVE_1, stepOf('ok', { wave: 2, kind: 'approval', approval: { message: 'go?' } })],
      { gates: [gateOf('g')] },
    );
    run.do('a', 'b');
    run.after();
    run.sealTip(1);
    run.beginGate(1, 'g');
    run.wait('ok');
    run.pass('ok');
    run.endGate(1, 'g', 'exit');
    expect(run.next()).toBe('close-wave 1');
  });

  test('keeps of a later wave what had ended before the seal that is gone back to', () => {
    const run = new IsolatedRun(
      [
        stepOf('a', { wave: 1 }),
        stepOf('b', { wave: 2 }),
        stepOf('c', { wave: 2, needs: ['b'] }),
        stepOf('d', { wave: 3 }),
      ],
      { gates: [gateOf('g', TWICE)] },
    );
    run.begin('a');
    run.after();
    run.do('b', 'd');
    run.leave('a');
    run.merge('a');
    run.sealTip(1);
    run.beginGate(1, 'g');
    run.endGate(1, 'g');
    run.checkpoint(1);
    run.do('c');
    run.sealTip(2);
    run.beginGate(2, 'g');
    run.endGate(2, 'g', 'exit', 0);
    expect(run.next()).toBe('take-back 2');
    run.takeBack([2, 3], 'g', sealOf(run, 1));
    expect(['a', 'b', 'c', 'd'].map((step) => run.statusOf(step))).toEqual([
      'passed',
      'passed',
      'pending',
      'passed',
    ]);
  });
});

describe('a conflict', () => {
  const conflicting = (name: ConflictsSetting['policy'], concurrency = 4) => {
    const steps = [stepOf('a', { wave: 1, ...TWICE }), stepOf('b', { wave: 1 })];
    const run = new IsolatedRun(steps, policy(name), concurrency);
    run.begin('a');
    run.leave('a');
    return run;
  };

  test.each(['fail', 'ours', 'theirs'] as const)('under %s is settled by the merge', (name) => {
    const run = conflicting(name);
    expect(run.next()).toBe('merge a');
  });

  test('that fails its step is followed by another attempt', () => {
    const run = conflicting('fail');
    run.conflict('a', { failure: { kind: 'conflict', message: 'x' }, retryInMs: 0 });
    expect(run.next()).toBe('start a');
    expect(stepStateOf(run.state, nodeOf(run.state, 'a').index)).toMatchObject({
      attempts: [{ status: 'failed', failure: { kind: 'conflict' } }],
    });
  });

  test('that fails its step for good fails the run', () => {
    const run = conflicting('fail');
    run.conflict('a', { failure: { kind: 'conflict', message: 'x' } });
    expect(run.statusOf('a')).toBe('failed');
    expect(run.next()).toBe('skip-rest');
  });

  test('that a command settles holds a slot from when its worktree is made', () => {
    const run = conflicting('agent', 1);
    run.conflict('a');
    expect(run.next()).toBe('resolve a');
    expect(run.next({ busy: new Set(['resolve:0']) })).toBe('nothing');
    run.beginResolve('a', 'command');
    expect(run.next()).toBe('nothing');
    run.endResolve('a');
    expect(run.next()).toBe('merge a');
  });

  test('whose command was lost is a crash of the step, and no attempt that counts', () => {
    const run = conflicting('agent');
    run.conflict('a');
    run.beginResolve('a', 'command');
    run.endResolve('a', 'crash', 0);
    expect(stepStateOf(run.state, nodeOf(run.state, 'a').index)).toMatchObject({
      counted: 0,
      crashes: 1,
    });
  });

  test('that a person settles holds none, and is answered once', () => {
    const run = conflicting('ask', 1);
    run.conflict('a');
    expect(run.next()).toBe('resolve a');
    run.beginResolve('a', 'person');
    expect(run.next()).toBe('start b');
    run.record({ type: 'request.received', request: 'approve', step: 'a' });
    expect(run.next()).toBe('answer a');
    expect(run.next({ busy: new Set(['resolve:0']) })).toBe('start b');
    run.endResolve('a');
    run.conflict('a');
    run.beginResolve('a', 'person');
    expect(run.next()).toBe('start b'); // The answer was to the first round.
  });

  test('is what the run waits for when nothing else can go on', () => {
    const run = conflicting('ask');
    run.conflict('a');
    run.beginResolve('a', 'person');
    run.do('b');
    expect(run.decide()).toEqual({ type: 'pause', steps: ['a'] });
  });

  test.each(['agent', 'ask'] as const)('under %s is let go after a failure elsewhere', (name) => {
    const run = conflicting(name);
    run.conflict('a');
    run.begin('b');
    run.fail('b');
    expect(run.next()).toBe('fail a (cancelled)');
  });

  test('that is being settled ends with a failure elsewhere', () => {
    const run = conflicting('agent');
    run.conflict('a');
    run.beginResolve('a', 'command');
    run.begin('b');
    run.fail('b');
    expect(run.next()).toBe('stop a');
    run.endResolve('a', 'cancelled');
    expect(run.statusOf('a')).toBe('cancelled');
  });

  test('goes on being settled when a failure elsewhere comes while its answer is taken up', () => {
    const run = conflicting('ask');
    run.conflict('a');
    run.beginResolve('a', 'person');
    run.record({ type: 'request.received', request: 'approve', step: 'a' });
    run.begin('b');
    run.fail('b');
    expect(run.next({ busy: new Set(['resolve:0']) })).toBe('nothing');
  });

  test('that an interrupted command was to settle is settled anew', () => {
    const run = conflicting('agent');
    run.conflict('a');
    run.beginResolve('a', 'command');
    expect(run.next({ interrupt: 'SIGINT' })).toBe('stop a');
    run.endResolve('a', 'interrupted');
    expect(run.next({ interrupt: 'SIGINT' })).toBe('interrupt');
    expect(run.next()).toBe('resolve a');
  });
});

describe('the end of a run', () => {
  test('by cancelling waits for an open merge, and begins no other', () => {
    const run = new IsolatedRun(WAVE_1);
    run.begin('a');
    run.begin('b');
    run.leave('a');
    run.leave('b');
    run.beginMerge('a');
    cancel(run);
    expect(run.next()).toBe('nothing');
    run.endMerge('a');
    expect(run.next()).toBe('skip-rest');
    run.endResolve('b', 'cancelled');
    expect([run.statusOf('a'), run.statusOf('b')]).toEqual(['passed', 'cancelled']);
    expect(run.next()).toBe('seal 1');
  });

  test('by a failure merges what is done already', () => {
    const run = new IsolatedRun(WAVE_1);
    run.begin('a');
    run.begin('b');
    run.leave('a');
    run.fail('b');
    expect(run.next()).toBe('merge a');
    run.merge('a');
    expect(run.next()).toBe('seal 1');
  });

  test('by cancelling stands when a wave is being taken back', () => {
    const run = new IsolatedRun(WAVE_1, { gates: [gateOf('g', TWICE)] });
    run.do('a', 'b');
    run.sealTip(1);
    run.beginGate(1, 'g');
    run.endGate(1, 'g', 'exit', 0);
    expect(run.next()).toBe('take-back 1');
    cancel(run);
    run.takeBack([1], 'g', sealOf(run, 0));
    expect(run.state.cancelled).toBe(true);
    expect(run.next()).toBe('skip-rest');
  });

  test('by cancelling keeps what was built on a wave whose gate it stopped', () => {
    const run = new IsolatedRun([...WAVE_1, stepOf('c', { wave: 2, needs: ['a'] })], {
      gates: [gateOf('g')],
    });
    run.do('a', 'b');
    run.after();
    run.sealTip(1);
    run.beginGate(1, 'g');
    run.do('c');
    cancel(run);
    expect(run.next()).toBe('stop-gate 1');
    run.endGate(1, 'g', 'cancelled');
    expect(run.next()).toBe('close-wave 1');
  });
});

describe('a run that goes on', () => {
  const steps = [
    ...WAVE_1,
    stepOf('c', { wave: 2, needs: ['a'] }),
    stepOf('d', { wave: 2, needs: ['c'] }),
  ];

  /** c is merged before wave 1 is sealed, d after. */
  function inTheSecondWave(): IsolatedRun {
    const run = new IsolatedRun(steps);
    run.do('a');
    run.after();
    run.do('c', 'b');
    run.sealTip(1);
    run.checkpoint(1);
    run.do('d');
    return run;
  }

  test('after a rollback keeps what the checkpoint holds of later waves', () => {
    const run = inTheSecondWave();
    const target = run.state.checkpoints.at(-1);
    run.record({
      type: 'rollback.started',
      to: 1,
      target: target?.tree ?? '',
      rescue: 'r',
      rescue_commit: 'x',
    });
    run.record({ type: 'rollback.done', to: 1, restored: target?.commit ?? '', tip: 'back' });
    expect(run.state.tip).toEqual({ commit: 'back', tree: target?.tree });
    run.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    run.record({ type: 'wave.invalidated', wave: 2, kept_until: target?.upTo ?? 0 });
    expect([run.statusOf('c'), run.statusOf('d')]).toEqual(['passed', 'pending']);
    expect(run.after()).toBe('start d');
  });

  test('after a reboot keeps all that was merged, and merges what was done', () => {
    const run = inTheSecondWave();
    run.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    expect(run.statusOf('d')).toBe('passed');
    const other = new IsolatedRun(steps);
    other.begin('a');
    other.leave('a');
    other.record({ type: 'run.resumed', epoch: 2, boot: 'other', retry_failed: false });
    expect(other.next()).toBe('merge a');
  });

  test('after a rollback forgets a merge that was open', () => {
    const run = new IsolatedRun(WAVE_1);
    run.begin('a');
    run.leave('a');
    run.beginMerge('a');
    run.record({ type: 'wave.invalidated', wave: 1, kept_until: 2 });
    expect(run.state.mergeOpen).toBeUndefined();
    expect(run.after()).toBe('start a');
  });
});
