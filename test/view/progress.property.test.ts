/**
 * Progress held to the journal: runs with retries, matrices, failures, people and interruptions are
 * folded event by event, and beside the fold a much simpler reader counts what has ended.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLeaf } from '../../src/plan/graph.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { progressOf } from '../../src/run/progress.ts';
import { hasEnded, type RunState } from '../../src/run/state.ts';
import { type ChanceRun, chanceRuns, freshState } from './chance-run.ts';

/** Ended leaf steps by id, and how many leaf steps there are, told from events. */
class Counter {
  #ended = new Set<string>();
  #total = 0;

  /** Where work is thrown away, counting begins anew from what the fold says is left. */
  restart({ nodes, steps }: RunState): void {
    const leaves = nodes.filter((node) => isLeaf(node));
    this.#total = leaves.length;
    const ended = leaves.filter(({ index }) => hasEnded(steps[index]?.status ?? 'pending'));
    this.#ended = new Set(ended.map(({ id }) => id));
  }

  see(event: RunEvent): void {
    if (event.type === 'step.skipped') this.#ended.add(event.step);
    if (event.type === 'step.finished' && isLast(event)) this.#ended.add(event.step);
    if (event.type === 'plan.expanded') this.#total += event.instances.length - 1;
  }

  get counts(): { done: number; total: number } {
    return { done: this.#ended.size, total: this.#total };
  }
}

function isLast(event: Extract<RunEvent, { type: 'step.finished' }>): boolean {
  return event.retry_at === undefined && event.failure?.kind !== 'interrupted';
}

function throwsWorkAway({ type }: RunEvent): boolean {
  return type === 'run.started' || type === 'run.resumed' || type === 'wave.invalidated';
}

/** An attempt that ends for another one, and a matrix that turns out larger, make less of what was done. */
function maySetBack(event: RunEvent): boolean {
  if (event.type === 'step.finished') return !isLast(event);
  return event.type === 'plan.expanded' || throwsWorkAway(event);
}

/** Calls back before and after each event, both at the time of the event. */
function follow(
  run: ChanceRun,
  look: (state: RunState, event: RunEvent, moment: 'before' | 'after') => void,
): void {
  const state = freshState(run);
  for (const event of run.events) {
    look(state, event, 'before');
    applyEvent(state, event);
    look(state, event, 'after');
  }
}

/** A step without an estimate is left, and none has shown how long such steps take. */
function isUnknown({ nodes, steps }: RunState): boolean {
  const plain = nodes.filter((node) => isLeaf(node) && node.estimateSource === 'default');
  const isMeasured = plain.some(({ index, estimateMs }) => {
    const last = steps[index]?.attempts.at(-1);
    const isPassed = steps[index]?.status === 'passed' && last?.durationS !== undefined;
    return isPassed && !last.cache?.hit && estimateMs > 0;
  });
  return (
    !isMeasured &&
    plain.some(({ index, estimateMs }) => {
      return estimateMs > 0 && !hasEnded(steps[index]?.status ?? 'pending');
    })
  );
}

const RUNS = { numRuns: 300 };

describe('progress of a run', () => {
  test('counts what the journal says has ended, and is at 100 per cent exactly then', () => {
    fc.assert(
      fc.property(chanceRuns, (course) => {
        const counter = new Counter();
        follow(course, (state, event, moment) => {
          if (moment === 'before') return;
          if (throwsWorkAway(event)) counter.restart(state);
          else counter.see(event);
          const { run } = progressOf(state, Date.parse(event.at));
          expect({ done: run.done, total: run.total }).toEqual(counter.counts);
          expect(run.percent === 100).toBe(run.done === run.total);
          expect(run.seconds_left === null).toBe(run.done === run.total || isUnknown(state));
          expect(run.percent).toBeGreaterThanOrEqual(0);
          expect(run.percent).toBeLessThanOrEqual(100);
        });
      }),
      RUNS,
    );
  });

  test('never falls while nothing is thrown away', () => {
    fc.assert(
      fc.property(chanceRuns, (course) => {
        let last = 0;
        let lastMs = 0;
        follow(course, (state, event, moment) => {
          lastMs = Math.max(lastMs, Date.parse(event.at));
          const { percent } = progressOf(state, lastMs).run;
          if (moment === 'before' || !maySetBack(event)) {
            expect(percent).toBeGreaterThanOrEqual(last);
          }
          last = percent;
        });
      }),
      RUNS,
    );
  });

  test('is the sum of its waves', () => {
    fc.assert(
      fc.property(chanceRuns, (course) => {
        follow(course, (state, event) => {
          const { run, waves } = progressOf(state, Date.parse(event.at));
          const sum = (of: (wave: (typeof waves)[number]) => number) =>
            waves.reduce((total, wave) => total + of(wave), 0);
          expect(sum((wave) => wave.done)).toBe(run.done);
          expect(sum((wave) => wave.total)).toBe(run.total);
          expect(waves.every((wave) => wave.percent === 100)).toBe(run.percent === 100);
        });
      }),
      RUNS,
    );
  });
});
