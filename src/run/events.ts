/**
 * What can happen in a run, in the words of its journal. An event is written once and never changed;
 * newer code reads every older event, so a field may be added (optional) but none renamed.
 *
 * Field names are those of the JSON that scripts read (snake_case, units last). How a line looks on
 * disk is journal-line.ts; what events mean is state.ts.
 */
import type { Oid } from '../base/ids.ts';
import type { MatrixValues } from '../workflow/workflow.ts';
import type {
  CacheUse,
  ConflictFile,
  Failure,
  LeftOutFile,
  Resources,
  RunEndStatus,
  SecretPlace,
  StepAgent,
  StepEndStatus,
  Usage,
} from './event-shapes.ts';

export type {
  CacheUse,
  ConflictFile,
  Failure,
  FailureKind,
  LeftOutFile,
  Resources,
  RunEndStatus,
  SecretPlace,
  StepAgent,
  StepEndStatus,
  Usage,
} from './event-shapes.ts';

/** Version of the event format; a record with a larger one is from a newer orch. */
export const EVENT_VERSION = 1;

interface Body<T extends string> {
  readonly type: T;
}
interface OfWave<T extends string> extends Body<T> {
  /** Number of the wave, from 1; 0 stands for what was there before the run. */
  readonly wave: number;
}
interface OfAttempt<T extends string> extends OfWave<T> {
  /** Id of the step: `test`, of a matrix `test(20)`, of a nested workflow `release/test`. */
  readonly step: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
}
interface OfGate<T extends string> extends OfWave<T> {
  /** Name of the gate; of a nested workflow `release/tests`. */
  readonly gate: string;
  /** Number of the attempt in this wave, from 1. */
  readonly attempt: number;
}

