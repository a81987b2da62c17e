/**
 * What can happen in a run, in the words of its journal. An event is written once and never changed;
 * newer code reads every older event, so a field may be added (optional) but none renamed.
 *
 * Field names are those of the JSON that scripts read (snake_case, units last). How a line looks on
 * disk is journal-line.ts; what events mean is state.ts.
 */
import type { Oid } from '../base/ids.ts';
import type { MatrixValues } from '../workflow/workflow.ts';

/** Version of the event format; a record with a larger one is from a newer orch. */
export const EVENT_VERSION = 1;

export type StepEndStatus = 'passed' | 'failed' | 'cancelled';
export type RunEndStatus = 'passed' | 'failed' | 'cancelled';

export type FailureKind =
  | 'exit'
  | 'timeout'
  | 'stall'
  | 'signal'
  | 'missing_output'
  | 'bad_output'
  | 'expression'
  | 'rejected'
  | 'unavailable'
  | 'crash'
  | 'interrupted'
  | 'cancelled'
  | 'child';

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
}

export interface Resources {
  /** CPU seconds of the whole process tree. */
  readonly cpu_s: number;
  /** Largest sum of resident memory seen; null when the work ended before the first look at it. */
  readonly max_rss_bytes: number | null;
}

/** Money and tokens; zero for commands. */
export interface Usage {
  readonly usd: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** How the cache was used, and why it could not be. */
export interface CacheUse {
  readonly hit: boolean;
  readonly key: string;
  readonly reason: string;
}

export interface LeftOutFile {
  readonly path: string;
  readonly reason: string;
  readonly size_bytes?: number;
}

interface Body<T extends string> {
  readonly type: T;
}
interface OfWave<T extends string> extends Body<T> {
  readonly wave: number;
}
interface OfAttempt<T extends string> extends OfWave<T> {
  readonly step: string;
  readonly attempt: number;
}
interface OfGate<T extends string> extends OfWave<T> {
  readonly gate: string;
  readonly attempt: number;
}

export interface RunStarted extends Body<'run.started'> {
  readonly run: string;
  readonly workflow: string;
  readonly base: Oid | null;
  readonly epoch: number;
  readonly boot: string;
}
export interface RunResumed extends Body<'run.resumed'> {
  readonly epoch: number;
  readonly boot: string;
  /** Failed and cancelled steps, and those skipped because of them, start anew. */
  readonly retry_failed: boolean;
}
export interface KeeperStarted extends Body<'keeper.started'> {
  readonly slot: number;
  readonly pid: number;
  /** Start time of the process as the kernel counts it. */
  readonly start: string;
}
export interface RequestReceived extends Body<'request.received'> {
  readonly request: 'approve' | 'reject' | 'cancel';
  readonly step?: string;
  readonly message?: string;
}
export interface PlanExpanded extends Body<'plan.expanded'> {
  readonly step: string;
  readonly instances: readonly { readonly id: string; readonly values: MatrixValues }[];
}
/** The user took a changed workflow file into a run that had begun. */
export interface PlanChanged extends Body<'plan.changed'> {
  /** File beside run.json that holds the new frozen workflow and plan. */
  readonly frozen: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Steps whose new definition was taken. */
  readonly changed: readonly string[];
  /** Steps that had started and keep their old one; absent in older journals, where `changed` has them. */
  readonly kept?: readonly string[];
}
export interface WaveStarted extends OfWave<'wave.started'> {
  readonly steps: readonly string[];
}
export interface StepStarted extends OfAttempt<'step.started'> {
  /** The keeper that has it; absent for nested workflows and cache hits. */
  readonly slot?: number;
}
export interface StepWaiting extends OfAttempt<'step.waiting'> {
  readonly reason: 'approval';
  readonly message: string;
  /** ISO 8601; wall clock, because a wait outlives the process. */
  readonly until?: string;
}
export interface StepFinished extends OfAttempt<'step.finished'> {
  readonly status: StepEndStatus;
  readonly exit_code: number | null;
  readonly duration_s: number;
  readonly usage: Usage;
  readonly outputs: Readonly<Record<string, string>>;
  readonly resources: Resources | null;
  readonly failure?: Failure;
  readonly cache?: CacheUse;
  /** The pinned attempt. */
  readonly ref?: string | null;
  readonly commit?: Oid | null;
  /** ISO 8601; there will be another attempt then. */
  readonly retry_at?: string;
}
export interface StepSkipped extends OfWave<'step.skipped'> {
  readonly step: string;
  /** Journals of orch before there was `gate` say `fail_fast` then. */
  readonly reason:
    | 'when'
    | 'needs'
    | 'fail_fast'
    | 'gate'
    | 'parent'
    | 'empty_matrix'
    | 'cancelled';
  readonly detail: string;
}
export interface WaveSealed extends OfWave<'wave.sealed'> {
  readonly commit: Oid;
  readonly tree: Oid;
  readonly left_out: readonly LeftOutFile[];
}
export interface GateStarted extends OfGate<'gate.started'> {
  readonly slot?: number;
}
export interface GateFinished extends OfGate<'gate.finished'> {
  readonly status: StepEndStatus;
  readonly exit_code: number | null;
  readonly duration_s: number;
  readonly failure?: Failure;
  readonly cache?: CacheUse;
  readonly retry_at?: string;
}
/** The last event of a journal segment; the checkpoint holds everything up to it. */
export interface CheckpointStarted extends OfWave<'checkpoint.started'> {
  readonly tree: Oid;
  readonly parent: Oid | null;
  /** Status of the run as the checkpoint's trailer will tell it. */
  readonly status: 'running' | RunEndStatus;
}
export interface CheckpointCreated extends OfWave<'checkpoint.created'> {
  readonly commit: Oid;
}
export interface WaveFinished extends OfWave<'wave.finished'> {
  readonly status: RunEndStatus;
}
/** The wave and its steps are to be done again, because the work tree was taken back before it. */
export type WaveInvalidated = OfWave<'wave.invalidated'>;
export interface RollbackStarted extends Body<'rollback.started'> {
  readonly to: number;
  readonly target: Oid;
  /** Holds the work tree as it was. */
  readonly rescue: string;
  readonly rescue_commit: Oid;
  /** Who wanted it: `orch rollback` (also when absent), or `on_failure: rollback`. */
  readonly by?: 'command' | 'on_failure';
}
export interface RollbackDone extends Body<'rollback.done'> {
  readonly to: number;
  readonly restored: Oid;
}
export interface RunWaiting extends Body<'run.waiting'> {
  readonly steps: readonly string[];
}
/** Stopped by a signal; everything that ran was stopped too, and starts again on resume. */
export interface RunInterrupted extends Body<'run.interrupted'> {
  readonly signal: string;
}
export interface RunFinished extends Body<'run.finished'> {
  readonly status: RunEndStatus;
}
export type AcceptHow = 'merge' | 'squash' | 'ff';
/** Everything that an interrupted accept needs to be finished; the branch is about to move. */
export interface AcceptStarted extends Body<'accept.started'> {
  readonly how: AcceptHow;
  /** What the branch will stand at. */
  readonly commit: Oid;
  /** What it stands at now; null in a repository without commits. */
  readonly head: Oid | null;
  /** The checkpoint that is brought. */
  readonly brought: Oid;
  /** Holds the index as it was; its second parent, the work tree. */
  readonly rescue: string;
  readonly rescue_commit: Oid;
}
export interface RunAccepted extends Body<'run.accepted'> {
  readonly how: AcceptHow;
  readonly commit: Oid;
  /** Null when nothing had to be moved: the branch had it already. */
  readonly rescue: string | null;
}

export type RunEventBody =
  | RunStarted
  | RunResumed
  | KeeperStarted
  | RequestReceived
  | PlanExpanded
  | PlanChanged
  | WaveStarted
  | StepStarted
  | StepWaiting
  | StepFinished
  | StepSkipped
  | WaveSealed
  | GateStarted
  | GateFinished
  | CheckpointStarted
  | CheckpointCreated
  | WaveFinished
  | WaveInvalidated
  | RollbackStarted
  | RollbackDone
  | RunWaiting
  | RunInterrupted
  | RunFinished
  | AcceptStarted
  | RunAccepted;

export interface Stamp {
  readonly v: number;
  /** From 1, without gaps, over all segments of a run. */
  readonly seq: number;
  /** ISO 8601, milliseconds. */
  readonly at: string;
}

export type RunEvent = Stamp & RunEventBody;
export type EventType = RunEvent['type'];

/** What each event says, for docs/reference/events.md; a type without a line does not compile. */
export const EVENT_MEANINGS: Readonly<Record<EventType, string>> = {
  'run.started': 'A run began; `base` is the commit it began on.',
  'run.resumed': 'Another process took the run over; `epoch` counts them, `boot` tells a reboot.',
  'keeper.started': 'A keeper process for one slot is there; written before its first job.',
  'request.received': 'An approval, a rejection or a cancellation arrived from another process.',
  'plan.expanded': 'A matrix that depends on outputs is known now.',
  'plan.changed': 'A changed workflow file was accepted for steps that had not started.',
  'wave.started': 'Steps of this wave may start.',
  'step.started': 'An attempt is about to start; on disk before its process exists.',
  'step.waiting': 'A step waits for a person.',
  'step.finished': 'An attempt ended; with `retry_at` another one follows.',
  'step.skipped': 'A step will not run, and why.',
  'wave.sealed': "The wave's tree is written; gates look at it.",
  'gate.started': 'A gate is about to run.',
  'gate.finished': 'A gate ended.',
  'checkpoint.started': 'Last event of its segment; the commit will hold everything up to here.',
  'checkpoint.created': 'The checkpoint is on its branch.',
  'wave.finished': 'A wave is over.',
  'wave.invalidated': 'A wave is to be done again after a rollback.',
  'rollback.started': 'The work tree is pinned and is about to change.',
  'rollback.done': 'The work tree has the tree of the checkpoint.',
  'run.waiting': 'Nothing can go on without a person; resume later.',
  'run.interrupted': 'A signal stopped the run; resume goes on.',
  'run.finished': 'The run is over.',
  'accept.started': 'The index is pinned, and the current branch is about to move.',
  'run.accepted': 'The result is on the current branch.',
};
