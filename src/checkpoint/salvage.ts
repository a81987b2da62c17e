/**
 * Which of the work that refs hold is part of a run's result, and which is not and could be taken up by
 * a person: attempts that failed, were cancelled, clashed or were taken back, and what was there before
 * a rollback.
 *
 * The folded state tells where there is one. Where the journal is gone, the merges tell: those that the
 * newest one was built on, but for what was taken back since.
 */
import type { Oid } from '../base/ids.ts';
import { hasFinished } from '../run/decide.ts';
import type { MergeFinished, RunEvent } from '../run/events.ts';
import {
  type Attempt,
  isIsolated,
  latestCheckpoint,
  type RunState,
  type StepState,
  standingCheckpoint,
} from '../run/state.ts';
import { namePaths, withoutRecords } from './rollback.ts';

/** What the name of a ref says of the commit it holds. */
export type PinName =
  | {
      readonly kind: 'attempt';
      readonly run: string;
      readonly step: string;
      readonly attempt: number;
      /** Of a conflict of the attempt as somebody left it. */
      readonly round?: number;
    }
  | { readonly kind: 'wave'; readonly run: string; readonly wave: number }
  | { readonly kind: 'rescue'; readonly run: string; readonly number: number };

/** Undefined for refs that hold no work of their own. */
export function readPinName(ref: string): PinName | undefined {
  const [, kind, run = '', rest = ''] = /^refs\/orch\/([^/]+)\/([^/]+)\/(.+)$/.exec(ref) ?? [];
  if (kind === 'attempts') {
    const [, step, attempt, round] = /^([^/]+)\/(\d+)(?:-resolved-(\d+))?$/.exec(rest) ?? [];
    if (step === undefined) return undefined;
    const decoded = decodeIdPart(step);
    const name = { kind: 'attempt', run, step: decoded, attempt: Number(attempt) } as const;
    return round === undefined ? name : { ...name, round: Number(round) };
  }
  if (!/^\d+$/.test(rest)) return undefined;
  if (kind === 'sealed') return { kind: 'wave', run, wave: Number(rest) };
  return kind === 'rescue' ? { kind: 'rescue', run, number: Number(rest) } : undefined;
}