export interface RunStarted extends Body<'run.started'> {
  /** Id of the run. */
  readonly run: string;
  /** Name of the workflow. */
  readonly workflow: string;
  /** HEAD when it began; null in a repository without commits. */
  readonly base: Oid | null;
  /** Number of the process that drives the run. */
  readonly epoch: number;
  /** Id that the system gave to this boot. */
  readonly boot: string;
}
export interface RunResumed extends Body<'run.resumed'> {
  /** Number of the process that drives the run; each has a larger one. */
  readonly epoch: number;
  /** Another one than before means that the machine was started anew. */
  readonly boot: string;
  /** Failed and cancelled steps, and those skipped because of them, start anew. */
  readonly retry_failed: boolean;
}
export interface KeeperStarted extends Body<'keeper.started'> {
  /** Number of its place among those that run at once. */
  readonly slot: number;
  /** Its process id. */
  readonly pid: number;
  /** Start time of the process as the kernel counts it. */
  readonly start: string;
  /** The pid namespace in which `pid` holds, as Linux names it: containers have their own. */
  readonly pid_ns?: string;
}
export interface RequestReceived extends Body<'request.received'> {
  /** What somebody asked for. */
  readonly request: 'approve' | 'reject' | 'cancel';
  /** The step that waits; absent for `cancel`. */
  readonly step?: string;
  /** Why, in the words of who asked. */
  readonly message?: string;
}
export interface PlanExpanded extends Body<'plan.expanded'> {
  /** The step as it stands in the file. */
  readonly step: string;
  /** Its instances, in the order of the matrix. */
  readonly instances: readonly { readonly id: string; readonly values: MatrixValues }[];
}
/** The user took a changed workflow file into a run that had begun. */
export interface PlanChanged extends Body<'plan.changed'> {
  /** File beside run.json that holds the new frozen workflow and plan. */
  readonly frozen: string;
  /** Steps that are new. */
  readonly added: readonly string[];
  /** Steps that are gone. */
  readonly removed: readonly string[];
  /** Steps whose new definition was taken. */
  readonly changed: readonly string[];
  /** Steps that had started and keep their old one; absent in older journals, where `changed` has them. */
  readonly kept?: readonly string[];
}
export interface WaveStarted extends OfWave<'wave.started'> {
  /** Ids of its steps. */
  readonly steps: readonly string[];
}
export interface StepStarted extends OfAttempt<'step.started'> {
  /** The keeper that has it; absent when it failed before it had one. */
  readonly slot?: number;
  /** The step's `name` with its expressions evaluated; absent where it has none. */
  readonly name?: string;
  /** Isolated runs: the commit that its worktree was brought to. */
  readonly base?: Oid;
  /** Isolated runs: number of its worktree in the pool. */
  readonly worktree?: number;
  /** Isolated runs: the commit of the attempt whose work it goes on with, in place of `base`. */
  readonly from?: Oid;
  /** Agent steps: who does it. */
  readonly agent?: StepAgent;
}
/** What an agent does while it works: a stream of its own, in no journal and without a number. */
export interface StepProgress extends OfAttempt<'step.progress'> {
  /** ISO 8601. */
  readonly at: string;
  /** What it says. */
  readonly message?: string;
  /** The tool that it uses. */
  readonly tool?: string;
  /** What for: the command, the path. */
  readonly detail?: string;
  /** What it has spent so far. */
  readonly usage?: Usage;
}
export interface StepWaiting extends OfAttempt<'step.waiting'> {
  /** What it waits for. */
  readonly reason: 'approval';
  /** The question to the person who decides. */
  readonly message: string;
  /** ISO 8601; wall clock, because a wait outlives the process. */
  readonly until?: string;
}
export interface StepFinished extends OfAttempt<'step.finished'> {
  /** How the attempt ended. */
  readonly status: StepEndStatus;
  /** 128 + n for signal n; null when there was no process, or nobody knows. */
  readonly exit_code: number | null;
  /** From start to end, in seconds. */
  readonly duration_s: number;
  /** What it spent. */
  readonly usage: Usage;
  /** What it wrote to $ORCH_OUTPUT, by name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** What it took of the machine; null when that is not known. */
  readonly resources: Resources | null;
  /** Why it did not pass. */
  readonly failure?: Failure;
  /** Agent steps: the agent's own session, to go on with in another attempt. */
  readonly session?: string;
  /** Only of steps with `cache`. */
  readonly cache?: CacheUse;
  /**
   * Ref that holds the files as the attempt left them: a failed one in the user's work tree, any one in
   * a worktree of its own. Null when nothing was pinned: there was nothing to pin.
   */
  readonly ref?: string | null;
  /** The commit that `ref` points to. A step that passed with one ends when it is merged. */
  readonly commit?: Oid | null;
  /** Files of an isolated attempt that `commit` does not hold; they were moved to the attempt's folder. */
  readonly left_out?: readonly LeftOutFile[];
  /** Places in what an isolated attempt left that look like secrets. */
  readonly secrets?: readonly SecretPlace[];
  /** ISO 8601; there will be another attempt then. */
  readonly retry_at?: string;
}
/** What an isolated attempt left is about to be brought to what was merged before. */
export interface MergeStarted extends OfAttempt<'merge.started'> {
  /** What is merged: the attempt's commit, or that of its conflict as it was settled. */
  readonly commit: Oid;
  /** What `commit` was made from. */
  readonly base: Oid;
  /** What it is merged to: the newest merge before, or wave 0. */
  readonly onto: Oid;
}
export interface MergeFinished extends OfAttempt<'merge.finished'> {
  /** With `conflict` and without `failure`, somebody is to settle it. */
  readonly status: 'merged' | 'conflict';
  /** The merge; its parents are `onto` and the attempt's commit. Only when it was merged. */
  readonly commit?: Oid;
  /** Its tree. */
  readonly tree?: Oid;
  /** What could not be brought together by itself. */
  readonly files?: readonly ConflictFile[];
  /** The side that the workflow's policy took in `files`. */
  readonly settled?: 'ours' | 'theirs';
  /** Changes below `.orch/`, which no step may make; they stay in the attempt's commit alone. */
  readonly left_out?: readonly string[];
  /** Why the step does not pass. */
  readonly failure?: Failure;
  /** ISO 8601; there will be another attempt then, on what was merged meanwhile. */
  readonly retry_at?: string;
}
/** A conflict is about to be settled, in a worktree that holds it. */
export interface ResolveStarted extends OfAttempt<'resolve.started'> {
  /** Number of the try, from 1: what was settled may conflict with what was merged meanwhile. */
  readonly round: number;
  /** The workflow's `conflicts.run` or an agent, or a person (`orch approve`). */
  readonly by: 'command' | 'person';
  /** What the conflict is with; the worktree stands there. */
  readonly onto: Oid;
  /** Number of the worktree in the pool. */
  readonly worktree: number;
  /** The keeper that has the command. */
  readonly slot?: number;
  /** The command is this agent's. */
  readonly agent?: StepAgent;
  /** What is asked of the person. */
  readonly message?: string;
}
export interface ResolveFinished extends OfAttempt<'resolve.finished'> {
  /** Number of the try; 0 when nobody had begun to settle it. */
  readonly round: number;
  /** How it ended; after `passed` what was settled is merged. */
  readonly status: StepEndStatus;
  /** Of the command; null when there was none, or nobody knows. */
  readonly exit_code: number | null;
  /** From start to end, in seconds. */
  readonly duration_s: number;
  /** What the agent spent; absent where there was none. */
  readonly usage?: Usage;
  /** The worktree as it was settled; made from `onto`. */
  readonly commit?: Oid;
  /** Ref that holds `commit`. */
  readonly ref?: string;
  /** Why the step does not pass. */
  readonly failure?: Failure;
  /** ISO 8601; there will be another attempt then. */
  readonly retry_at?: string;
}
/** An early look: the work of a step as it stands now would not merge. Says nothing of how it will end. */
export interface MergeProbe extends OfAttempt<'merge.probe'> {
  /** The step that it does not go together with; null when it is what was merged before. */
  readonly other: string | null;
  /** The paths. */
  readonly files: readonly string[];
}
export interface StepSkipped extends OfWave<'step.skipped'> {
  /** Id of the step. */
  readonly step: string;
  /**
   * Its condition, its needs, a failure elsewhere, a gate, a secret, the workflow around it, an empty list, a
   * cancellation. Journals from before there was `gate` say `fail_fast` then.
   */
  readonly reason:
    | 'when'
    | 'needs'
    | 'fail_fast'
    | 'gate'
    | 'secret'
    | 'parent'
    | 'empty_matrix'
    | 'cancelled';
  /** The same in words: the condition, or the need that stood in the way. */
  readonly detail: string;
}
export interface WaveSealed extends OfWave<'wave.sealed'> {
  /** Holds the tree until the checkpoint does. */
  readonly commit: Oid;
  /** The work tree as it was, with what git knows or would add. */
  readonly tree: Oid;
  /** What is not in the tree though git would add it. */
  readonly left_out: readonly LeftOutFile[];
  /** New or changed text that looks like a secret; absent when nothing does. */
  readonly secrets?: readonly SecretPlace[];
  /** The secrets are not in the tree, and because of them the wave has failed. */
  readonly refused?: true;
}
export interface GateStarted extends OfGate<'gate.started'> {
  /** The keeper that has it; absent when it failed before it had one. */
  readonly slot?: number;
  /** Isolated runs: number of its worktree in the pool, which stands at the sealed wave. */
  readonly worktree?: number;
}
export interface GateFinished extends OfGate<'gate.finished'> {
  /** How the attempt ended. */
  readonly status: StepEndStatus;
  /** 128 + n for signal n; null when there was no process, or nobody knows. */
  readonly exit_code: number | null;
  /** From start to end, in seconds. */
  readonly duration_s: number;
  /** Why it did not pass. */
  readonly failure?: Failure;
  /** Only of gates with `cache`. */
  readonly cache?: CacheUse;
  /** ISO 8601; there will be another attempt then. */
  readonly retry_at?: string;
}
/** The last event of a journal segment; the checkpoint holds everything up to it. */
export interface CheckpointStarted extends OfWave<'checkpoint.started'> {
  /** The work tree of the sealed wave; the commit adds the run's own files. */
  readonly tree: Oid;
  /** What it will stand on; null for the first in a repository without commits. */
  readonly parent: Oid | null;
  /** Status of the run as the checkpoint's trailer will tell it. */
  readonly status: 'running' | RunEndStatus;
  /** It ends no wave: the newest checkpoint's tree once more, with the record of how the run ended. */
  readonly closing?: true;
}
export interface CheckpointCreated extends OfWave<'checkpoint.created'> {
  /** The checkpoint. */
  readonly commit: Oid;
}
export interface WaveFinished extends OfWave<'wave.finished'> {
  /** How its steps and gates came out. */
  readonly status: RunEndStatus;
}
/** The wave and its steps are to be done again, because the work tree was taken back before it. */
export interface WaveInvalidated extends OfWave<'wave.invalidated'> {
  /** Isolated runs: steps that had ended by this event stand; they are part of what the run goes on from. */
  readonly kept_until?: number;
  /** Isolated runs: the commit on which the run goes on, whose tree is `tree`. */
  readonly tip?: Oid;
  /** Its tree. */
  readonly tree?: Oid;
  /** A gate that failed: with `retry` its wave is done again, and what was built on it in any case. */
  readonly gate?: string;
}
export interface RollbackStarted extends Body<'rollback.started'> {
  /** The wave whose checkpoint is wanted; 0 is before the run. */
  readonly to: number;
  /** That checkpoint. */
  readonly target: Oid;
  /** Ref that holds the work tree as it was. */
  readonly rescue: string;
  /** The commit that `rescue` points to. */
  readonly rescue_commit: Oid;
  /** Who wanted it: `orch rollback` (also when absent), or `on_failure: rollback`. */
  readonly by?: 'command' | 'on_failure';
}
export interface RollbackDone extends Body<'rollback.done'> {
  /** The wave at which the work tree stands. */
  readonly to: number;
  /** The checkpoint of that wave. */
  readonly restored: Oid;
  /** Paths that are not as in the checkpoint nevertheless, submodules among them; at most 100 are named. */
  readonly not_restored?: readonly string[];
  /** Isolated runs: the commit on which the run goes on; no file of anybody was changed. */
  readonly tip?: Oid;
}
export interface RunWaiting extends Body<'run.waiting'> {
  /** Ids of the steps that wait for a person. */
  readonly steps: readonly string[];
  /** In words, what else it waits for: a rate limit, a larger budget. */
  readonly detail?: string;
  /** ISO 8601: not before this time does anything go on by itself. */
  readonly resume_at?: string;
}
/** Stopped by a signal; everything that ran was stopped too, and starts again on resume. */
export interface RunInterrupted extends Body<'run.interrupted'> {
  /** Its name: `SIGINT`. */
  readonly signal: string;
}
export interface RunFinished extends Body<'run.finished'> {
  /** How the run ended. */
  readonly status: RunEndStatus;
}
export type AcceptHow = 'merge' | 'squash' | 'ff';
/** Everything that an interrupted accept needs to be finished; the branch is about to move. */
export interface AcceptStarted extends Body<'accept.started'> {
  /** As a merge, as one commit, or by winding the branch forward. */
  readonly how: AcceptHow;
  /** What the branch will stand at. */
  readonly commit: Oid;
  /** What it stands at now; null in a repository without commits. */
  readonly head: Oid | null;
  /** The checkpoint that is brought. */
  readonly brought: Oid;
  /** Ref that holds the index as it was; its second parent, the work tree. */
  readonly rescue: string;
  /** The commit that `rescue` points to. */
  readonly rescue_commit: Oid;
  /** What was uncommitted when the run began is not in the commit, and stays so. */
  readonly apart?: true;
}
export interface RunAccepted extends Body<'run.accepted'> {
  /** As a merge, as one commit, or by winding the branch forward. */
  readonly how: AcceptHow;
  /** What the branch stands at. */
  readonly commit: Oid;
  /** Null when nothing had to be moved: the branch had it already. */
  readonly rescue: string | null;
  /** The checkpoint that was brought. */
  readonly brought?: Oid;
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
  | MergeStarted
  | MergeFinished
  | ResolveStarted
  | ResolveFinished
  | MergeProbe
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
  'merge.started': 'What an isolated attempt left is about to be merged.',
  'merge.finished': 'It is merged, and with that the step has ended; or it conflicts.',
  'resolve.started': 'A conflict is about to be settled by a command or a person.',
  'resolve.finished': 'A conflict was settled, and is merged next; or it was not.',
  'merge.probe': 'A warning: the unfinished work of a step would not merge as it stands.',
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
