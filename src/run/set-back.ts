/**
 * Which steps are to be done again, and what is forgotten of them so that they can be: after a
 * reboot, when failures are retried, and when the work tree was taken back before a wave.
 *
 * Attempts stay on record; whoever calls this calls rebuildReadiness afterwards.
 */
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { WaveInvalidated } from './events.ts';
import { forgetMerge } from './merging.ts';
import {
  type Attempt,
  gateKey,
  hasEnded,
  type RunState,
  type StepState,
  stepStateOf,
  waveOf,
} from './state.ts';

/**
 * Files of steps that ended after the last checkpoint were never synced; a reboot may have lost them,
 * so their wave is done again. Steps that were skipped are judged again, since what they looked at may
 * come out differently.
 */
export function setBackAfterReboot(state: RunState, isRetried: boolean): void {
  const wave = state.waves[state.frontier];
  if (wave === undefined || wave.status === 'planned') return;
  const isClosed = wave.status === 'failed' || wave.status === 'cancelled';
  if (isClosed && !isRetried) return; // All that is left to do is to say how the run ended.
  for (const node of state.nodes) {
    if (!isLeaf(node) || node.wave !== state.frontier) continue;
    const step = stepStateOf(state, node.index);
    if (hasEnded(step.status)) setBack(step);
  }
  if (wave.status !== 'open') reopenWave(state, state.frontier);
}

/** Failed and cancelled steps, those skipped because of them, and gates that failed. */
export function setBackFailures(state: RunState): void {
  state.cancelled = false;
  let first = firstFailedWave(state);
  for (const node of state.nodes) {
    if (!isLeaf(node)) continue;
    const step = stepStateOf(state, node.index);
    const bySelf = step.skipped?.reason === 'when' || step.skipped?.reason === 'empty_matrix';
    if (!hasEnded(step.status) || step.status === 'passed' || bySelf) continue;
    forgetMerge(state, node.index);
    setBack(step);
    first = Math.min(first, node.wave);
  }
  // From the first wave that changes, every tree may change: all are sealed and gated again.
  for (let index = first; index < state.waves.length; index++) {
    if (waveOf(state, index).status === 'planned') continue;
    reopenWave(state, index);
    if (index > first) waveOf(state, index).status = 'planned';
  }
}

/** The wave whose gates failed; after the last one when none did. */
function firstFailedWave(state: RunState): number {
  const failed = state.waves.findIndex(
    (wave) => wave.status === 'failed' || wave.status === 'cancelled',
  );
  return failed === -1 ? state.waves.length : failed;
}

export function setBackWave(state: RunState, event: WaveInvalidated): void {
  const { wave, gate } = event;
  for (const node of state.nodes) {
    if (!isLeaf(node) || node.wave !== wave || stands(state, node, event)) continue;
    forgetMerge(state, node.index);
    state.waiting.delete(node.index);
    setBack(stepStateOf(state, node.index));
  }
  reopenWave(state, wave, gate === undefined);
  waveOf(state, wave).status = 'planned';
  if (gate !== undefined) return; // The run was going on, or was cancelled meanwhile.
  state.status = 'running';
  state.cancelled = false;
  delete state.endedAt;
}

/**
 * Waves that a rollback took back and that were touched before it: they are to be done again when the
 * run goes on. None for a run that passed: there is nothing to go on with.
 */
export function wavesToRedo(state: RunState): number[] {
  const { redoAfter } = state;
  if (redoAfter === undefined || state.wentBack || state.status === 'passed') return [];
  const touched = new Set<number>();
  for (const [index, { status }] of state.waves.entries()) {
    if (status !== 'planned') touched.add(index);
  }
  for (const node of state.nodes) {
    // Skipped with the rest of a run that failed, though its wave was never opened.
    if (isLeaf(node) && hasEnded(stepStateOf(state, node.index).status)) touched.add(node.wave);
  }
  // A wave may have been begun again since the checkpoint that the work tree has now.
  return [...touched]
    .filter((wave) => wave > redoAfter || !waveOf(state, wave).behind)
    .sort((a, b) => a - b);
}

/** Whether an invalidated wave keeps what a step of it came to. */
function stands(state: RunState, node: PlanNode, { kept_until, gate }: WaveInvalidated): boolean {
  const { status, endedSeq } = stepStateOf(state, node.index);
  if (!hasEnded(status) || endedSeq === undefined || kept_until === undefined) return false;
  // What a person has decided is not asked again because a gate failed.
  if (gate !== undefined && node.step.kind === 'approval' && status === 'passed') return true;
  return endedSeq <= kept_until;
}

/**
 * Whether steps of a wave can be done again in an isolated run: those that no earlier checkpoint holds.
 */
export function isToDoAgain(state: RunState, wave: number): boolean {
  const upTo = waveOf(state, wave - 1).sealed?.seq;
  return (
    upTo !== undefined &&
    state.nodes.some((node) => {
      const { status, endedSeq = 0 } = stepStateOf(state, node.index);
      const isWork = isLeaf(node) && node.wave === wave && node.step.kind !== 'approval';
      return isWork && status === 'passed' && endedSeq > upTo;
    })
  );
}

/** @param isFresh false: the tries of its gates go on counting */
function reopenWave(state: RunState, index: number, isFresh = true): void {
  const wave = waveOf(state, index);
  wave.status = 'open';
  wave.behind = false;
  delete wave.sealed;
  delete wave.secrets;
  delete wave.refused;
  delete wave.endedAt;
  for (const gate of wave.gates) {
    gate.status = 'pending';
    if (isFresh) {
      gate.counted = 0;
      gate.crashes = 0;
    }
    delete gate.retryAtMs;
    state.runningGates.delete(gateKey(index, gate.name));
    closeOpenAttempt(gate.attempts.at(-1));
  }
}

function setBack(step: StepState): void {
  closeOpenAttempt(step.attempts.at(-1));
  step.status = 'pending';
  step.counted = 0;
  step.crashes = 0;
  step.outputs = {};
  delete step.skipped;
  delete step.answer;
  delete step.retryAtMs;
  delete step.startUntilMs;
  delete step.waitingUntilMs;
  delete step.waitingFor;
  delete step.endedSeq;
  delete step.agentAt;
  delete step.limits;
  delete step.limitedUntilMs;
}

/** Nobody waits any more for an attempt that was under way when its work was taken back. */
function closeOpenAttempt(attempt: Attempt | undefined): void {
  if (attempt?.status === 'running' || attempt?.status === 'waiting') attempt.status = 'cancelled';
}
