/** What people read of a run, over runs that chance made, and by example where words matter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth } from '../../src/base/text.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import type { RunEventBody } from '../../src/run/events.ts';
import type { RunState } from '../../src/run/state.ts';
import { stepFacts } from '../../src/view/explain-step.ts';
import { explainStep, explanationLines } from '../../src/view/explain-text.ts';
import { liveLines, liveProgress } from '../../src/view/live-lines.ts';
import { runDetails, runDocument } from '../../src/view/run-details.ts';
import type { RunFacts } from '../../src/view/run-facts.ts';
import { activeRunOf } from '../../src/view/run-overview.ts';
import { statusLines } from '../../src/view/status-text.ts';
import { alignColumns, clipRows } from '../../src/view/table-text.ts';
import { agoText, durationText } from '../../src/view/time-text.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { stepOf, workflowOf } from '../plan/builders.ts';
import { chanceRuns, freshState } from './chance-run.ts';

const NO_LINES = { out: [], err: [] };
const NOW = Date.UTC(2026, 0, 1, 12);

function factsOf(state: RunState, changes: Partial<RunFacts> = {}): RunFacts {
  return {
    state,
    source: 'here',
    branch: `orch/${state.run}`,
    heldBy: { pid: 7, what: 'run' },
    asOfMs: NOW,
    isAccepted: false,
    isAbandoned: false,
    fates: new Map(),
    answered: new Set(),
    ...changes,
  };
}

const LOUD = { quiet: false };

describe('over runs that chance made', () => {
  test('every view of every moment can be told, and none holds a control character', () => {
    fc.assert(
      fc.property(chanceRuns, fc.nat(), (run, moment) => {
        const state = freshState(run);
        for (const event of run.events.slice(0, 1 + (moment % run.events.length)))
          applyEvent(state, event);
        const facts = factsOf(state, { asOfMs: Date.parse(run.events.at(-1)?.at ?? '') });
        const active = activeRunOf(facts);
        const texts = [
          ...statusLines(statusWith([active]), NOW, LOUD),
          ...runDetails(facts, NOW, LOUD).sections.flatMap(({ rows }) => rows.flat()),
          ...state.nodes.flatMap((node) =>
            explanationLines(explainStep(facts, stepFacts(facts, node, NO_LINES)), NOW, LOUD),
          ),
        ].flatMap((text) => text.split('\n'));
        expect(JSON.parse(JSON.stringify(runDocument(facts)))).toHaveProperty('run', state.run);
        for (const text of texts) {
          expect(text).not.toMatch(/[\x00-\x1f]|undefined|NaN|\[object/);
          expect(text.trim()).not.toBe(text === '' ? 'x' : '');
        }
      }),
      { numRuns: 150 },
    );
  });

  test('live lines fit the terminal at every moment', () => {
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 90 }),
      rows: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(chanceRuns, size, (run, { columns, rows }) => {
        const state = freshState(run);
        for (const event of run.events) {
          applyEvent(state, event);
          const nowMs = Date.parse(event.at);
          const lines = liveLines(state, liveProgress(state, nowMs), nowMs, { columns, rows });
          expect(lines.length).toBeGreaterThan(0);
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        }
      }),
      { numRuns: 100 },
    );
  });
});

function statusWith(
  runs: Parameters<typeof statusLines>[0]['runs'],
): Parameters<typeof statusLines>[0] {
  const tasks = { total: 0, ready: 0, in_progress: 0, done: 0 };
  return { branch: 'main', runs, last_run: null, tasks, agents: [], unreadable: [] };
}

describe('why a step has not started', () => {
  /** A run with these steps, one at a time, after these events. */
  function why(steps: Step[], bodies: readonly RunEventBody[], id: string, changes = {}) {
    const workflow = workflowOf({ steps, pools: { gpu: 1 } });
    const plan = makePlan(workflow, { concurrency: 1, strategies: {} });
    const state = freshState({ workflow, plan });
    const base: RunEventBody[] = [
      { type: 'run.started', run: 't', workflow: 't', base: null, epoch: 1, boot: 'b' },
      { type: 'wave.sealed', wave: 0, commit: 'c', tree: 't', left_out: [] },
      { type: 'checkpoint.started', wave: 0, tree: 't', parent: null, status: 'running' },
      { type: 'checkpoint.created', wave: 0, commit: 'c' },
    ];
    for (const [index, body] of [...base, ...bodies].entries())
      applyEvent(state, { v: 1, seq: index + 1, at: new Date(NOW).toISOString(), ...body });
    const node = state.nodes[state.indexOf.get(id) ?? -1];
    if (node === undefined) throw new Error(`no node ${id}`);
    const facts = factsOf(state, changes);
    return explainStep(facts, stepFacts(facts, node, NO_LINES));
  }

  const open: RunEventBody = { type: 'wave.started', wave: 1, steps: [] };
  const start = (step: string): RunEventBody => {
    return { type: 'step.started', wave: 1, step, attempt: 1, slot: 0 };
  };
  const two = [stepOf('a'), stepOf('b', { needs: ['a'] })];

  test('its needs have not ended', () => {
    const told = why(two, [open, start('a')], 'b');
    expect(told.because[0]).toBe('it has not started: it needs a (running)');
    expect(told.waits_for).toEqual(['it needs a (running)']);
    expect(told.next).toBeNull();
  });

  test('as many run as may run at once', () => {
    const told = why([stepOf('a'), stepOf('b')], [open, start('a')], 'b');
    expect(told.waits_for).toEqual(['1 step at once is the most: a']);
  });

  test('its pool is taken', () => {
    const gpu = { uses: { gpu: 1 } };
    const told = why([stepOf('a', gpu), stepOf('b', gpu)], [open, start('a')], 'b');
    expect(told.waits_for[0]).toBe('it uses 1 of pool gpu, of which 0 is free');
  });

  test('its wave has not begun', () => {
    expect(why([stepOf('a')], [], 'a').waits_for).toEqual(['wave 1 begins when wave 0 is over']);
  });

  test('nobody works on the run any more, and resume is what to type', () => {
    const told = why([stepOf('a')], [open, { type: 'run.interrupted', signal: 'SIGINT' }], 'a', {
      heldBy: null,
    });
    expect(told.waits_for).toEqual(['the run was stopped and can be resumed']);
    expect(told.next).toBe('orch resume test-261121-k3f9');
  });

  test('nothing holds it back', () => {
    expect(why([stepOf('a')], [open], 'a').because).toEqual([
      'it has not started; nothing holds it back, it is about to start',
    ]);
  });

  test('a condition is only asked when it can be', () => {
    const steps = [stepOf('a'), stepOf('b', { needs: ['a'], when: "steps.a.status == 'passed'" })];
    expect(why(steps, [open, start('a')], 'b').when).toEqual({
      text: "steps.a.status == 'passed'",
      holds: null,
      values: {},
      error: null,
    });
  });
});

describe('times and tables', () => {
  test.for([
    [0, '0s'],
    [12_500, '12.5s'],
    [200_000, '3m 20s'],
    [7_500_000, '2h 5m'],
    [273_600_000, '3d 4h'],
  ] as const)('%i ms are %s', ([ms, text]) => {
    expect(durationText(ms)).toBe(text);
  });

  test('an age is told by its largest unit, and a clock ahead is no age', () => {
    expect(agoText(NOW - 200_000, NOW)).toBe('3m ago');
    expect(agoText(NOW + 5_000, NOW)).toBe('just now');
    expect(agoText(Number.NaN, NOW)).toBe('');
  });

  test('columns stand below each other, wide characters counted as two', () => {
    expect(
      alignColumns([
        ['猫', 'x'],
        ['abc', 'y'],
        ['', 'z'],
        ['q', ''],
      ]),
    ).toEqual(['猫   x', 'abc  y', '     z', 'q']);
  });

  test('the widest column gives way first', () => {
    expect(clipRows([['short', 'x'.repeat(40)]], 20)).toEqual([['short', `${'x'.repeat(14)}…`]]);
  });
});
