/**
 * The end of a run that does not come to its end by itself: what must be stopped, when no new work is
 * started any more, and what is left to do then.
 */
import type { PlanNode } from '../plan/plan.ts';
import { type Command, isQuiet, type Situation } from './command.ts';
import { takeBack, whatToTakeBack } from './decide-isolated.ts';
import type { Failure, RunEndStatus } from './events.ts';
import { isCleanup, isFailingFast, whyFailingFast } from './judge.ts';
import { spentOfRun } from './spending.ts';
import {
  countEnded,
  type RunState,
  splitGateKey,
  standingCheckpoint,
  stepStateOf,
  waveOf,
} from './state.ts';

/** No new work will be started: cancelled, or something failed and nothing is left to clean up after it. */
export function isOver(state: RunState): boolean {
  return state.cancelled || (isFailingFast(state) && state.cleanupOpen === 0);
}

export function stopWhatMustEnd(state: RunState, situation: Situation): Command | undefined {
  const { interrupt, busy } = situation;
  const why = reasonToStop(state, interrupt);
  if (why === undefined) return stopSpending(state, situation);
  const all = interrupt !== undefined || state.cancelled;
  for (const index of state.running) {
    const node = state.nodes[index] as PlanNode;
    if (busy.has(`stop:${index}`) || (!all && isCleanup(state, node))) continue;
    return { type: 'stop', node, failure: why };
  }
  for (const index of state.conflicts) {
    const node = state.nodes[index] as PlanNode;
    if (stepStateOf(state, index).conflict?.open?.by !== 'command') continue;
    if (busy.has(`stop:${index}`) || (!all && isCleanup(state, node))) continue;
    return { type: 'stop', node, failure: why };
  }
  if (!all) return undefined; // Gates beside a failed step look at an earlier wave.
  for (const key of state.runningGates) {
    if (busy.has(`stop-gate:${key}`)) continue;
    const [wave, gate] = splitGateKey(key);
    return { type: 'stop-gate', wave, gate, failure: why };
  }
  return undefined;
}

/** The budget of the run is spent: agents are stopped, and begin anew when there is a larger one. */
function stopSpending(state: RunState, { nowMs, live, busy }: Situation): Command | undefined {
  const spent = spentOfRun(state, nowMs, live);
  if (spent === undefined) return undefined;
  const message = `the budget of the run: ${spent}`;
  for (const index of state.running) {
    const node = state.nodes[index] as PlanNode;
    if (node.step.agent === undefined || busy.has(`stop:${index}`)) continue;
    return { type: 'stop', node, failure: { kind: 'interrupted', message } };
  }
  return undefined;
}

function reasonToStop(state: RunState, interrupt: string | undefined): Failure | undefined {
  if (interrupt !== undefined)
    return { kind: 'interrupted', message: `orch was stopped by ${interrupt}` };
  if (state.cancelled) return { kind: 'cancelled', message: 'the run was cancelled' };
  if (isFailingFast(state)) {
    const { reason, detail } = whyFailingFast(state);
    return {
      kind: 'cancelled',
      message: reason !== 'fail_fast' ? detail : `${detail} (fail_fast)`,
    };
  }
  return undefined;
}

/**
 * Clean-up goes on after a failure, everything else is let go at once: an approval nobody needs to
 * give any more, another attempt that need not be waited for.
 */
export function letGo(state: RunState, { busy }: Situation): Command | undefined {
  if (!isFailingFast(state)) return undefined;
  const isLetGo = (index: number) => !isCleanup(state, state.nodes[index] as PlanNode);
  for (const index of state.waiting) {
    // A conflict that a person has settled is being taken up: what comes of it is told soon.
    if (!isLetGo(index) || busy.has(`resolve:${index}`)) continue;
    const failure: Failure = { kind: 'cancelled', message: whyFailingFast(state).detail };
    return { type: 'fail', node: state.nodes[index] as PlanNode, failure };
  }
  for (const { node: index } of state.agenda.retries.all()) {
    const { status } = stepStateOf(state, index);
    if (status === 'pending' && isLetGo(index)) return skipped(state, index);
  }
  return undefined;
}

export function skipped(state: RunState, index: number): Command {
  const node = state.nodes[index] as PlanNode;
  return { type: 'skip', node, ...whyFailingFast(state) };
}

/** Cancelled or failed: pin the tree, go back if so configured, say how each step ended, finish. */
export function endEarly(state: RunState, situation: Situation): Command | undefined {
  const status: RunEndStatus = state.cancelled ? 'cancelled' : 'failed';
  if (!isQuiet(state, situation)) return undefined;
  const closed = closeCheckpointedWave(state);
  if (closed) return closed;
  const back = whatToTakeBack(state);
  if (back) return takeBack(state, back, situation);
  if (countEnded(state) < state.leaves) {
    return status === 'cancelled'
      ? { type: 'skip-rest', reason: 'cancelled', detail: 'the run was cancelled' }
      : { type: 'skip-rest', ...whyFailingFast(state) };
  }
  const wave = state.waves[state.frontier];
  if (wave?.status === 'open') return { type: 'seal', wave: state.frontier };
  const target = status === 'failed' ? goBack(state) : undefined;
  if (target) return target;
  if (wave?.status === 'sealed') return { type: 'close-wave', wave: state.frontier, status };
  return recordEnd(state, status) ?? { type: 'finish', status };
}

/** A wave that failed has no checkpoint, so one more says on the branch how the run ended. */
export function recordEnd(state: RunState, status: RunEndStatus): Command | undefined {
  const standing = standingCheckpoint(state);
  if (standing === undefined || state.recordedEnd === status) return undefined;
  return { type: 'checkpoint', wave: standing.wave, status, closing: true };
}

/** A checkpoint that is on its branch ends its wave. */
export function closeCheckpointedWave(state: RunState): Command | undefined {
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

/** Back to the last good checkpoint, where the workflow wants that and it has not happened yet. */
export function goBack(state: RunState): Command | undefined {
  if (state.workflow.onFailure !== 'rollback' || state.wentBack) return undefined;
  return { type: 'roll-back', to: lastGoodWave(state) };
}

/**
 * The last wave before anything failed. Not simply the newest checkpoint: waves are checkpointed
 * after a failure too (without fail_fast, or for clean-up to follow), and after a rollback the newest
 * ones hold work that was taken back.
 */
function lastGoodWave(state: RunState): number {
  const end = state.waves.findIndex((wave) => wave.failed || !wave.behind);
  return Math.max(0, (end === -1 ? state.waves.length : end) - 1);
}
