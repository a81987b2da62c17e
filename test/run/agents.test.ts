/** Whose turn it is among the agents of a step, what rate limits do to those that run, and spent budgets. */
import { describe, expect, test } from 'vitest';
import { untoldWaitMs, waitForLimit } from '../../src/run/agent-turn.ts';
import type { FailureKind } from '../../src/run/events.ts';
import { nodeOf, stepStateOf } from '../../src/run/state.ts';
import { plainAgent } from '../../src/workflow/agents.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { stepOf, workflowOf } from '../plan/builders.ts';
import { HandRun, START_MS } from './runs.ts';

const HOUR_MS = 3_600_000;
const AGENTS = { codex: plainAgent('codex'), claude: plainAgent('claude') };

function agentStep(
  id: string,
  names: readonly string[] = ['codex'],
  fields: Partial<Step> = {},
): Step {
  return { ...stepOf(id, fields), kind: 'agent', agent: { names, prompt: 'work' } };
}

function runOf(
  steps: readonly Step[],
  fields: Partial<Parameters<typeof workflowOf>[0]> = {},
  concurrency = 8,
) {
  const waves = { auto: false, max: 1, minSteps: 1 };
  return new HandRun(workflowOf({ steps, waves, ...fields }), { concurrency }, {}, AGENTS);
}

function limited(run: HandRun, step: string, resumeInMs: number): void {
  const resume_at = new Date(run.nowMs + resumeInMs).toISOString();
  const failure = { kind: 'rate_limit', message: 'slow down', resume_at } as const;
  run.fail(step, 'rate_limit', resumeInMs, { failure });
}

function stepOfRun(run: HandRun, id: string) {
  return stepStateOf(run.state, nodeOf(run.state, id).index);
}

describe('an agent that cannot work', () => {
  test.for<FailureKind>(['auth', 'budget', 'crash', 'rate_limit', 'unavailable'])(
    '(%s) hands over to the next one, and the attempt counts for nothing',
    (kind) => {
      const run = runOf([agentStep('a', ['codex', 'claude'])]);
      run.start('a');
      run.fail('a', kind, 0);
      expect(stepOfRun(run, 'a')).toMatchObject({ agentAt: 1, counted: 0, crashes: 0 });
      expect(run.next()).toBe('start a');
    },
  );

  test('for the sake of its task keeps its turn', () => {
    const run = runOf([agentStep('a', ['codex', 'claude'])]);
    run.start('a');
    run.fail('a', 'agent', 0);
    expect(stepOfRun(run, 'a').agentAt).toBeUndefined();
    expect(stepOfRun(run, 'a').counted).toBe(1);
  });

  test('begins again with the first one when all have had their turn', () => {
    const run = runOf([agentStep('a', ['codex', 'claude'])]);
    run.start('a');
    limited(run, 'a', 0);
    run.start('a');
    limited(run, 'a', 60_000);
    expect(stepOfRun(run, 'a').agentAt).toBeUndefined();
  });

  test('keeps its turn over an interruption', () => {
    const run = runOf([agentStep('a', ['codex', 'claude'])]);
    run.start('a');
    run.fail('a', 'auth', 0);
    run.start('a');
    run.fail('a', 'interrupted');
    expect(stepOfRun(run, 'a').agentAt).toBe(1);
  });
});

describe('a limit that nobody gets around', () => {
  const nowMs = START_MS;
  const at = (ms: number) => new Date(ms).toISOString();
  const step = agentStep('a');
  test.for([
    { name: 'is waited for as long as it says', kind: 'rate_limit', told: 90_000, wait: 90_000 },
    { name: 'is tried again after 30 s when it does not say', kind: 'rate_limit', wait: 30_000 },
    { name: 'of an earlier agent is waited for', kind: 'auth', earlier: 70_000, wait: 70_000 },
    { name: 'is no reason to wait after a failed task', kind: 'agent', earlier: 70_000 },
    {
      name: 'is waited for only until the first one is lifted',
      kind: 'rate_limit',
      told: 90_000,
      earlier: 70_000,
      wait: 70_000,
    },
  ] as const)('$name', ({ kind, ...given }) => {
    const { told, earlier, wait } = {
      told: undefined,
      earlier: undefined,
      wait: undefined,
      ...given,
    };
    const failure = {
      kind,
      message: '',
      ...(told !== undefined && { resume_at: at(nowMs + told) }),
    };
    const state = earlier === undefined ? {} : { limitedUntilMs: nowMs + earlier };
    const untilMs = waitForLimit({ step, state, failure, nowMs });
    expect(untilMs === undefined ? undefined : untilMs - nowMs).toBe(wait);
  });

  test('that does not say its end is waited for twice as long each time, at most ten minutes', () => {
    expect([0, 1, 2, 5, 99].map(untoldWaitMs)).toEqual([30_000, 60_000, 120_000, 600_000, 600_000]);
  });

  test('holds back the other steps of that agent and nobody else', () => {
    const run = runOf([agentStep('a'), agentStep('b'), agentStep('c', ['claude'])]);
    run.start('a');
    limited(run, 'a', 60_000);
    expect(run.next()).toBe('start c');
    run.start('c');
    expect(run.next()).toBe('wake 60000');
    run.nowMs += 60_000;
    expect(run.next()).toBe('start a');
  });

  test('of some hours leaves the run, which says when it may be resumed', () => {
    const run = runOf([agentStep('a')]);
    run.start('a');
    limited(run, 'a', 2 * HOUR_MS);
    expect(run.decide()).toMatchObject({ type: 'pause', resumeAtMs: START_MS + 2 * HOUR_MS });
  });

  test('of some hours does not stop what can go on', () => {
    const run = runOf([agentStep('a'), stepOf('b')]);
    run.start('a');
    limited(run, 'a', 2 * HOUR_MS);
    expect(run.next()).toBe('start b');
    run.start('b');
    expect(run.next()).not.toBe('pause');
  });
});

