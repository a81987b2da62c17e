/**
 * Folds what happens to the work of isolated attempts once they are over: merged one after the other,
 * in the order in which they were done, or in conflict. A step ends when its work is merged, so what
 * needs it starts on a tree that has it.
 */
import type {
  Failure,
  MergeFinished,
  MergeStarted,
  ResolveFinished,
  ResolveStarted,
  StepFinished,
} from './events.ts';
import { misfit } from './expect-event.ts';
import { endStep, requeue } from './readiness.ts';
import { addUsage } from './spending.ts';
import { nodeOf, type RunState, type StepState, stepStateOf } from './state.ts';

/** The work of an attempt is done; it stands in the queue. */
export function queueMerge(state: RunState, index: number, event: StepFinished): void {
  const step = stepStateOf(state, index);
  const attempt = step.attempts.at(-1);
  if (event.commit == null || attempt?.base === undefined)
    throw misfit(event, 'nothing tells what it began on');
  step.status = 'merging';
  step.outputs = event.outputs;
  step.candidate = { commit: event.commit, base: attempt.base };
  state.mergeQueue.push(index);
}

export function startMerge(state: RunState, event: MergeStarted): void {
  const { index } = nodeOf(state, event.step);
  if (state.mergeOpen) throw misfit(event, 'another merge is open');
  if (state.mergeQueue[0] !== index) throw misfit(event, 'it is not its turn');
  if (event.onto !== state.tip?.commit) throw misfit(event, `the tip is ${state.tip?.commit}`);
  state.mergeQueue.shift();
  const { attempt, commit, base, onto } = event;
  state.mergeOpen = { node: index, attempt, commit, base, onto };
}

export function finishMerge(state: RunState, event: MergeFinished): void {
  const { index } = nodeOf(state, event.step);
  const open = state.mergeOpen;
  if (open?.node !== index) throw misfit(event, 'its merge is not open');
  delete state.mergeOpen;
  const step = stepStateOf(state, index);
  const { commit, tree } = event;
  if (event.status === 'merged') {
    if (commit === undefined || tree === undefined) throw misfit(event, 'it has no commit');
    state.tip = { commit, tree };
    const attempt = step.attempts.at(-1);
    if (attempt) attempt.merged = true;
    return pass(state, index, step);
  }
  if (event.failure) return failMerge(state, index, event.failure, event.retry_at);
  const rounds = step.conflict?.rounds ?? 0;
  step.conflict = { files: event.files ?? [], onto: open.onto, rounds };
  state.conflicts.add(index);
}

function pass(state: RunState, index: number, step: StepState): void {
  forgetMerge(state, index);
  step.status = 'passed';
  endStep(state, index);
}

export function startResolve(
  state: RunState,
  event: ResolveStarted & { readonly at: string },
): void {
  const { index } = nodeOf(state, event.step);
  const step = stepStateOf(state, index);
  const { conflict } = step;
  if (conflict === undefined || conflict.open) throw misfit(event, 'it has no open conflict');
  const { by, worktree, slot, agent, at: startedAt } = event;
  conflict.rounds += 1;
  conflict.open = {
    by,
    worktree,
    startedAt,
    ...(slot !== undefined && { slot }),
    ...(agent && { agent }),
  };
  if (by === 'command') return;
  step.status = 'waiting';
  if (event.message !== undefined) step.waitingFor = event.message;
  state.waiting.add(index);
}

export function finishResolve(state: RunState, event: ResolveFinished): void {
  const { index } = nodeOf(state, event.step);
  const step = stepStateOf(state, index);
  const { conflict } = step;
  if (event.usage) state.usage = addUsage(state.usage, event.usage);
  state.waiting.delete(index);
  delete step.answer;
  delete step.waitingFor;
  if (step.candidate === undefined) throw misfit(event, `the step is ${step.status}`);
  step.status = 'merging';
  if (conflict) delete conflict.open;
  if (event.status === 'passed' && event.commit !== undefined && conflict) {
    // What was settled was made from the merge that it conflicted with.
    step.candidate = { commit: event.commit, base: conflict.onto };
    state.conflicts.delete(index);
    state.mergeQueue.push(index);
    return;
  }
  if (event.failure?.kind === 'interrupted') return; // Begun anew when the run goes on.
  const failure = event.failure ?? { kind: 'conflict', message: 'its work does not merge' };
  failMerge(state, index, failure, event.retry_at);
}

/** @param retryAt ISO 8601; the step is tried again then, on what was merged meanwhile */
function failMerge(state: RunState, index: number, failure: Failure, retryAt?: string): void {
  const step = stepStateOf(state, index);
  forgetMerge(state, index);
  if (failure.kind === 'crash') {
    step.crashes += 1;
    step.counted -= 1; // The attempt counted when it ended; what was lost is no failure of its own.
  }
  const attempt = step.attempts.at(-1);
  if (attempt) {
    attempt.status = failure.kind === 'cancelled' ? 'cancelled' : 'failed';
    attempt.failure = failure;
    if (retryAt !== undefined) attempt.retryAt = retryAt;
  }
  step.outputs = {};
  if (retryAt !== undefined) {
    step.status = 'pending';
    step.retryAtMs = Date.parse(retryAt);
    return requeue(state, index);
  }
  step.status = failure.kind === 'cancelled' ? 'cancelled' : 'failed';
  endStep(state, index);
}

/** Takes a step out of the queue and out of every conflict: it was merged, or is to be done again. */
export function forgetMerge(state: RunState, index: number): void {
  const step = stepStateOf(state, index);
  delete step.candidate;
  delete step.conflict;
  state.conflicts.delete(index);
  if (state.mergeOpen?.node === index) delete state.mergeOpen;
  const place = state.mergeQueue.indexOf(index);
  if (place >= 0) state.mergeQueue.splice(place, 1);
}
