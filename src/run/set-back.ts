/**
 * Which steps are to be done again, and what is forgotten of them so that they can be: after a
 * reboot, when failures are retried, and when the work tree was taken back before a wave.
 *
 * Attempts stay on record; whoever calls this calls rebuildReadiness afterwards.
 */
import { isLeaf } from '../plan/graph.ts';
import { hasEnded, type RunState, type StepState, stepStateOf, waveOf } from './state.ts';

/** Files of steps that ended after the last seal were never synced; a reboot may have lost them. */
export function setBackAfterReboot(state: RunState): void {
  for (const node of state.nodes) {
    if (!isLeaf(node) || waveOf(state, node.wave).status !== 'open') continue;
    const step = stepStateOf(state, node.index);
    if (step.status === 'passed' || step.status === 'failed' || step.status === 'cancelled')
      setBack(step);
  }
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

export function setBackWave(state: RunState, wave: number): void {
  for (const node of state.nodes) {
    if (isLeaf(node) && node.wave === wave) setBack(stepStateOf(state, node.index));
  }
  reopenWave(state, wave);
  waveOf(state, wave).status = 'planned';
  if (state.status !== 'running') state.status = 'running';
}

function reopenWave(state: RunState, index: number): void {
  const wave = waveOf(state, index);
  wave.status = 'open';
  wave.behind = false;
  delete wave.sealed;
  delete wave.endedAt;
  for (const gate of wave.gates) {
    gate.status = 'pending';
    gate.counted = 0;
    delete gate.retryAtMs;
  }
}

function setBack(step: StepState): void {
  step.status = 'pending';
  step.counted = 0;
  step.outputs = {};
  delete step.skipped;
  delete step.answer;
  delete step.retryAtMs;
  delete step.waitingUntilMs;
  delete step.waitingFor;
}
