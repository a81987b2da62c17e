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
import type { Alarm } from './agenda.ts';
import { usesOf } from './agent-pools.ts';
import { type Command, countSettling, hasFinished, isQuiet, type Situation } from './command.ts';
import { hasFallen, openEarly, settleMerges, takeBack, whatToTakeBack } from './decide-isolated.ts';
import {
  closeCheckpointedWave,
  endEarly,
  goBack,
  isOver,
  letGo,
  recordEnd,
  skipped,
  stopWhatMustEnd,
} from './end-early.ts';
import { isCleanup, isFailingFast } from './judge.ts';
import { nextResumeMs } from './pools.ts';
import { spentOfRun, timeIsOverMs } from './spending.ts';
import { type RunState, stepStateOf, type WaveState } from './state.ts';

export { type Command, hasFinished, type Situation } from './command.ts';

/** A rate limit that is lifted sooner is waited for; for a later one the run is left, to be resumed. */
const MAX_REST_MS = 600_000;

/** Undefined: wait for something to happen. */
export function decide(state: RunState, situation: Situation): Command | undefined {
  if (hasFinished(state)) return undefined;
  const stop = stopWhatMustEnd(state, situation);
  if (stop !== undefined) return stop;
  if (situation.interrupt !== undefined)
    return isQuiet(state, situation)
      ? { type: 'interrupt', signal: situation.interrupt }
      : undefined;
  const settled = settleMerges(state, situation, freeSlots(state, situation));
  if (settled !== undefined) return settled;
  if (isOver(state)) return endEarly(state, situation);
  const back = whatToTakeBack(state);
  if (back !== undefined) return takeBack(state, back, situation);
  return (
    letGo(state, situation) ??
    settleWithoutWork(state, situation) ??
    startWork(state, situation) ??
    (isSpent(state, situation) ? undefined : openEarly(state, freeSlots(state, situation))) ??
    advanceWave(state, situation) ??
    rest(state, situation)
  );
}

function settleWithoutWork(state: RunState, { nowMs, busy }: Situation): Command | undefined {
  const { agenda } = state;
  const nodeAt = (index: number) => state.nodes[index] as PlanNode;
  const isPending = (index: number) => stepStateOf(state, index).status === 'pending';
  const skip = agenda.skips.first(({ node }) => isPending(node));
  if (skip) return { ...skip, type: 'skip', node: nodeAt(skip.node) };
  const failed = agenda.failures.first(({ node }) => isPending(node));
  if (failed) return { type: 'fail', node: nodeAt(failed.node), failure: failed.failure };
  const expansion = agenda.expansions.first(
    (index) => nodeAt(index).kind === 'dynamic' && isPending(index),
  );
  const unasked = expansion ?? agenda.approvals.first(isPending);
  if (unasked !== undefined) {
    const node = nodeAt(unasked);
    if (isFailingFast(state) && !isCleanup(state, node)) return skipped(state, unasked);
    return { type: expansion === undefined ? 'ask' : 'expand', node };
  }
  const answer = agenda.answers.first((index) => {
    const { status, answer } = stepStateOf(state, index);
    return status === 'waiting' && answer !== undefined && !busy.has(`resolve:${index}`);
  });
  if (answer !== undefined) return { type: 'answer', node: nodeAt(answer) };
  const deadline = nextDeadline(state);
  if (deadline === undefined || deadline.atMs > nowMs) return undefined;
  return {
    type: 'fail',
    node: nodeAt(deadline.node),
    failure: { kind: 'timeout', message: whyLate(state, nodeAt(deadline.node)) },
  };
}

function nextDeadline(state: RunState): Alarm | undefined {
  return state.agenda.deadlines.next(({ node, atMs }) => {
    const { status, waitingUntilMs, startUntilMs } = stepStateOf(state, node);
    if (status === 'waiting') return waitingUntilMs === atMs;
    return status === 'pending' && startUntilMs === atMs;
  });
}

function whyLate(state: RunState, node: PlanNode): string {
  if (stepStateOf(state, node.index).status === 'waiting') return 'nobody answered in time';
  const seconds = (node.step.timeout.queueMs ?? 0) / 1000;
  return `was ready for ${seconds} s and could not be started (timeout.queue)`;
}

function nextRetry(state: RunState): Alarm | undefined {
  return state.agenda.retries.next(({ node, atMs }) => {
    const { status, retryAtMs } = stepStateOf(state, node);
    return status === 'pending' && retryAtMs === atMs;
  });
}

