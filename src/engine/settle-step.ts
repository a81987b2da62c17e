/** What becomes of steps without a process: approvals, matrices that become known, steps that fail or are let go. */
import { messageOf } from '../base/errors.ts';
import { instanceId, isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { SkipReason } from '../run/agenda.ts';
import type { Failure, PlanExpanded, StepAgent } from '../run/events.ts';
import { contextOf } from '../run/scope.ts';
import { hasEnded, type RunState, stepStateOf } from '../run/state.ts';
import { statusOf } from '../run/verdict.ts';
import { evaluateTemplate, textOfValue } from '../workflow/expressions.ts';
import { expandMatrix } from '../workflow/matrix.ts';
import type { LiveRun } from './live-run.ts';
import { leavePlace } from './places.ts';
import { endOf } from './step-events.ts';

/** A step whose attempt fails, or is cancelled, without ever having had a process. */
export function failStep(
  run: LiveRun,
  node: PlanNode,
  failure: Failure,
  more: { readonly again?: { readonly retry_at?: string }; readonly agent?: StepAgent } = {},
): void {
  const step = stepStateOf(run.state, node.index);
  if (step.candidate) return giveUpMerge(run, node, failure);
  let attempt = step.attempts.length;
  if (step.status !== 'waiting') {
    attempt += 1;
    const { agent } = more;
    run.record({
      type: 'step.started',
      wave: node.wave,
      step: node.id,
      attempt,
      ...(agent && { agent }),
    });
  }
  run.record({ ...endOf(node, attempt), status: statusOf(failure), failure, ...more.again });
}

export function askForApproval(run: LiveRun, node: PlanNode): void {
  const { approval } = node.step;
  const text = approval?.message ?? '';
  let message: string;
  try {
    message = textOfValue(evaluateTemplate(text, contextOf(run.state, node, [text])));
  } catch (error) {
    return failStep(run, node, { kind: 'expression', message: messageOf(error) });
  }
  const until =
    approval?.timeoutMs === undefined
      ? undefined
      : new Date(run.nowMs() + approval.timeoutMs).toISOString();
  run.record({
    type: 'step.waiting',
    wave: node.wave,
    step: node.id,
    attempt: stepStateOf(run.state, node.index).attempts.length + 1,
    reason: 'approval',
    message,
    ...(until !== undefined && { until }),
  });
}

export function answerApproval(run: LiveRun, node: PlanNode): void {
  const step = stepStateOf(run.state, node.index);
  const attempt = step.attempts.length;
  if (step.answer?.request === 'approve')
    return run.record({ ...endOf(node, attempt), status: 'passed' });
  const message = step.answer?.message ? `rejected: ${step.answer.message}` : 'rejected';
  run.record({ ...endOf(node, attempt), status: 'failed', failure: { kind: 'rejected', message } });
}

/** Works a matrix out from what its needs handed on; one that turns out to be empty is skipped. */
export function expandStep(run: LiveRun, node: PlanNode): void {
  const { matrix } = node.step;
  if (matrix?.kind !== 'dynamic') throw new Error(`${node.id} has no matrix to expand`);
  let instances: PlanExpanded['instances'];
  try {
    instances = instancesOf(run.state, node, matrix.expression);
  } catch (error) {
    return failStep(run, node, { kind: 'expression', message: `matrix: ${messageOf(error)}` });
  }
  if (instances.length > 0) {
    return run.record({ type: 'plan.expanded', step: node.id, instances });
  }
  run.record({
    type: 'step.skipped',
    wave: node.wave,
    step: node.id,
    reason: 'empty_matrix',
    detail: matrix.expression,
  });
}

function instancesOf(
  state: RunState,
  node: PlanNode,
  expression: string,
): PlanExpanded['instances'] {
  const value = evaluateTemplate(expression, contextOf(state, node, [expression]));
  if (Array.isArray(value) && value.length === 0) return [];
  const instances = expandMatrix(value).map(({ label, values }) => ({
    id: instanceId(node.id, label),
    values,
  }));
  const taken = instances.find(({ id }) => state.indexOf.has(id));
  if (taken) throw new Error(`${taken.id} exists already`);
  return instances;
}

/** The run is over: whatever has not ended is named as skipped, or cancelled when it waited. */
export function skipRest(run: LiveRun, reason: SkipReason, detail: string): void {
  for (const node of run.state.nodes) {
    const step = stepStateOf(run.state, node.index);
    if (!isLeaf(node) || hasEnded(step.status)) continue;
    const failure: Failure = { kind: 'cancelled', message: detail };
    if (step.candidate) giveUpMerge(run, node, failure);
    else if (step.status === 'waiting') {
      run.record({ ...endOf(node, step.attempts.length), status: 'cancelled', failure });
    } else run.record({ type: 'step.skipped', wave: node.wave, step: node.id, reason, detail });
  }
}

/** The work of an isolated step is done, and will not be merged: it stays pinned. */
function giveUpMerge(run: LiveRun, node: PlanNode, failure: Failure): void {
  const step = stepStateOf(run.state, node.index);
  const worktree = step.conflict?.open?.worktree;
  run.record({
    type: 'resolve.finished',
    wave: node.wave,
    step: node.id,
    attempt: step.attempts.length,
    round: step.conflict?.rounds ?? 0,
    status: statusOf(failure),
    exit_code: null,
    duration_s: 0,
    failure,
  });
  leavePlace(run, worktree);
}
