/**
 * What a run has spent, and whether that is all it may. A spent budget holds everything back that has
 * not started; what is open is gated and checkpointed, and the run waits for a larger budget.
 */
import type { Budget } from '../workflow/workflow.ts';
import type { Usage } from './events.ts';
import type { RunState } from './state.ts';

export const NO_USAGE: Usage = { usd: 0, input_tokens: 0, output_tokens: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    usd: a.usd + b.usd,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
  };
}

/** Never below zero. */
export function subtractUsage(a: Usage, b: Usage): Usage {
  return {
    usd: Math.max(0, a.usd - b.usd),
    input_tokens: Math.max(0, a.input_tokens - b.input_tokens),
    output_tokens: Math.max(0, a.output_tokens - b.output_tokens),
  };
}

/** @returns in words which part of a budget is spent; undefined while something is left */
export function spentOf(
  { usd, tokens, timeMs }: Budget,
  usage: Usage,
  elapsedMs: number,
): string | undefined {
  const total = usage.input_tokens + usage.output_tokens;
  if (usd !== undefined && usage.usd >= usd)
    return `$${usage.usd.toFixed(2)} of $${usd.toFixed(2)} are spent`;
  if (tokens !== undefined && total >= tokens) return `${total} of ${tokens} tokens are spent`;
  if (timeMs !== undefined && elapsedMs >= timeMs)
    return `its time of ${Math.round(timeMs / 1000)} s is over`;
  return undefined;
}

/** @param live what attempts that run have spent so far */
export function spentOfRun(
  state: RunState,
  nowMs: number,
  live: Usage = NO_USAGE,
): string | undefined {
  const { budget } = state.workflow;
  if (budget === undefined) return undefined;
  return spentOf(budget, addUsage(state.usage, live), nowMs - Date.parse(state.startedAt));
}

/** When the time of the run's budget is over; undefined where time has no limit. */
export function timeIsOverMs({ workflow, startedAt }: RunState): number | undefined {
  const timeMs = workflow.budget?.timeMs;
  return timeMs === undefined ? undefined : Date.parse(startedAt) + timeMs;
}
