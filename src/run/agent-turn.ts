/**
 * Whose turn it is among the agents of a step. Where one cannot work for a reason that is not the
 * task's, the next one takes over; a rate limit that no other agent gets around is waited for.
 */
import type { Step } from '../workflow/workflow.ts';
import type { Failure, FailureKind } from './events.ts';
import type { StepState } from './state.ts';

const TAKEN_OVER: ReadonlySet<FailureKind> = new Set([
  'auth',
  'budget',
  'crash',
  'rate_limit',
  'unavailable',
]);

/** An attempt that ended so was not ended by its task: whoever does it next goes on where it stopped. */
export function isLeftOff(kind: FailureKind): boolean {
  return TAKEN_OVER.has(kind) || kind === 'interrupted';
}

/** The first wait for a limit of which nobody says when it is lifted; doubles each time. */
const FIRST_WAIT_MS = 30_000;
const MAX_WAIT_MS = 600_000;

/** Place of the agent that takes over now; undefined when none does. */
export function takesOver(
  { agent }: Pick<Step, 'agent'>,
  at: number,
  kind: FailureKind,
): number | undefined {
  const next = at + 1;
  return TAKEN_OVER.has(kind) && next < (agent?.names.length ?? 0) ? next : undefined;
}

/**
 * When a step that no other agent takes over goes on by waiting for a limit: of this attempt, or of
 * one of the agents that were asked before it in this round.
 */
export function waitForLimit({
  step,
  state,
  failure,
  nowMs,
}: {
  readonly step: Pick<Step, 'agent'>;
  readonly state: Pick<StepState, 'limitedUntilMs' | 'limits'>;
  readonly failure: Failure;
  readonly nowMs: number;
}): number | undefined {
  if (step.agent === undefined) return undefined;
  const told = failure.resume_at === undefined ? undefined : Date.parse(failure.resume_at);
  const own =
    failure.kind === 'rate_limit' ? (told ?? nowMs + untoldWaitMs(state.limits ?? 0)) : undefined;
  const earlier = TAKEN_OVER.has(failure.kind) ? state.limitedUntilMs : undefined;
  if (own === undefined || earlier === undefined) return own ?? earlier;
  return Math.min(own, earlier);
}

/** @param limits rate limits that the step has met before */
export function untoldWaitMs(limits: number): number {
  return Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(limits, 10));
}
