/** Parts of the events that tell how a step ended, alike wherever it worked. */
import type { PlanNode } from '../plan/plan.ts';
import { takesOver, waitForLimit } from '../run/agent-turn.ts';
import type { CacheUse, Failure, StepFinished } from '../run/events.ts';
import { mayRetry } from '../run/judge.ts';
import { retryDelayMs } from '../run/retry.ts';
import { NO_USAGE } from '../run/spending.ts';
import { stepStateOf } from '../run/state.ts';
import type { Outcome } from '../run/verdict.ts';
import type { LiveRun } from './live-run.ts';
import type { StepCacheKey } from './step-cache.ts';

/** The part of step.finished that is alike everywhere; what differs is spread over it. */
export function endOf(node: PlanNode, attempt: number, outcome?: Outcome): StepFinished {
  const { said } = outcome ?? {};
  return {
    type: 'step.finished',
    wave: node.wave,
    step: node.id,
    attempt,
    status: 'passed',
    exit_code: outcome?.exitCode ?? null,
    duration_s: outcome?.durationS ?? 0,
    usage: said?.usage ?? NO_USAGE,
    outputs: {},
    resources: outcome?.resources ?? null,
    ...(said?.session !== undefined && { session: said.session }),
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
  if (!mayRetry(run.state, node)) return {};
  const nowMs = run.nowMs();
  if (takesOver(node.step, step.agentAt ?? 0, failure.kind) !== undefined)
    return { retry_at: new Date(nowMs).toISOString() };
  const liftedAtMs = waitForLimit({ step: node.step, state: step, failure, nowMs });
  if (liftedAtMs !== undefined)
    return { retry_at: new Date(Math.max(nowMs, liftedAtMs)).toISOString() };
  const delayMs = retryDelayMs(
    node.step.retry,
    { kind: failure.kind, counted, crashes: step.crashes },
    run.parts.ports.clock.random(),
  );
  return delayMs === undefined ? {} : { retry_at: new Date(nowMs + delayMs).toISOString() };
}

export function missOf(
  { digest, missReason }: StepCacheKey,
  notKept: string | undefined,
): CacheUse {
  const reason = notKept === undefined ? missReason : `${missReason}; not kept: ${notKept}`;
  return { hit: false, key: digest, reason };
}
