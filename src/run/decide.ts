/**
 * What to do next. Looks at the plan and at what has happened, and names one command; the engine
 * performs it, appends the events that say so, and asks again, until there is nothing to do but wait.
 *
 * Each answer costs O(log steps): what may start, be skipped or be expanded stands on the state's
 * agenda, and no question is answered by looking at all steps.
 *
 * Pure: time is an argument, and so is what the engine has under way (`busy`), which no event tells.
 */
import type { PlanNode } from '../plan/plan.ts';
import type { Failure, RunEndStatus } from './events.ts';
import { popHeap } from './ready-queue.ts';
import {
  type GateState,
  type RunState,
  type SkipReason,
  stepStateOf,
  type WaveState,
  waveOf,
} from './state.ts';

export type Command =
  | { readonly type: 'open-wave'; readonly wave: number }
  | { readonly type: 'start'; readonly node: PlanNode; readonly attempt: number }
  | {
      readonly type: 'skip';
      readonly node: PlanNode;
      readonly reason: SkipReason;
      readonly detail: string;
    }
  /** A step that fails without ever having had a process. */
  | { readonly type: 'fail'; readonly node: PlanNode; readonly failure: Failure }
  | { readonly type: 'expand'; readonly node: PlanNode }
  | { readonly type: 'ask'; readonly node: PlanNode }
  | { readonly type: 'answer'; readonly node: PlanNode }
  | { readonly type: 'stop'; readonly node: PlanNode; readonly failure: Failure }
  | {
      readonly type: 'stop-gate';
      readonly wave: number;
      readonly gate: string;
      readonly failure: Failure;
    }
  | { readonly type: 'seal'; readonly wave: number }
  | { readonly type: 'gate'; readonly wave: number; readonly gate: GateState }
  | {
      readonly type: 'checkpoint';
      readonly wave: number;
      readonly status: 'running' | RunEndStatus;
    }
  /** Every step that has not ended is skipped: the run is over. */
  | { readonly type: 'skip-rest'; readonly reason: SkipReason; readonly detail: string }
  /** The work tree goes back to the last checkpoint (`on_failure: rollback`). */
  | { readonly type: 'roll-back'; readonly to: number }
  | { readonly type: 'close-wave'; readonly wave: number; readonly status: RunEndStatus }
  | { readonly type: 'finish'; readonly status: RunEndStatus }
  | { readonly type: 'pause'; readonly steps: readonly string[] }
  | { readonly type: 'interrupt'; readonly signal: string }
  /** Nothing to do before this wall-clock time, unless something happens. */
  | { readonly type: 'wake'; readonly atMs: number };

export interface Situation {
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
  /** Commands under way whose end no event has told yet: `stop:3`, `seal:1`, `checkpoint:1`, ... */
  readonly busy: ReadonlySet<string>;
  /** The signal that asks the run to stop and stay resumable. */
  readonly interrupt?: string;
}

/** Undefined: wait for something to happen. */
export function decide(state: RunState, situation: Situation): Command | undefined {
  if (hasFinished(state)) return undefined;
  const stop = stopWhatMustEnd(state, situation);
  if (stop !== undefined) return stop;
  if (situation.interrupt !== undefined)
    return interruptWhenQuiet(state, situation, situation.interrupt);
  if (isOver(state)) return endEarly(state, situation);
  return (
    settleWithoutWork(state, situation) ??
    startWork(state, situation) ??
    advanceWave(state, situation) ??
    rest(state, situation)
  );
}

export function hasFinished(state: RunState): boolean {
  return state.status === 'passed' || state.status === 'failed' || state.status === 'cancelled';
}

/** No new work will be started: cancelled, a gate failed for good, or a step did and nothing cleans up. */
export function isOver(state: RunState): boolean {
  return (
    state.cancelled ||
    failedGate(state) !== undefined ||
    (isFailingFast(state) && state.cleanupOpen === 0)
  );
}

function isFailingFast(state: RunState): boolean {
  return state.failing && state.workflow.failFast;
}

/** Told only when every gate of the wave has ended: people want to see all that is wrong at once. */
function failedGate(state: RunState): GateState | undefined {
  const gates = state.waves[state.frontier]?.gates ?? [];
  if (gates.some((gate) => gate.status === 'pending' || gate.status === 'running'))
    return undefined;
  return gates.find((gate) => gate.status === 'failed' || gate.status === 'cancelled');
}

