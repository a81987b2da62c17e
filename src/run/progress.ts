/**
 * How far a run is: steps done, per cent of the work by estimates, and time left.
 *
 * Estimates are wrong, so the time left is scaled by how the ended steps compared to theirs. A default
 * is no estimate at all: how long such steps take is told by those that have ended, and until one has,
 * nothing is said of the time left.
 */
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { hasEnded, type RunState, type StepState } from './state.ts';

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** 0 to 100, by estimated work; a running step counts by its elapsed time, at most up to its estimate. */
  readonly percent: number;
  /** Null when nothing is left, or nothing is known of how long the rest takes. */
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
  /** The same at the pace of the ended steps; NaN when that is not known. */
  leftAtPaceMs: number;
  longestLeftMs: number;
}

/** How much longer than estimated steps take. */
interface Pace {
  readonly estimated: number;
  /** Of steps without an estimate; undefined before one of them has ended. */
  readonly unestimated: number | undefined;
}

/** Short steps say little about long ones: their pace counts against this share of all work at the estimates. */
const PRIOR_SHARE = 0.1;

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
    for (const sum of [all, byWave[node.wave]]) if (sum) add(sum, node, step, pace, nowMs);
  }
  const concurrency = Math.max(1, state.plan.concurrency);
  return {
    run: toProgress(all, concurrency),
    waves: byWave
      .slice(1)
      .map((sum, index) => ({ wave: index + 1, ...toProgress(sum, concurrency) })),
  };
}

function paceOf(state: RunState): Pace {
  const took = { estimated: 0, unestimated: 0 };
  const expected = { estimated: 0, unestimated: 0 };
  let workMs = 0;
  for (const node of state.nodes) {
    if (!isLeaf(node)) continue;
    const kind = node.estimateSource === 'default' ? 'unestimated' : 'estimated';
    if (kind === 'estimated') workMs += node.estimateMs;
    const step = state.steps[node.index];
    const last = step?.attempts.at(-1);
    if (step?.status !== 'passed' || last?.durationS === undefined || last.cache?.hit) continue;
    took[kind] += last.durationS * 1000;
    expected[kind] += node.estimateMs;
  }
  const priorMs = PRIOR_SHARE * workMs;
  const estimatedMs = expected.estimated + priorMs;
  return {
    estimated: estimatedMs > 0 ? (took.estimated + priorMs) / estimatedMs : 1,
    unestimated: expected.unestimated > 0 ? took.unestimated / expected.unestimated : undefined,
  };
}

function emptySum(): Sum {
  return { done: 0, total: 0, workMs: 0, doneMs: 0, leftMs: 0, leftAtPaceMs: 0, longestLeftMs: 0 };
}

function add(sum: Sum, node: PlanNode, step: StepState, pace: Pace, nowMs: number): void {
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
  const leftMs = node.estimateMs - doneMs;
  const factor = node.estimateSource === 'default' ? pace.unestimated : pace.estimated;
  sum.leftMs += leftMs;
  sum.leftAtPaceMs += leftMs === 0 ? 0 : leftMs * (factor ?? Number.NaN);
  sum.longestLeftMs = Math.max(sum.longestLeftMs, node.remainingMs - doneMs);
}

function toProgress(sum: Sum, concurrency: number): Progress {
  const isDone = sum.done === sum.total;
  const share = sum.doneMs / Math.max(1, sum.workMs);
  return {
    done: sum.done,
    total: sum.total,
    percent: isDone ? 100 : Math.min(99, Math.floor(100 * share)),
    seconds_left: isDone ? null : secondsLeft(sum, concurrency),
  };
}

function secondsLeft(sum: Sum, concurrency: number): number | null {
  const { leftMs, leftAtPaceMs, longestLeftMs } = sum;
  if (Number.isNaN(leftAtPaceMs)) return null;
  const pace = leftMs > 0 ? leftAtPaceMs / leftMs : 1;
  const ms = Math.max(leftMs / concurrency, Math.min(longestLeftMs, leftMs)) * pace;
  return Math.round(ms / 100) / 10;
}
