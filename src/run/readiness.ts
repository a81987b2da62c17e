/**
 * Which steps may go on now that others have ended: counts of open needs, trigger rules, `when`,
 * nested workflows and matrices. Each step is judged once, when its last need ends and its wave is
 * open; what comes of it is put on the agenda.
 *
 * Nodes that stand for several steps (a matrix, a nested workflow) have no events: they open and end
 * here, as a consequence of their parts.
 */
import { messageOf, unreachable } from '../base/errors.ts';
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { evaluateCondition } from '../workflow/expressions.ts';
import type { Failure } from './events.ts';
import { pushHeap } from './ready-queue.ts';
import { contextOf, evaluateNestedOutputs, evaluateScope } from './scope.ts';
import {
  hasEnded,
  newAgenda,
  type RunState,
  type SkipReason,
  type StepState,
  stepStateOf,
  waveOf,
} from './state.ts';

type Verdict =
  | { readonly go: true }
  | { readonly go: false; readonly reason: SkipReason; readonly detail: string }
  | { readonly go: false; readonly reason: 'failure'; readonly failure: Failure };

/** Takes a leaf step that has just ended into account: frees what waited for it. */
export function endStep(state: RunState, index: number): void {
  const node = state.nodes[index] as PlanNode;
  const step = stepStateOf(state, index);
  waveOf(state, node.wave).open -= 1;
  if (isCleanup(node)) state.cleanupOpen -= 1;
  count(state, step);
  if (step.status === 'failed' && !node.step.continueOnError) {
    state.failing = true;
    waveOf(state, node.wave).failed = true;
  }
  release(state, node);
}

/** Opens a wave: what was parked for it is judged. */
export function openWave(state: RunState, wave: number): void {
  waveOf(state, wave).status = 'open';
  const parked = state.agenda.parked[wave] ?? [];
  state.agenda.parked[wave] = [];
  for (const index of parked) judge(state, state.nodes[index] as PlanNode);
}

/** Puts the instances of a matrix that has become known into the graph, in place of its node. */
export function expandMatrixNode(
  state: RunState,
  index: number,
  instances: readonly Pick<PlanNode, 'id' | 'matrix'>[],
): void {
  const dynamic = state.nodes[index] as PlanNode;
  const first = state.nodes.length;
  for (const [offset, { id, matrix }] of instances.entries()) {
    const node: PlanNode = {
      ...dynamic,
      index: first + offset,
      id,
      kind: 'step',
      matrixNode: index,
      ...(matrix && { matrix }),
    };
    addNode(state, node);
    state.dependents[node.index]?.push(index);
  }
  const indices = instances.map((_, offset) => first + offset);
  state.nodes[index] = { ...dynamic, kind: 'matrix', needs: indices };
  state.openNeeds[index] = indices.length;
  waveOf(state, dynamic.wave).open += indices.length - 1;
  state.leaves += indices.length - 1;
  if (isCleanup(dynamic)) state.cleanupOpen += indices.length - 1;
  for (const instance of indices) judge(state, state.nodes[instance] as PlanNode);
}

function addNode(state: RunState, node: PlanNode): void {
  state.nodes.push(node);
  state.dependents.push([]);
  state.children.push([]);
  state.steps.push({ status: 'pending', attempts: [], counted: 0, crashes: 0, outputs: {} });
  state.openNeeds.push(0);
  state.openChildren.push(0);
  state.indexOf.set(node.id, node.index);
  if (node.parent === undefined) return;
  state.children[node.parent]?.push(node.index);
  state.openChildren[node.parent] = (state.openChildren[node.parent] ?? 0) + 1;
}

/**
 * Derives everything from the statuses of leaf steps alone: at the start (all pending), and when
 * steps have been set back (a retry of a failed run, a rollback, a reboot, a changed plan).
 */