function stopWhatMustEnd(state: RunState, situation: Situation): Command | undefined {
  const why = reasonToStop(state, situation);
  if (why === undefined) return undefined;
  for (const index of state.running) {
    const node = state.nodes[index] as PlanNode;
    if (situation.busy.has(`stop:${index}`)) continue;
    if (why.kind === 'cancelled' && !state.cancelled && node.step.triggerRule === 'all_done')
      continue;
    return { type: 'stop', node, failure: why };
  }
  if (why.kind === 'cancelled' && !state.cancelled) return undefined; // A failed step has no gates beside it.
  for (const key of state.runningGates) {
    if (situation.busy.has(`stop-gate:${key}`)) continue;
    const [wave = '', ...name] = key.split('/');
    return { type: 'stop-gate', wave: Number(wave), gate: name.join('/'), failure: why };
  }
  return undefined;
}

function reasonToStop(state: RunState, situation: Situation): Failure | undefined {
  if (situation.interrupt !== undefined) {
    return { kind: 'interrupted', message: `orch was stopped by ${situation.interrupt}` };
  }
  if (state.cancelled) return { kind: 'cancelled', message: 'the run was cancelled' };
  if (isFailingFast(state))
    return { kind: 'cancelled', message: 'another step failed (fail_fast)' };
  return undefined;
}

function isQuiet(state: RunState, situation: Situation): boolean {
  return state.running.size === 0 && state.runningGates.size === 0 && situation.busy.size === 0;
}

function interruptWhenQuiet(
  state: RunState,
  situation: Situation,
  signal: string,
): Command | undefined {
  return isQuiet(state, situation) ? { type: 'interrupt', signal } : undefined;
}

function settleWithoutWork(state: RunState, { nowMs }: Situation): Command | undefined {
  const { agenda } = state;
  const skip = nextPending(state, agenda.skips);
  if (skip)
    return {
      type: 'skip',
      node: state.nodes[skip.node] as PlanNode,
      reason: skip.reason,
      detail: skip.detail,
    };
  const failure = nextPending(state, agenda.failures);
  if (failure)
    return { type: 'fail', node: state.nodes[failure.node] as PlanNode, failure: failure.failure };
  const expansion = shiftWhere(
    agenda.expansions,
    (index) => state.nodes[index]?.kind === 'dynamic' && isPending(state, index),
  );
  if (expansion !== undefined) return { type: 'expand', node: state.nodes[expansion] as PlanNode };
  const approval = shiftWhere(agenda.approvals, (index) => isPending(state, index));
  if (approval !== undefined) return { type: 'ask', node: state.nodes[approval] as PlanNode };
  const answer = shiftWhere(
    agenda.answers,
    (index) => stepStateOf(state, index).status === 'waiting',
  );
  if (answer !== undefined) return { type: 'answer', node: state.nodes[answer] as PlanNode };
  for (const index of state.waiting) {
    const { waitingUntilMs } = stepStateOf(state, index);
    if (waitingUntilMs === undefined || waitingUntilMs > nowMs) continue;
    return {
      type: 'fail',
      node: state.nodes[index] as PlanNode,
      failure: { kind: 'timeout', message: 'nobody answered in time' },
    };
  }
  return undefined;
}

/** Entries are dropped when an event has overtaken them; the head stays until its event is applied. */
function nextPending<T extends { readonly node: number }>(
  state: RunState,
  list: T[],
): T | undefined {
  while (list[0] !== undefined && !isPending(state, list[0].node)) list.shift();
  return list[0];
}

function isPending(state: RunState, index: number): boolean {
  return stepStateOf(state, index).status === 'pending';
}

function shiftWhere(list: number[], keep: (index: number) => boolean): number | undefined {
  while (list[0] !== undefined && !keep(list[0])) list.shift();
  return list[0];
}

function startWork(state: RunState, { nowMs }: Situation): Command | undefined {
  if (freeSlots(state) <= 0) return undefined;
  const { agenda } = state;
  for (
    let retry = agenda.retries[0];
    retry !== undefined && retry.atMs <= nowMs;
    retry = agenda.retries[0]
  ) {
    popHeap(agenda.retries, (a, b) => a.atMs < b.atMs);
    const step = stepStateOf(state, retry.node);
    if (step.status === 'pending' && step.retryAtMs === retry.atMs)
      agenda.ready.push(state.nodes[retry.node] as PlanNode);
  }
  const node = agenda.ready.peek(state.pools, (candidate) => !isPending(state, candidate.index));
  if (node === undefined) return undefined;
  if (isFailingFast(state) && node.step.triggerRule !== 'all_done') {
    return { type: 'skip', node, reason: 'fail_fast', detail: 'another step failed' };
  }
  return { type: 'start', node, attempt: stepStateOf(state, node.index).attempts.length + 1 };
}

