/**
 * What becomes of a step whose needs have ended: whether it goes on, is skipped, or fails without
 * having run. Looks at the state and changes nothing; readiness.ts asks, once for each step.
 */
import { messageOf } from '../base/errors.ts';
import { joinWords } from '../base/text.ts';
import type { PlanNode } from '../plan/plan.ts';
import { evaluateCondition } from '../workflow/expressions.ts';
import type { SkipReason } from './agenda.ts';
import type { Failure } from './events.ts';
import { contextOf } from './scope.ts';
import { type RunState, stepStateOf, type WaveState } from './state.ts';

export type Verdict =
  | { readonly go: true }
  | { readonly go: false; readonly reason: SkipReason; readonly detail: string }
  | { readonly go: false; readonly reason: 'failure'; readonly failure: Failure };

export function verdictOn(state: RunState, node: PlanNode): Verdict {
  const parent = node.parent === undefined ? undefined : stepStateOf(state, node.parent);
  const fromParent = parent?.skipped?.detail ?? '';
  if (parent?.status === 'failed') return failedBy(fromParent);
  if (parent?.status === 'skipped') return { go: false, reason: 'parent', detail: fromParent };
  const broken = brokenRule(state, node);
  if (broken !== undefined) return { go: false, reason: 'needs', detail: broken };
  if (isFailingFast(state) && !isCleanup(state, node)) {
    return { go: false, ...whyFailingFast(state) };
  }
  const { when } = node.step;
  if (when === undefined || node.kind === 'dynamic') return { go: true }; // Asked for each instance.
  try {
    if (evaluateCondition(when, contextOf(state, node, [when]))) return { go: true };
  } catch (error) {
    return failedBy(`when: ${messageOf(error)}`);
  }
  return { go: false, reason: 'when', detail: when };
}

function failedBy(message: string): Verdict {
  return { go: false, reason: 'failure', failure: { kind: 'expression', message } };
}

/** Why the trigger rule does not hold, in words; undefined when it does. */
function brokenRule(state: RunState, node: PlanNode): string | undefined {
  const { triggerRule } = node.step;
  if (triggerRule === 'all_done') return undefined;
  // An instance of an expanded matrix stands for its definition, whose needs were the matrix's own.
  let oneSucceeded = node.needs.length === 0;
  for (const need of node.needs) {
    const status = effectiveStatus(state, need);
    if (status === 'passed') oneSucceeded = true;
    else if (triggerRule === 'all_success') return `${state.nodes[need]?.id} ${status}`;
    else if (triggerRule === 'none_failed' && status !== 'skipped')
      return `${state.nodes[need]?.id} ${status}`;
  }
  return triggerRule === 'one_success' && !oneSucceeded ? 'none of its needs passed' : undefined;
}

/** A failure that `continue_on_error` allows counts as passed for those who need the step. */
export function effectiveStatus(state: RunState, index: number): string {
  const { status } = stepStateOf(state, index);
  const node = state.nodes[index] as PlanNode;
  return status === 'failed' && node.step.continueOnError ? 'passed' : status;
}

/** One status for many: the worst, and skipped only when all were. */
export function overall(
  statuses: readonly string[],
): 'passed' | 'failed' | 'cancelled' | 'skipped' {
  if (statuses.includes('failed')) return 'failed';
  if (statuses.includes('cancelled')) return 'cancelled';
  return statuses.length > 0 && statuses.every((status) => status === 'skipped')
    ? 'skipped'
    : 'passed';
}

/** A step that runs whatever failed before it, and everything in such a nested workflow. */
export function isCleanup(state: RunState, node: PlanNode): boolean {
  return someAround(
    state,
    node,
    ({ step, needs }) => step.triggerRule === 'all_done' && needs.length > 0,
  );
}

/** Whether the run goes on as if nothing was when this step fails: its own word or that of a workflow around it. */
export function mayFail(state: RunState, node: PlanNode): boolean {
  return someAround(state, node, ({ step }) => step.continueOnError);
}

function someAround(
  state: RunState,
  node: PlanNode,
  holds: (around: PlanNode) => boolean,
): boolean {
  for (let at: PlanNode | undefined = node; at !== undefined; ) {
    if (holds(at)) return true;
    at = at.parent === undefined ? undefined : state.nodes[at.parent];
  }
  return false;
}

/** Whether an attempt of this step may be followed by another as things stand. */
export function mayRetry(state: RunState, node: PlanNode): boolean {
  return !state.cancelled && (!isFailingFast(state) || isCleanup(state, node));
}

/** Something failed after which only clean-up is started. */
export function isFailingFast(state: RunState): boolean {
  return state.gateFailed || (state.failing && state.workflow.failFast);
}

/** A failed gate or a secret ends the run whatever `fail_fast` says. */
export function whyFailingFast(state: RunState): {
  readonly reason: 'gate' | 'secret' | 'fail_fast';
  readonly detail: string;
} {
  if (!state.gateFailed) return { reason: 'fail_fast', detail: 'another step failed' };
  const refused = state.waves.findIndex((wave) => wave.refused);
  if (refused !== -1) return { reason: 'secret', detail: `wave ${refused} holds a secret` };
  const wave = state.waves.findIndex(hasFailedGate);
  const failed = state.waves[wave]?.gates.filter(({ status }) => status !== 'passed') ?? [];
  const names = failed.map(({ name }) => name);
  const gates = names.length === 1 ? 'gate' : 'gates';
  return { reason: 'gate', detail: `${gates} ${joinWords(names, 'and')} of wave ${wave} failed` };
}

/** All gates have ended, and one did not pass. Not sooner: people want to see at once all that is wrong. */
export function hasFailedGate({ gates }: WaveState): boolean {
  return (
    gates.every(({ status }) => status !== 'pending' && status !== 'running') &&
    gates.some(({ status }) => status !== 'passed')
  );
}