export function rebuildReadiness(state: RunState): void {
  resetDerived(state);
  const ended: number[] = [];
  for (const node of state.nodes) {
    const step = stepStateOf(state, node.index);
    if (!isLeaf(node)) {
      step.status = 'pending';
      step.outputs = {};
      continue;
    }
    waveOf(state, node.wave).open += 1;
    state.leaves += 1;
    if (isCleanup(node)) state.cleanupOpen += 1;
    if (hasEnded(step.status)) ended.push(node.index);
    if (step.status === 'failed' && !node.step.continueOnError) state.failing = true;
    if (step.status === 'running') occupy(state, node);
    if (step.status === 'waiting') state.waiting.add(node.index);
    if (step.status === 'waiting' && step.answer) state.agenda.answers.push(node.index);
  }
  for (const node of state.nodes) if (state.openNeeds[node.index] === 0) settle(state, node.index);
  for (const index of ended) endStep(state, index);
}

function resetDerived(state: RunState): void {
  state.agenda = newAgenda(state.waves.length);
  state.running.clear();
  state.waiting.clear();
  state.scopes.clear();
  state.pools.free.clear();
  for (const [pool, size] of Object.entries(state.workflow.pools)) state.pools.free.set(pool, size);
  state.counts = { passed: 0, failed: 0, skipped: 0, cancelled: 0 };
  state.cleanupOpen = 0;
  state.leaves = 0;
  state.failing = false;
  for (const wave of state.waves) {
    wave.open = 0;
    wave.failed = false;
  }
  const planned = state.waves.findIndex((wave) => !wave.behind);
  state.frontier = planned === -1 ? state.waves.length : planned;
  for (const node of state.nodes) {
    state.openNeeds[node.index] = node.needs.length + (node.parent === undefined ? 0 : 1);
    state.openChildren[node.index] = state.children[node.index]?.length ?? 0;
  }
}

/** Slot and pools of a step that runs. */
export function occupy(state: RunState, node: PlanNode): void {
  state.running.add(node.index);
  usePools(state, node, -1);
}

export function vacate(state: RunState, node: PlanNode): void {
  if (state.running.delete(node.index)) usePools(state, node, 1);
}

function usePools(state: RunState, node: PlanNode, sign: 1 | -1): void {
  for (const [pool, units] of Object.entries(node.step.uses)) {
    state.pools.free.set(pool, (state.pools.free.get(pool) ?? 0) + sign * units);
  }
}

/** A step set back to pending after an attempt goes on where its needs had already ended. */
export function requeue(state: RunState, index: number): void {
  const step = stepStateOf(state, index);
  const node = state.nodes[index] as PlanNode;
  if (step.retryAtMs === undefined) state.agenda.ready.push(node);
  else
    pushHeap(
      state.agenda.retries,
      { node: index, atMs: step.retryAtMs },
      (a, b) => a.atMs < b.atMs,
    );
}

function release(state: RunState, node: PlanNode): void {
  for (const dependent of state.dependents[node.index] ?? []) needEnded(state, dependent);
  if (node.parent === undefined) return;
  const open = (state.openChildren[node.parent] ?? 0) - 1;
  state.openChildren[node.parent] = open;
  if (open === 0) endNested(state, state.nodes[node.parent] as PlanNode);
}

function needEnded(state: RunState, index: number): void {
  const open = (state.openNeeds[index] ?? 0) - 1;
  state.openNeeds[index] = open;
  if (open === 0) settle(state, index);
}

/** All needs have ended. */
function settle(state: RunState, index: number): void {
  const node = state.nodes[index] as PlanNode;
  const step = stepStateOf(state, index);
  switch (node.kind) {
    case 'matrix':
      step.status = overall(node.needs.map((need) => stepStateOf(state, need).status));
      return release(state, node);
    case 'workflow':
      return openNested(state, node, step);
    case 'step':
    case 'dynamic':
      if (step.status !== 'pending') return;
      if (waveOf(state, node.wave).status === 'open') return judge(state, node);
      state.agenda.parked[node.wave]?.push(index);
      return;
    default:
      return unreachable(node.kind);
  }
}