function freeSlots(state: RunState): number {
  return state.plan.concurrency - state.running.size - state.runningGates.size;
}

/** A wave goes open, sealed, gated, checkpointed; the next one opens once this one's tree is sealed and good. */
function advanceWave(state: RunState, situation: Situation): Command | undefined {
  const finished = closeCheckpointedWave(state);
  if (finished) return finished;
  const index = state.frontier;
  const wave = state.waves[index];
  if (wave === undefined) return finishWhenDone(state, situation);
  switch (wave.status) {
    case 'planned':
      return { type: 'open-wave', wave: index };
    case 'open':
      if (wave.open > 0 || situation.busy.has(`seal:${index}`)) return undefined;
      return { type: 'seal', wave: index };
    case 'sealed':
      return gateOrCheckpoint(state, wave, index, situation);
    default:
      throw new Error(`wave ${index} is ${wave.status} and still the frontier`);
  }
}

/** A checkpoint that is on its branch ends its wave. */
function closeCheckpointedWave(state: RunState): Command | undefined {
  const last = state.checkpoints.at(-1)?.wave;
  if (last === undefined || last === 0 || waveOf(state, last).status !== 'checkpointing')
    return undefined;
  if (state.checkpointOpen?.wave === last) return undefined;
  return {
    type: 'close-wave',
    wave: last,
    status: waveOf(state, last).failed ? 'failed' : 'passed',
  };
}

function gateOrCheckpoint(
  state: RunState,
  wave: WaveState,
  index: number,
  { nowMs, busy }: Situation,
): Command | undefined {
  const pending = wave.gates.filter((gate) => gate.status === 'pending');
  const due = pending.find((gate) => (gate.retryAtMs ?? 0) <= nowMs);
  if (due && freeSlots(state) > 0) return { type: 'gate', wave: index, gate: due };
  if (pending.length > 0 || state.runningGates.size > 0) return undefined;
  if (state.checkpointOpen || busy.has('checkpoint')) return undefined; // Checkpoints come in wave order.
  const isLast = index === state.waves.length - 1;
  const status = isLast ? (state.failing ? 'failed' : 'passed') : 'running';
  return { type: 'checkpoint', wave: index, status };
}

function finishWhenDone(state: RunState, situation: Situation): Command | undefined {
  if (state.checkpointOpen || !isQuiet(state, situation)) return undefined;
  return { type: 'finish', status: state.failing ? 'failed' : 'passed' };
}

/** Cancelled or failed: pin the tree, go back if so configured, say how each step ended, finish. */
function endEarly(state: RunState, situation: Situation): Command | undefined {
  const status: RunEndStatus = state.cancelled ? 'cancelled' : 'failed';
  if (!isQuiet(state, situation)) return undefined;
  const closed = closeCheckpointedWave(state);
  if (closed) return closed;
  if (state.checkpointOpen) return undefined;
  if (
    state.counts.passed + state.counts.failed + state.counts.skipped + state.counts.cancelled <
    state.leaves
  ) {
    return status === 'cancelled'
      ? { type: 'skip-rest', reason: 'cancelled', detail: 'the run was cancelled' }
      : { type: 'skip-rest', reason: 'fail_fast', detail: 'the run failed' };
  }
  const wave = state.waves[state.frontier];
  if (wave?.status === 'open') return { type: 'seal', wave: state.frontier };
  if (status === 'failed' && state.workflow.onFailure === 'rollback' && !state.wentBack) {
    return { type: 'roll-back', to: state.checkpoints.at(-1)?.wave ?? 0 };
  }
  if (wave?.status === 'sealed') return { type: 'close-wave', wave: state.frontier, status };
  return { type: 'finish', status };
}

/** Nothing can be done now: wait for a time, for a person, or (undefined) for what is under way. */
function rest(state: RunState, situation: Situation): Command | undefined {
  const atMs = nextTime(state);
  if (
    isQuiet(state, situation) &&
    !state.checkpointOpen &&
    state.waiting.size > 0 &&
    state.agenda.retries.length === 0
  ) {
    return {
      type: 'pause',
      steps: [...state.waiting].map((index) => (state.nodes[index] as PlanNode).id),
    };
  }
  return atMs === undefined ? undefined : { type: 'wake', atMs };
}

function nextTime(state: RunState): number | undefined {
  const times = [
    state.agenda.retries[0]?.atMs,
    ...[...state.waiting].map((index) => stepStateOf(state, index).waitingUntilMs),
    ...(state.waves[state.frontier]?.gates.map((gate) => gate.retryAtMs) ?? []),
  ].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