/** The reverse of encodeIdPart; what it cannot have written stays as it is. */
export function decodeIdPart(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** Why something is not part of the result; the kind is that of a failure, or `taken_back`, `not_merged`. */
export interface Reason {
  readonly kind: string;
  readonly message: string;
}

export type Verdict =
  | 'kept'
  /** Its files have to be compared with what is kept. */
  | 'compare'
  | Reason;

/** What became of an attempt, or with `round` of a try to settle its conflict. */
export function judgePinned(
  state: RunState,
  events: readonly RunEvent[],
  name: Extract<PinName, { kind: 'attempt' }>,
): Verdict {
  const step = stepOf(state, name.step);
  const attempt = step?.attempts.find(({ n }) => n === name.attempt);
  if (step === undefined || attempt === undefined) return UNKNOWN_END;
  const left = leftBehind(state, step, attempt, takenBackBy(state, events, name.step));
  if (name.round === undefined) return left === 'kept' ? (dropped(events, name) ?? left) : left;
  const end = events.findLast(
    (event) =>
      event.type === 'resolve.finished' &&
      event.step === name.step &&
      event.attempt === name.attempt &&
      event.round === name.round,
  );
  if (end?.type !== 'resolve.finished') return UNKNOWN_END;
  if (end.failure) return end.failure;
  return left === 'kept' && !wasMerged(events, end.commit) ? NOT_MERGED : left;
}

const UNKNOWN_END: Reason = { kind: 'unknown', message: 'nothing tells how it ended' };
const WAITS: Reason = { kind: 'not_merged', message: 'it is not merged yet' };
const NOT_MERGED: Reason = { kind: 'not_merged', message: 'it was not merged' };

function stepOf(state: RunState, id: string): StepState | undefined {
  return state.steps[state.indexOf.get(id) ?? -1] ?? state.retired.get(id);
}

function wasMerged(events: readonly RunEvent[], commit: Oid | undefined): boolean {
  const begun = events.findLastIndex(
    (event) => event.type === 'merge.started' && event.commit === commit,
  );
  const end = begun < 0 ? undefined : events.slice(begun).find(isMergeEnd);
  return end?.status === 'merged';
}

function isMergeEnd(event: RunEvent): event is RunEvent & MergeFinished {
  return event.type === 'merge.finished';
}

/** What an attempt that was merged has that its merge does not. */
function dropped(
  events: readonly RunEvent[],
  { step, attempt }: { readonly step: string; readonly attempt: number },
): Reason | undefined {
  const merge = events
    .filter(isMergeEnd)
    .findLast((event) => event.step === step && event.attempt === attempt);
  if (merge?.settled === 'ours') {
    const paths = namePaths((merge.files ?? []).map(({ path }) => path));
    const message = `it was merged without its side of the conflict in ${paths}`;
    return { kind: 'conflict', message };
  }
  if (merge?.left_out === undefined) return undefined;
  const message = `it was merged without its changes to ${namePaths(merge.left_out)}`;
  return { kind: 'left_out', message };
}

function leftBehind(
  state: RunState,
  step: StepState,
  attempt: Attempt,
  takenBack: Reason | undefined,
): Verdict {
  if (!isIsolated(state)) return 'compare';
  const isLast = step.attempts.at(-1) === attempt;
  if (!attempt.merged && isLast && step.status === 'merging' && !hasFinished(state)) return WAITS;
  if (!attempt.merged) return attempt.failure ?? notMerged(attempt, takenBack);
  if (!isLast || step.status !== 'passed') return takenBack ?? TAKEN_BACK;
  return isStanding(state, step) ? 'kept' : (takenBack ?? NOT_IN_CHECKPOINT);
}

function notMerged({ status }: Attempt, takenBack: Reason | undefined): Reason {
  if (status === 'passed') return takenBack ?? NOT_MERGED;
  return status === 'cancelled' ? { kind: 'cancelled', message: 'it was cancelled' } : UNKNOWN_END;
}

const TAKEN_BACK: Reason = { kind: 'taken_back', message: 'it was taken back' };
const NOT_IN_CHECKPOINT: Reason = {
  kind: 'not_checkpointed',
  message: 'it was merged, and no checkpoint has it: its wave did not pass',
};

/** Whether what a step has merged is in the tree at which the run stands. */
function isStanding(state: RunState, { endedSeq }: StepState): boolean {
  const { redoAfter } = state;
  const at =
    redoAfter !== undefined
      ? latestCheckpoint(state, redoAfter)
      : hasFinished(state)
        ? standingCheckpoint(state)
        : undefined;
  const isOpen = redoAfter === undefined && !hasFinished(state);
  return isOpen || (endedSeq !== undefined && at !== undefined && endedSeq <= at.upTo);
}

/** What took back the wave of a step the last time. */
function takenBackBy(state: RunState, events: readonly RunEvent[], id: string): Reason | undefined {
  const kind = 'taken_back';
  const { redoAfter } = state;
  if (redoAfter !== undefined)
    return { kind, message: `it was taken back by a rollback to wave ${redoAfter}` };
  const wave = state.nodes[state.indexOf.get(id) ?? -1]?.wave;
  const last = events.findLast((event) => event.type === 'wave.invalidated' && event.wave === wave);
  if (last?.type !== 'wave.invalidated') return undefined;
  const by = last.gate === undefined ? 'by a rollback' : `because gate ${last.gate} failed`;
  return { kind, message: `it was taken back ${by}` };
}

/**
 * Whether a run has pinned work that is not part of its result. Only of isolated runs: what fails in the
 * user's own work tree is still there, or was taken back with a word of where it is.
 */
export function hasLeftWork(state: RunState): boolean {
  if (!isIsolated(state)) return false;
  return [...state.steps, ...state.retired.values()].some((step) =>
    step.attempts.some(
      (attempt) =>
        attempt.commit !== undefined &&
        attempt.status !== 'running' &&
        step.status !== 'merging' &&
        leftBehind(state, step, attempt, undefined) !== 'kept',
    ),
  );
}

export interface MergeCommit {
  readonly oid: Oid;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
}

/**
 * What was merged and was not taken back.
 * @param chain the run's merges by first parents, newest first, down to wave 0
 * @param checkpoint tree of the newest checkpoint, when there is one: later merges count for nothing
 * @returns commits that were merged
 */
export function standingMerges(chain: readonly MergeCommit[], checkpoint?: Oid): Set<Oid> {
  const merged = new Set<Oid>();
  const at = chain.findIndex(({ tree }) => tree === checkpoint);
  for (let index = Math.max(at, 0); index < chain.length; ) {
    const { tree, parents } = chain[index] as MergeCommit;
    for (const parent of parents.slice(1)) merged.add(parent);
    // Taking back makes a commit with the tree of an earlier moment.
    const before =
      parents.length > 1
        ? index + 1
        : chain.findIndex((earlier, place) => place > index && earlier.tree === tree);
    if (before < 0) break;
    index = before;
  }
  return merged;
}

/** Whether a kept tree has everything that a commit changed, just as it is there. */
export function holdsChanges(
  changes: readonly { readonly path: string }[],
  keptToCommit: readonly { readonly path: string }[],
): boolean {
  const differing = new Set(keptToCommit.map(({ path }) => path));
  return withoutRecords(changes).every(({ path }) => !differing.has(path));
}