describe('rate limits', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

  function free(run: HandRun): number | undefined {
    return run.state.pools.free.get('agent:codex');
  }

  test('halve what may run at once, once for all that were under way, and every success gives one back', () => {
    const run = runOf(ids.map((id) => agentStep(id)));
    for (const id of ids) run.start(id);
    run.nowMs += 1_000;
    limited(run, 'a', 1_000);
    expect(run.state.pools.limits.get('agent:codex')).toMatchObject({ size: 8, limit: 4 });
    limited(run, 'b', 1_000);
    expect(run.state.pools.limits.get('agent:codex')).toMatchObject({ limit: 4 });
    expect(free(run)).toBe(-2);
    run.pass('c');
    expect(run.state.pools.limits.get('agent:codex')).toMatchObject({ limit: 5 });
    expect(free(run)).toBe(0);
  });

  test('leave one place, whatever happens, and no success gives more than there were', () => {
    const run = runOf([agentStep('a')], {}, 2);
    for (let nth = 0; nth < 5; nth += 1) {
      run.start('a');
      run.nowMs += 1;
      limited(run, 'a', 0);
    }
    expect(run.state.pools.limits.get('agent:codex')?.limit).toBe(1);
    run.start('a');
    run.pass('a');
    expect(run.state.pools.limits.get('agent:codex')?.limit).toBe(2);
    expect(free(run)).toBe(2);
  });

  test('count in the pool of the workflow that the agent names', () => {
    const agents = { codex: { ...plainAgent('codex'), pool: 'coders' } };
    const steps = [agentStep('a'), agentStep('b', ['codex'], { uses: { coders: 1 } })];
    const workflow = workflowOf({ steps, pools: { coders: 1 } });
    const run = new HandRun(workflow, { concurrency: 8 }, {}, agents);
    run.start('a');
    expect(run.next()).toBe('nothing');
    run.pass('a');
    expect(run.next()).toBe('start b');
    run.start('b');
    expect(run.state.pools.free.get('coders')).toBe(0);
  });
});

describe('a budget', () => {
  const spent = (usd: number) => ({ usage: { usd, input_tokens: 10, output_tokens: 5 } });

  test('that is spent lets nothing start, ends the wave, and makes the run wait', () => {
    const run = runOf([agentStep('a'), stepOf('b', { needs: ['a'] })], { budget: { usd: 1 } });
    run.start('a');
    run.pass('a', {}, spent(1));
    expect(run.decide()).toMatchObject({ type: 'pause', detail: expect.stringContaining('$1.00') });
  });

  test('that is left over changes nothing', () => {
    const run = runOf([agentStep('a'), stepOf('b', { needs: ['a'] })], { budget: { usd: 1 } });
    run.start('a');
    run.pass('a', {}, spent(0.99));
    expect(run.next()).toBe('start b');
  });

  test('that is spent by the last step does not keep the run from its end', () => {
    const run = runOf([agentStep('a')], { budget: { tokens: 15 } });
    run.start('a');
    run.pass('a', {}, spent(0));
    expect(run.next()).toBe('seal 1');
  });

  test('counts what those that run have spent, and stops agents, not commands', () => {
    const run = runOf([agentStep('a'), stepOf('b')], { budget: { usd: 1 } });
    run.start('a');
    run.start('b');
    const live = { usd: 2, input_tokens: 0, output_tokens: 0 };
    expect(run.next({ live })).toBe('stop a');
    expect(run.next({ live, busy: new Set(['stop:0']) })).toBe('nothing');
    run.fail('a', 'interrupted', undefined, spent(2));
    expect(run.next()).toBe('nothing');
    run.pass('b');
    expect(run.next()).toBe('pause');
  });

  test('of time wakes the run when it is over', () => {
    const run = runOf([agentStep('a')], { budget: { timeMs: 5_000 } });
    run.start('a');
    expect(run.next()).toBe('wake 5000');
    run.nowMs += 5_000;
    expect(run.next()).toBe('stop a');
  });

  test('adds up over attempts that failed', () => {
    const run = runOf([agentStep('a')], { budget: { usd: 1 } });
    run.start('a');
    run.fail('a', 'agent', 0, spent(0.5));
    run.start('a');
    run.fail('a', 'agent', 0, spent(0.5));
    expect(run.state.usage).toEqual({ usd: 1, input_tokens: 20, output_tokens: 10 });
    expect(run.next()).toBe('pause');
  });
});
