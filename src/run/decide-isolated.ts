/**
 * What is different where every step has a worktree of its own: what was done is merged one by one,
 * waves do not wait for each other, and what was built on a wave whose gates fail is taken back.
 *
 * A wave is sealed when its steps have ended, and its gates look at that; meanwhile steps of later
 * waves go on. So a checkpoint may hold work of later waves that was merged by then, and whoever goes
 * back to it keeps that work.
 */
import type { PlanNode } from '../plan/plan.ts';
import { type Command, isQuiet, type Situation } from './command.ts';
import type { Failure } from './events.ts';
import { isCleanup, isFailingFast, whyFailingFast } from './judge.ts';
import { isToDoAgain } from './set-back.ts';
import {
  type GateState,
  isIsolated,
  type RunState,
  stepStateOf,
  type WaveState,
  waveOf,
} from './state.ts';

/** The next merge, or what is to become of a conflict. */
export function settleMerges(
  state: RunState,
  { busy }: Situation,
  freeSlots: number,
): Command | undefined {
  if (state.cancelled) return undefined; // What is in the queue stays pinned.
  if (state.mergeOpen || busy.has(`seal:${state.frontier}`)) return undefined;
  const next = state.mergeQueue[0];
  if (next !== undefined) return { type: 'merge', node: state.nodes[next] as PlanNode };
  if (waveToRedo(state) !== undefined) return undefined;
  for (const index of state.conflicts) {
    const node = state.nodes[index] as PlanNode;
    const { conflict } = stepStateOf(state, index);
    if (conflict === undefined || conflict.open || busy.has(`resolve:${index}`)) continue;
    if (isFailingFast(state) && !isCleanup(state, node)) {
      const failure: Failure = { kind: 'cancelled', message: whyFailingFast(state).detail };
      return { type: 'fail', node, failure };
    }
    const byPerson = state.workflow.conflicts?.policy === 'ask';
    if (byPerson || freeSlots > 0)
      return { type: 'resolve', node, by: byPerson ? 'person' : 'command' };
  }
  return undefined;
}

/** Steps of later waves start as soon as what they need is merged: the next wave opens for them. */
export function openEarly(state: RunState, freeSlots: number): Command | undefined {
  if (!isIsolated(state) || state.frontier === 0 || freeSlots <= 0) return undefined;
  const next = state.waves.findIndex(
    ({ status }, index) => index >= state.frontier && status === 'planned',
  );
  if (next <= 0 || !hasWorkFrom(state, next)) return undefined;
  return { type: 'open-wave', wave: next };
}

function hasWorkFrom({ agenda }: RunState, wave: number): boolean {
  return agenda.parked.some((parked, index) => index >= wave && parked.length > 0);
}

/**
 * A gate of the sealed wave failed and may be tried again: the wave's steps are done again first, with
 * what the gate said, unless there is nothing in the wave that could come out differently.
 */
export function waveToRedo(state: RunState): number | undefined {
  if (!isIsolated(state) || isFailingFast(state)) return undefined;
  const index = state.frontier;
  const wave = state.waves[index];
  if (wave?.status !== 'sealed' || failedGate(wave) === undefined) return undefined;
  return isToDoAgain(state, index) ? index : undefined;
}

/** It failed on the wave as it is sealed now, and may be tried again. */
function failedGate({ gates, sealed }: WaveState): GateState | undefined {
  return gates.find(
    ({ status, failedSeq }) => status === 'pending' && (failedSeq ?? 0) > (sealed?.seq ?? 0),
  );
}

/** Ends what was built on the wave, waits for the gates beside, then takes the wave back. */
export function redoWave(state: RunState, wave: number, situation: Situation): Command | undefined {
  const failed = failedGate(waveOf(state, wave));
  if (failed === undefined) return undefined;
  const message = `wave ${wave} is done again: gate ${failed.name} failed`;
  for (const index of state.running) {
    if (situation.busy.has(`stop:${index}`)) continue;
    const node = state.nodes[index] as PlanNode;
    return { type: 'stop', node, failure: { kind: 'interrupted', message } };
  }
  for (const index of state.conflicts) {
    const open = stepStateOf(state, index).conflict?.open;
    if (open?.by !== 'command' || situation.busy.has(`stop:${index}`)) continue;
    const node = state.nodes[index] as PlanNode;
    return { type: 'stop', node, failure: { kind: 'interrupted', message } };
  }
  if (!isQuiet(state, situation)) return undefined;
  const { retryAtMs = 0 } = failed;
  if (retryAtMs > situation.nowMs) return { type: 'wake', atMs: retryAtMs };
  return { type: 'take-back', wave, gate: failed.name, again: true };
}

/** The gates of a wave have failed for good: nothing that was built on it is part of the result. */
export function dropWhatFollows(state: RunState): Command | undefined {
  if (!isIsolated(state)) return undefined;
  const wave = state.waves[state.frontier];
  if (wave?.status !== 'sealed' || wave.sealed === undefined || !wave.failed) return undefined;
  const gate = wave.gates.find(({ status }) => status !== 'passed');
  if (gate === undefined || !hasEndedAfter(state, wave.sealed.seq)) return undefined;
  return { type: 'take-back', wave: state.frontier, gate: gate.name, again: false };
}

function hasEndedAfter(state: RunState, seq: number): boolean {
  return state.steps.some(
    ({ status, endedSeq }) => status === 'passed' && endedSeq !== undefined && endedSeq > seq,
  );
}
