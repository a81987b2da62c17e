/** Parts of the events that tell how a step ended, alike wherever it worked. */
import type { PlanNode } from '../plan/plan.ts';
import type { CacheUse, Failure, StepFinished, Usage } from '../run/events.ts';
import { mayRetry } from '../run/judge.ts';
import { retryDelayMs } from '../run/retry.ts';
import { stepStateOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import type { StepCacheKey } from './step-cache.ts';

const NO_USAGE: Usage = { usd: 0, input_tokens: 0, output_tokens: 0 };

/** The part of step.finished that is alike everywhere; what differs is spread over it. */
export function endOf(node: PlanNode, attempt: number): StepFinished {
  return {
    type: 'step.finished',
    wave: node.wave,
    step: node.id,
    attempt,
    status: 'passed',
    exit_code: null,
    duration_s: 0,
    usage: NO_USAGE,
    outputs: {},
    resources: null,
  };
}

/**
 * Says when the next attempt follows, if one does.
 * @param counted attempts before this one that count
 */
export function retryOf(
  run: LiveRun,
  node: PlanNode,
  failure: Failure,
  counted = stepStateOf(run.state, node.index).counted,
): { retry_at?: string } {
  const step = stepStateOf(run.state, node.index);
  const delayMs = retryDelayMs(
    node.step.retry,
    { kind: failure.kind, counted, crashes: step.crashes },
    run.parts.ports.clock.random(),
  );
  if (delayMs === undefined || !mayRetry(run.state, node)) return {};
  return { retry_at: new Date(run.nowMs() + delayMs).toISOString() };
}

export function missOf(
  { digest, missReason }: StepCacheKey,
  notKept: string | undefined,
): CacheUse {
  const reason = notKept === undefined ? missReason : `${missReason}; not kept: ${notKept}`;
  return { hit: false, key: digest, reason };
}