function startWork(state: RunState, situation: Situation): Command | undefined {
  const { agenda } = state;
  const { nowMs } = situation;
  // Moved also while no slot is free: what is due must not be waited for.
  for (let retry = nextRetry(state); retry && retry.atMs <= nowMs; retry = nextRetry(state)) {
    const node = state.nodes[retry.node] as PlanNode;
    agenda.ready.push(node, usesOf(state, node));
    agenda.retries.drop();
  }
  if (hasFallen(state) || isSpent(state, situation)) return undefined;
  const isFailing = isFailingFast(state);
  if (freeSlots(state, situation) <= 0 && !isFailing) return undefined;
  const node = agenda.ready.peek(state.pools, nowMs, ({ index }) => {
    const { status, retryAtMs = 0 } = stepStateOf(state, index);
    return status !== 'pending' || retryAtMs > nowMs; // Its next attempt has an entry of its own.
  });
  if (node === undefined) return undefined;
  if (isFailing && !isCleanup(state, node)) return skipped(state, node.index);
  if (freeSlots(state, situation) <= 0) return undefined;
  return { type: 'start', node, attempt: stepStateOf(state, node.index).attempts.length + 1 };
}

function freeSlots(state: RunState, { busy }: Situation): number {
  const taken = state.running.size + state.runningGates.size + countSettling(state, busy);
  return state.plan.concurrency - taken;
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
      if (isSpent(state, situation)) return undefined;
      return { type: 'open-wave', wave: index };
    case 'open':
      if (wave.open > 0 || state.mergeOpen || situation.busy.has(`seal:${index}`)) return undefined;
      return { type: 'seal', wave: index };
    case 'sealed':
      return gateOrCheckpoint(state, wave, index, situation);
    default:
      throw new Error(`wave ${index} is ${wave.status} and still the frontier`);
  }
}

function gateOrCheckpoint(
  state: RunState,
  wave: WaveState,
  index: number,
  situation: Situation,
): Command | undefined {
  const { nowMs, busy } = situation;
  // After a failure only clean-up is left to do, and no gate can make the wave good again.
  const pending = isFailingFast(state)
    ? []
    : wave.gates.filter((gate) => gate.status === 'pending');
  const due = pending.find((gate) => (gate.retryAtMs ?? 0) <= nowMs);
  if (due && freeSlots(state, situation) > 0) return { type: 'gate', wave: index, gate: due };
  if (pending.length > 0 || state.runningGates.size > 0) return undefined;
  if (state.checkpointOpen || busy.has('checkpoint')) return undefined; // Checkpoints come in wave order.
  const isLast = index === state.waves.length - 1;
  const status = isLast ? (state.failing ? 'failed' : 'passed') : 'running';
  return { type: 'checkpoint', wave: index, status };
}

function finishWhenDone(state: RunState, situation: Situation): Command | undefined {
  if (!isQuiet(state, situation)) return undefined;
  const status = state.failing ? 'failed' : 'passed';
  const back = state.failing ? goBack(state) : undefined;
  return back ?? recordEnd(state, status) ?? { type: 'finish', status };
}

/** Nothing can be done now: wait for a time, for a person, for a budget, or (undefined) for what is under way. */
function rest(state: RunState, situation: Situation): Command | undefined {
  const { nowMs } = situation;
  const isStill = isQuiet(state, situation);
  const spent = spentOfRun(state, nowMs);
  if (isStill && spent !== undefined) {
    return pause(state, { detail: `the budget of the run: ${spent}` });
  }
  const workAtMs = earliest(nextRetry(state)?.atMs, nextGate(state));
  const resumeAtMs = nextResumeMs(state.pools, nowMs);
  if (isStill && resumeAtMs !== undefined && resumeAtMs - nowMs > MAX_REST_MS) {
    if (workAtMs === undefined || workAtMs >= resumeAtMs)
      return pause(state, { detail: 'a rate limit', resumeAtMs });
  }
  if (isStill && state.waiting.size > 0 && workAtMs === undefined && resumeAtMs === undefined)
    return pause(state, {});
  const atMs = nextTime(state, nowMs);
  return atMs === undefined ? undefined : { type: 'wake', atMs };
}

function pause(
  state: RunState,
  why: Pick<Extract<Command, { type: 'pause' }>, 'detail' | 'resumeAtMs'>,
): Command {
  const steps = [...state.waiting].map((index) => (state.nodes[index] as PlanNode).id);
  return { type: 'pause', steps, ...why };
}

/** Of what is due already nothing is told: it waits for a slot, not for a time. */
function nextTime(state: RunState, nowMs: number): number | undefined {
  const future = (time: number | undefined) =>
    time !== undefined && time > nowMs ? time : undefined;
  return earliest(
    ...[
      nextRetry(state)?.atMs,
      nextDeadline(state)?.atMs,
      nextGate(state),
      nextResumeMs(state.pools, nowMs),
      timeIsOverMs(state),
    ].map(future),
  );
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Nothing more may be started, but for what cleans up. */
function isSpent(state: RunState, { nowMs, live }: Situation): boolean {
  return !isFailingFast(state) && spentOfRun(state, nowMs, live) !== undefined;
}

/** When the next gate may be tried again. */
function nextGate(state: RunState): number | undefined {
  const wave = state.waves[state.frontier];
  if (wave?.status !== 'sealed') return undefined;
  const times = wave.gates
    .filter(({ status, retryAtMs }) => status === 'pending' && retryAtMs !== undefined)
    .map(({ retryAtMs }) => retryAtMs as number);
  return times.length === 0 ? undefined : Math.min(...times);
}
