/**
 * What is different where every step has a worktree of its own: what was done is merged one by one,
 * waves do not wait for each other, and what was built on a wave whose gates fail is taken back.
 *
 * A wave is sealed when its steps have ended, and its gates look at that; meanwhile steps of later
 * waves go on. So a checkpoint may hold work of later waves that was merged by then, and whoever goes
 * back to it keeps that work.
 */
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { type Command, isQuiet, type Situation } from './command.ts';
import type { Failure } from './events.ts';
import { hasFailedGate, isCleanup, isFailingFast, whyFailingFast } from './judge.ts';
import { isToDoAgain } from './set-back.ts';
import { type GateState, isIsolated, type RunState, stepStateOf, type WaveState } from './state.ts';

/** The next merge, or what is to become of a conflict. */
export function settleMerges(
  state: RunState,
  { busy }: Situation,
  freeSlots: number,
): Command | undefined {
  if (state.cancelled) return undefined; // What is in the queue stays pinned.
  if (state.mergeOpen || busy.has(`seal:${state.frontier}`)) return undefined;
  if (whatToTakeBack(state) !== undefined) return undefined;
  const next = state.mergeQueue[0];
  if (next !== undefined) return { type: 'merge', node: state.nodes[next] as PlanNode };
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
  if (state.gateFailed) return undefined; // What cleans up after a wave comes after its checkpoint.
  const next = state.waves.findIndex(
    ({ status }, index) => index >= state.frontier && status === 'planned',
  );
  if (next <= 0 || !hasWorkFrom(state, next)) return undefined;
  return { type: 'open-wave', wave: next };
}

function hasWorkFrom({ agenda }: RunState, wave: number): boolean {
  return agenda.parked.some((parked, index) => index >= wave && parked.length > 0);
}

/** What was built on a sealed wave whose gate failed; with `again`, the wave's own work too. */
export interface TakenBack {
  readonly wave: number;
  readonly gate: GateState;
  readonly again: boolean;
}

/**
 * A gate that may be tried again: the wave's steps are done again first, with what the gate said,
 * unless there is nothing in the wave that could come out differently. Gates that have failed for
 * good: nothing that was built on the wave is part of the result.
 */
export function whatToTakeBack(state: RunState): TakenBack | undefined {
  const index = state.frontier;
  const wave = state.waves[index];
  if (!isIsolated(state) || wave?.status !== 'sealed' || wave.sealed === undefined)
    return undefined;
  const lost = wave.gates.find(({ status }) => status === 'failed');
  if (lost !== undefined) {
    const isDue = hasFailedGate(wave) && isBuiltOn(state, index, wave.sealed.seq);
    return isDue ? { wave: index, gate: lost, again: false } : undefined;
  }
  if (state.cancelled || isFailingFast(state)) return undefined;
  const gate = failedGate(wave);
  return gate && isToDoAgain(state, index) ? { wave: index, gate, again: true } : undefined;
}

/** It failed on the wave as it is sealed now, and may be tried again. */
function failedGate({ gates, sealed }: WaveState): GateState | undefined {
  return gates.find(
    ({ status, failedSeq }) => status === 'pending' && (failedSeq ?? 0) > (sealed?.seq ?? 0),
  );
}

/** Later waves have work that is under way, or that ended after the wave was sealed. */
function isBuiltOn(state: RunState, wave: number, sealedSeq: number): boolean {
  return state.nodes.some((node) => {
    if (!isLeaf(node) || node.wave <= wave || node.step.kind === 'approval') return false;
    const { status, candidate, endedSeq = 0 } = stepStateOf(state, node.index);
    if (status === 'running' || candidate !== undefined) return true;
    return status === 'passed' && endedSeq > sealedSeq;
  });
}

/** Its gates have failed for good, and it has no checkpoint yet: clean-up waits for that. */
export function hasFallen(state: RunState): boolean {
  const wave = state.waves[state.frontier];
  return wave?.status === 'sealed' && hasFailedGate(wave);
}

/** Ends what was built on the wave, waits for the gates beside, then takes it back. */
export function takeBack(
  state: RunState,
  { wave, gate, again }: TakenBack,
  situation: Situation,
): Command | undefined {
  const message = again
    ? `wave ${wave} is done again: gate ${gate.name} failed`
    : `gate ${gate.name} of wave ${wave} failed`;
  const settling = [...state.conflicts].filter(
    (index) => stepStateOf(state, index).conflict?.open?.by === 'command',
  );
  for (const index of [...state.running, ...settling]) {
    if (situation.busy.has(`stop:${index}`)) continue;
    const node = state.nodes[index] as PlanNode;
    return { type: 'stop', node, failure: { kind: 'interrupted', message } };
  }
  if (!isQuiet(state, situation)) return undefined;
  const { retryAtMs = 0 } = gate;
  if (retryAtMs > situation.nowMs) return { type: 'wake', atMs: retryAtMs };
  return { type: 'take-back', wave, gate: gate.name, again };
}