function judge(state: RunState, node: PlanNode): void {
  const { agenda } = state;
  const step = stepStateOf(state, node.index);
  if (step.attempts.length > 0) return requeue(state, node.index); // Judged before its first attempt.
  const verdict = verdictOn(state, node);
  if (!verdict.go) {
    if (verdict.reason === 'failure')
      agenda.failures.push({ node: node.index, failure: verdict.failure });
    else agenda.skips.push({ node: node.index, ...verdict });
  } else if (node.kind === 'dynamic') agenda.expansions.push(node.index);
  else if (node.step.kind === 'approval') agenda.approvals.push(node.index);
  else agenda.ready.push(node);
}

function verdictOn(state: RunState, node: PlanNode): Verdict {
  const parent = node.parent === undefined ? undefined : stepStateOf(state, node.parent);
  if (parent?.status === 'failed') {
    return {
      go: false,
      reason: 'failure',
      failure: { kind: 'expression', message: parent.skipped?.detail ?? '' },
    };
  }
  if (parent?.status === 'skipped')
    return { go: false, reason: 'parent', detail: parent.skipped?.detail ?? '' };
  const broken = brokenRule(state, node);
  if (broken !== undefined) return { go: false, reason: 'needs', detail: broken };
  if (state.failing && state.workflow.failFast && !isCleanup(node)) {
    return { go: false, reason: 'fail_fast', detail: 'another step failed' };
  }
  const { when } = node.step;
  if (when === undefined || node.kind === 'dynamic') return { go: true };
  try {
    if (evaluateCondition(when, contextOf(state, node, [when]))) return { go: true };
  } catch (error) {
    const message = `when: ${messageOf(error)}`;
    return { go: false, reason: 'failure', failure: { kind: 'expression', message } };
  }
  return { go: false, reason: 'when', detail: when };
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
function effectiveStatus(state: RunState, index: number): string {
  const { status } = stepStateOf(state, index);
  const node = state.nodes[index] as PlanNode;
  if (status === 'failed' && node.step.continueOnError) return 'passed';
  return status;
}

function openNested(state: RunState, node: PlanNode, step: StepState): void {
  const verdict = verdictOn(state, node);
  step.status = 'running';
  if (verdict.go) {
    try {
      state.scopes.set(node.index, evaluateScope(state, node));
    } catch (error) {
      step.status = 'failed';
      step.skipped = { reason: 'expression', detail: messageOf(error) };
    }
  } else if (verdict.reason === 'failure') {
    step.status = 'failed';
    step.skipped = { reason: 'expression', detail: verdict.failure.message };
  } else {
    step.status = 'skipped';
    step.skipped = { reason: verdict.reason, detail: verdict.detail };
  }
  for (const child of state.children[node.index] ?? []) needEnded(state, child);
}

function endNested(state: RunState, node: PlanNode): void {
  const step = stepStateOf(state, node.index);
  if (step.status === 'running') {
    const children = state.children[node.index] ?? [];
    step.status = overall(children.map((child) => effectiveStatus(state, child)));
    if (step.status === 'skipped') step.status = 'passed'; // It was opened; what was in it chose to skip.
    step.outputs = nestedOutputs(state, node);
  }
  release(state, node);
}

/** An output that cannot be evaluated, because its step was skipped, say, is empty. */
function nestedOutputs(state: RunState, node: PlanNode): Record<string, string> {
  try {
    return evaluateNestedOutputs(state, node);
  } catch {
    return {};
  }
}

/** One status for many: the worst, and skipped only when all were. */
function overall(statuses: readonly string[]): 'passed' | 'failed' | 'cancelled' | 'skipped' {
  if (statuses.includes('failed')) return 'failed';
  if (statuses.includes('cancelled')) return 'cancelled';
  return statuses.length > 0 && statuses.every((status) => status === 'skipped')
    ? 'skipped'
    : 'passed';
}

function isCleanup(node: PlanNode): boolean {
  return node.step.triggerRule === 'all_done' && node.needs.length > 0;
}

function count(state: RunState, step: StepState): void {
  if (
    step.status === 'passed' ||
    step.status === 'failed' ||
    step.status === 'skipped' ||
    step.status === 'cancelled'
  ) {
    state.counts[step.status] += 1;
  }
}
