/**
 * How far a run is: steps done, per cent of the work by estimates, and time left. By estimates alone
 * this would be wrong all the time, so the time left is scaled by how the ended steps compared to
 * theirs.
 */
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { hasEnded, type RunState, type StepState } from './state.ts';

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** 0 to 100, by estimated work; a running step counts by its elapsed time, at most up to its estimate. */
  readonly percent: number;
  /** Null when nothing is left or nothing is known. */
  readonly seconds_left: number | null;
}

export interface WaveProgress extends Progress {
  readonly wave: number;
}

interface Sum {
  done: number;
  total: number;
  workMs: number;
  doneMs: number;
  leftMs: number;
  longestLeftMs: number;
}

/** @param nowMs wall clock */
export function progressOf(
  state: RunState,
  nowMs: number,
): { readonly run: Progress; readonly waves: readonly WaveProgress[] } {
  const pace = paceOf(state);
  const all = emptySum();
  const byWave = state.waves.map(emptySum);
  for (const node of state.nodes) {
    const step = state.steps[node.index];
    if (!isLeaf(node) || step === undefined) continue;
    for (const sum of [all, byWave[node.wave]]) if (sum) add(sum, node, step, nowMs);
  }
  const concurrency = Math.max(1, state.plan.concurrency);
  return {
    run: toProgress(all, pace, concurrency),
    waves: byWave
      .slice(1)
      .map((sum, index) => ({ wave: index + 1, ...toProgress(sum, pace, concurrency) })),
  };
}

/** How much longer than estimated the ended steps took; 1 while nothing is known. */
function paceOf(state: RunState): number {
  let took = 0;
  let estimated = 0;
  for (const node of state.nodes) {
    const step = state.steps[node.index];
    const last = step?.attempts.at(-1);
    if (
      !isLeaf(node) ||
      step?.status !== 'passed' ||
      last?.durationS === undefined ||
      last.cache?.hit
    )
      continue;
    took += last.durationS * 1000;
    estimated += node.estimateMs;
  }
  return estimated > 0 && took > 0 ? took / estimated : 1;
}

function emptySum(): Sum {
  return { done: 0, total: 0, workMs: 0, doneMs: 0, leftMs: 0, longestLeftMs: 0 };
}

function add(sum: Sum, node: PlanNode, step: StepState, nowMs: number): void {
  const ended = hasEnded(step.status);
  const started = step.attempts.at(-1)?.startedAt;
  const elapsedMs =
    step.status === 'running' && started !== undefined
      ? Math.max(0, nowMs - Date.parse(started))
      : 0;
  const doneMs = ended ? node.estimateMs : Math.min(elapsedMs, node.estimateMs);
  sum.total += 1;
  sum.done += ended ? 1 : 0;
  sum.workMs += node.estimateMs;
  sum.doneMs += doneMs;
  if (ended) return;
  sum.leftMs += node.estimateMs - doneMs;
  sum.longestLeftMs = Math.max(sum.longestLeftMs, node.remainingMs - doneMs);
}

function toProgress(sum: Sum, pace: number, concurrency: number): Progress {
  const percent =
    sum.done === sum.total
      ? 100
      : Math.min(99, Math.floor((100 * sum.doneMs) / Math.max(1, sum.workMs)));
  const leftMs = Math.max(sum.leftMs / concurrency, Math.min(sum.longestLeftMs, sum.leftMs)) * pace;
  const secondsLeft = sum.done === sum.total ? null : Math.round(leftMs / 100) / 10;
  return { done: sum.done, total: sum.total, percent, seconds_left: secondsLeft };
}
