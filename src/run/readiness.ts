/**
 * Which steps may go on now that others have ended: counts of open needs, nested workflows and
 * matrices. Each step is judged (judge.ts) once, when its last need has ended and its wave is open;
 * what comes of it is put on the agenda. A step that is to be tried again is judged again, because
 * what it needs may have been done again too.
 *
 * Nodes that stand for several steps (a matrix, a nested workflow) have no events: they open and end
 * here, as a consequence of their parts.
 */
import { messageOf, unreachable } from '../base/errors.ts';
import { childrenOf, dependentsOf, isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { newAgenda } from './agenda.ts';
import { freeAll, takeOrGive, usesOf } from './agent-pools.ts';
import { addInstances, dropIdleInstances } from './expand.ts';
import {
  effectiveStatus,
  hasFailedGate,
  isCleanup,
  mayFail,
  overall,
  type Verdict,
  verdictOn,
} from './judge.ts';
import { evaluateNestedOutputs, evaluateScope } from './scope.ts';
import { hasEnded, type RunState, type StepState, stepStateOf, waveOf } from './state.ts';

/** A leaf step has just ended. */
export function endStep(state: RunState, index: number): void {
  stepStateOf(state, index).endedSeq = state.seq;
  takeIntoAccount(state, index);
}

/** Of a leaf step that has ended, now or long ago: frees what waited for it. */
function takeIntoAccount(state: RunState, index: number): void {
  const node = state.nodes[index] as PlanNode;
  const step = stepStateOf(state, index);
  waveOf(state, node.wave).open -= 1;
  if (isCleanup(state, node)) state.cleanupOpen -= 1;
  count(state, step);
  if (step.status === 'failed' && !mayFail(state, node)) {
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
  const indices = addInstances(state, index, instances);
  waveOf(state, dynamic.wave).open += indices.length - 1;
  state.leaves += indices.length - 1;
  if (isCleanup(state, dynamic)) state.cleanupOpen += indices.length - 1;
  for (const instance of indices) judge(state, state.nodes[instance] as PlanNode);
}

/**
 * Derives everything from the statuses of leaf steps and gates alone: at the start (all pending), and
 * when steps have been set back (a retry of a failed run, a rollback, a reboot, a changed plan).
 */
export function rebuildReadiness(state: RunState): void {
  dropIdleInstances(state);
  resetDerived(state);
  const ended: number[] = [];
  for (const node of state.nodes) {
    const step = stepStateOf(state, node.index);
    if (!isLeaf(node)) {
      step.status = 'pending';
      step.outputs = {};
      delete step.skipped;
      continue;
    }
    waveOf(state, node.wave).open += 1;
    state.leaves += 1;
    if (isCleanup(state, node)) state.cleanupOpen += 1;
    if (hasEnded(step.status)) ended.push(node.index);
    if (step.status === 'failed' && !mayFail(state, node)) state.failing = true;
    if (step.status === 'running') occupy(state, node);
    if (step.status === 'waiting') keepWaiting(state, node.index);
  }
  // Listed first: settling one node settles others, and none may be settled twice.
  const free = state.nodes.filter(({ index }) => state.openNeeds[index] === 0);
  for (const { index } of free) settle(state, index);
  for (const index of ended) takeIntoAccount(state, index);
}

function resetDerived(state: RunState): void {
  state.agenda = newAgenda(state.waves.length);
  state.running.clear();
  state.waiting.clear();
  state.scopes.clear();
  freeAll(state);
  state.counts = { passed: 0, failed: 0, skipped: 0, cancelled: 0 };
  state.cleanupOpen = 0;
  state.leaves = 0;
  for (const wave of state.waves) {
    wave.open = 0;
    wave.failed = hasFailedGate(wave) || wave.refused === true;
  }
  state.gateFailed = state.waves.some((wave) => wave.failed);
  state.failing = state.gateFailed;
  const planned = state.waves.findIndex((wave) => !wave.behind);
  state.frontier = planned === -1 ? state.waves.length : planned;
  state.dependents = dependentsOf(state.nodes);
  state.children = childrenOf(state.nodes);
  state.openNeeds = state.nodes.map(
    ({ needs, parent }) => needs.length + (parent === undefined ? 0 : 1),
  );
  state.openChildren = state.children.map((children) => children.length + 1);
}

/** Slot and pools of a step that runs. */
export function occupy(state: RunState, node: PlanNode): void {
  state.running.add(node.index);
  takeOrGive(state, node, -1);
}

export function vacate(state: RunState, node: PlanNode): void {
  if (state.running.delete(node.index)) takeOrGive(state, node, 1);
}

/** A step waits for a person, or for its answer to be taken up. */
export function keepWaiting(state: RunState, index: number): void {
  const { waitingUntilMs, answer } = stepStateOf(state, index);
  state.waiting.add(index);
  if (waitingUntilMs !== undefined)
    state.agenda.deadlines.set({ node: index, atMs: waitingUntilMs });
  if (answer) state.agenda.answers.push(index);
}

/** A step set back to pending after an attempt; what it needs may have been set back as well. */
export function requeue(state: RunState, index: number): void {
  if (state.openNeeds[index] === 0) settle(state, index);
}

/** While orch was away nothing could be started: patience for the queue begins anew. */
export function restartQueueClocks(state: RunState): void {
  for (const { node, atMs } of [...state.agenda.deadlines.all()]) {
    if (stepStateOf(state, node).startUntilMs === atMs)
      limitQueue(state, state.nodes[node] as PlanNode);
  }
}

function release(state: RunState, node: PlanNode): void {
  for (const dependent of state.dependents[node.index] ?? []) needEnded(state, dependent);
  if (node.parent !== undefined) partEnded(state, node.parent);
}

function partEnded(state: RunState, nested: number): void {
  const open = (state.openChildren[nested] ?? 0) - 1;
  state.openChildren[nested] = open;
  if (open === 0) endNested(state, state.nodes[nested] as PlanNode);
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
      if (waveOf(state, node.wave).status === 'open') return judge(state, node);
      state.agenda.parked[node.wave]?.push(index);
      return;
    default:
      return unreachable(node.kind);
  }
}

function judge(state: RunState, node: PlanNode): void {
  const { agenda } = state;
  const { index } = node;
  const step = stepStateOf(state, index);
  if (step.status !== 'pending') return;
  const verdict = verdictOn(state, node);
  if (!verdict.go) {
    if (verdict.reason === 'failure')
      agenda.failures.push({ node: index, failure: verdict.failure });
    else agenda.skips.push({ node: index, reason: verdict.reason, detail: verdict.detail });
  } else if (node.kind === 'dynamic') agenda.expansions.push(index);
  else if (node.step.kind === 'approval') agenda.approvals.push(index);
  else {
    if (step.retryAtMs === undefined) agenda.ready.push(node, usesOf(state, node));
    else agenda.retries.set({ node: index, atMs: step.retryAtMs });
    limitQueue(state, node);
  }
}

function limitQueue(state: RunState, node: PlanNode): void {
  const { queueMs } = node.step.timeout;
  if (queueMs === undefined) return;
  const step = stepStateOf(state, node.index);
  step.startUntilMs = Math.max(state.atMs, step.retryAtMs ?? 0) + queueMs;
  state.agenda.deadlines.set({ node: node.index, atMs: step.startUntilMs });
}

function openNested(state: RunState, node: PlanNode, step: StepState): void {
  enter(state, node, step, verdictOn(state, node));
  for (const child of state.children[node.index] ?? []) needEnded(state, child);
  partEnded(state, node.index);
}

function enter(state: RunState, node: PlanNode, step: StepState, verdict: Verdict): void {
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
}

function endNested(state: RunState, node: PlanNode): void {
  const step = stepStateOf(state, node.index);
  if (step.status === 'running') {
    const children = state.children[node.index] ?? [];
    step.status = overall(children.map((child) => effectiveStatus(state, child)));
    if (step.status === 'skipped') step.status = 'passed'; // It was opened; what was in it chose to skip.
    step.outputs = evaluateNestedOutputs(state, node);
  }
  release(state, node);
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
