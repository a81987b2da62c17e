/**
 * Everything known of a run: the fold of its journal over its plan. Status, progress, resume and
 * every report are read off this.
 *
 * The fold (apply-event.ts) owns a state and changes it in place: a copy per event is quadratic.
 * What can be derived from step statuses alone (open needs, what is ready) is kept beside them so
 * that nobody ever scans all steps; readiness.ts keeps it right.
 */
import type { Oid } from '../base/ids.ts';
import type { Plan, PlanNode, PlanWave } from '../plan/plan.ts';
import type { AgentDefinition } from '../workflow/agents.ts';
import type { JsonValue, Workflow } from '../workflow/workflow.ts';
import type { Agenda } from './agenda.ts';
import type {
  AcceptHow,
  CacheUse,
  ConflictFile,
  Failure,
  LeftOutFile,
  RunEndStatus,
  SecretPlace,
  StepAgent,
  StepEndStatus,
  Usage,
} from './events.ts';
import type { Pools } from './pools.ts';

export type RunStatus = 'running' | 'waiting' | 'interrupted' | RunEndStatus;
/** `merging`: its work is done, and what it left is to be merged. */
export type StepStatus = 'pending' | 'running' | 'merging' | 'waiting' | 'skipped' | StepEndStatus;

export interface Attempt {
  readonly n: number;
  status: 'running' | 'waiting' | StepEndStatus;
  readonly startedAt: string;
  readonly slot?: number;
  /** Name for people. */
  readonly name?: string;
  endedAt?: string;
  exitCode?: number | null;
  durationS?: number;
  failure?: Failure;
  cache?: CacheUse;
  ref?: string | null;
  retryAt?: string;
  /** Isolated runs: what it began on, in which worktree, and what it left. */
  base?: Oid;
  worktree?: number;
  commit?: Oid;
  /** Files that `commit` does not hold. */
  leftOut?: readonly LeftOutFile[];
  /** What it left is part of the run's result. */
  merged?: boolean;
  agent?: StepAgent;
  usage?: Usage;
  /** The agent's own session. */
  session?: string;
}

/** What is to be merged, and what it was made from. */
export interface Candidate {
  readonly commit: Oid;
  readonly base: Oid;
}

/** A conflict that is to be settled, or is being settled. */
export interface Conflict {
  readonly files: readonly ConflictFile[];
  /** What the candidate conflicts with. */
  readonly onto: Oid;
  /** Tries to settle it so far. */
  rounds: number;
  open?: {
    readonly by: 'command' | 'person';
    readonly worktree: number;
    readonly startedAt: string;
    readonly slot?: number;
    readonly agent?: StepAgent;
  };
}

export interface StepState {
  status: StepStatus;
  attempts: Attempt[];
  /** Attempts that count against `retry`. */
  counted: number;
  /** Attempts that ended because their process was lost. */
  crashes: number;
  outputs: Readonly<Record<string, string>>;
  /** Not started before this time. Wall clock, milliseconds since 1970, as are the next two. */
  retryAtMs?: number;
  /** Ready, and fails unless it is started before this time (`timeout.queue`). */
  startUntilMs?: number;
  waitingUntilMs?: number;
  waitingFor?: string;
  answer?: { readonly request: 'approve' | 'reject'; readonly message?: string };
  skipped?: { readonly reason: string; readonly detail: string };
  /** While it merges. */
  candidate?: Candidate;
  conflict?: Conflict;
  /** Whose turn it is among the agents of the step; the first one's when absent. */
  agentAt?: number;
  /** Rate limits that it has met. */
  limits?: number;
  /** Since the first agent had its turn, one was limited until then. Milliseconds since 1970. */
  limitedUntilMs?: number;
  /** Number of the event with which it ended for good. */
  endedSeq?: number;
}

export type GateStatus = 'pending' | 'running' | StepEndStatus;

export interface GateState {
  readonly name: string;
  status: GateStatus;
  attempts: Attempt[];
  counted: number;
  crashes: number;
  retryAtMs?: number;
  /** Number of the event that told of its last failure. */
  failedSeq?: number;
}

export type WaveStatus = 'planned' | 'open' | 'sealed' | 'checkpointing' | RunEndStatus;

export interface WaveState {
  /** Null for wave 0, the state before the run. */
  readonly plan: PlanWave | null;
  status: WaveStatus;
  /** Leaf steps of the wave that have not ended. */
  open: number;
  /** A step of it failed for good, or a gate did; the run may have gone on all the same. */
  failed: boolean;
  /** Its checkpoint was started: later waves may open. */
  behind: boolean;
  sealed?: { readonly commit: Oid; readonly tree: Oid; readonly seq: number };
  /** Files that its checkpoint does not hold. */
  leftOut?: readonly LeftOutFile[];
  /** What looks like a secret in what it changed. */
  secrets?: readonly SecretPlace[];
  /** Because of `secrets` it has failed; its tree holds none of them. */
  refused?: true;
  gates: GateState[];
  startedAt?: string;
  endedAt?: string;
}

export interface Checkpoint {
  readonly wave: number;
  readonly commit: Oid;
  readonly tree: Oid;
  readonly at: string;
  /** Steps that had ended by this event are part of it. */
  readonly upTo: number;
}

export interface KeeperRecord {
  readonly slot: number;
  readonly pid: number;
  readonly start: string;
  /** Boot id of the machine then: a keeper does not outlive a reboot. */
  readonly boot: string;
  /** Where its pid holds. */
  readonly pid_ns?: string;
}

/** A checkpoint of another run, on which a run began. */
export interface ForkPoint {
  readonly run: string;
  readonly wave: number;
  readonly commit: Oid;
}

/** Who an agent should be, as the run began with it. */
export interface FrozenPersona {
  readonly prompt: string;
  readonly model?: string;
  readonly tools?: readonly string[];
}

export interface RunState {
  readonly run: string;
  /** Absent for a run that began on the user's files alone. */
  readonly from?: ForkPoint;
  workflow: Workflow;
  plan: Plan;
  inputs: Readonly<Record<string, JsonValue>>;
  /** By the names that steps use. */
  agents: Readonly<Record<string, AgentDefinition>>;
  /** By name. */
  personas: Readonly<Record<string, FrozenPersona>>;
  status: RunStatus;
  /** Number of the last event. */
  seq: number;
  /** Time of the last event; never falls. */
  atMs: number;
  epoch: number;
  boot: string;
  base: Oid | null;
  startedAt: string;
  endedAt?: string;

  /** The plan's nodes, and after them those of matrices expanded since. */
  nodes: PlanNode[];
  dependents: number[][];
  /** By node of a nested workflow: what lies in it. */
  children: number[][];
  readonly indexOf: Map<string, number>;
  steps: StepState[];
  /** By id: attempts of instances that are no node now, because their matrix is worked out again. */
  readonly retired: Map<string, StepState>;
  /** By node: needs that have not ended, plus one while its nested workflow is not open. */
  openNeeds: number[];
  /** By node: children of a nested workflow that have not ended, plus one while it is not open. */
  openChildren: number[];
  /** By node of a nested workflow: values of its inputs once it is open. */
  readonly scopes: Map<number, Readonly<Record<string, JsonValue>>>;

  waves: WaveState[];
  /** First wave whose checkpoint has not been started. */
  frontier: number;
  readonly running: Set<number>;
  readonly runningGates: Set<string>;
  readonly waiting: Set<number>;
  readonly pools: Pools;
  /** While the run waits for something other than a person. */
  held?: { readonly detail: string; readonly resumeAt?: string };
  /** What all attempts that have ended have spent. */
  usage: Usage;
  agenda: Agenda;
  /** Leaf steps that have not ended although they run whatever fails (trigger_rule all_done). */
  cleanupOpen: number;
  /** Leaf steps in all. */
  leaves: number;
  /** A step failed for good, or a gate did. */
  failing: boolean;
  /** The gates of a wave have ended and not all passed, or it holds a secret: nothing but clean-up is started any more. */
  gateFailed: boolean;
  cancelled: boolean;
  readonly keepers: Map<number, KeeperRecord>;

  checkpoints: Checkpoint[];
  checkpointOpen?: {
    readonly wave: number;
    readonly tree: Oid;
    readonly parent: Oid | null;
    readonly status: 'running' | RunEndStatus;
    readonly closing?: true;
    /** Events up to and including checkpoint.started. */
    readonly events: number;
  };
  /** How the run ended, as its newest checkpoint tells it. */
  recordedEnd?: RunEndStatus;
  rollbackOpen?: {
    readonly to: number;
    readonly target: Oid;
    readonly rescue: string;
    readonly rescueCommit: Oid;
    readonly by: 'command' | 'on_failure';
  };
  /** Wave to whose tree the work tree was taken back, until the next checkpoint; absent: the newest. */
  standsAt?: number;
  /** Waves after this one are to be done again when the run goes on: the work tree was taken back. */
  redoAfter?: number;
  /** `on_failure: rollback` was carried out; only a retry goes on from there. */
  wentBack: boolean;
  /** Ref of what the last finished rollback replaced. */
  lastRescue?: string;
  /** Refs under refs/orch/rescue that the journal names. */
  rescues: number;
  acceptOpen?: {
    readonly how: AcceptHow;
    readonly commit: Oid;
    readonly head: Oid | null;
    readonly brought: Oid;
    readonly rescue: string;
    readonly rescueCommit: Oid;
    readonly apart?: true;
  };
  accepted?: {
    readonly at: string;
    readonly how: AcceptHow;
    readonly commit: Oid;
    readonly rescue: string | null;
    readonly brought?: Oid;
  };
  counts: { passed: number; failed: number; skipped: number; cancelled: number };

  /** Isolated runs: all that was merged so far; what starts now begins there. Absent before wave 0 is sealed. */
  tip?: { readonly commit: Oid; readonly tree: Oid };
  /** Steps whose work is to be merged, in the order in which it was done. */
  mergeQueue: number[];
  mergeOpen?: Candidate & { readonly node: number; readonly attempt: number; readonly onto: Oid };
  /** Steps whose work does not merge. */
  readonly conflicts: Set<number>;
}

export function isIsolated({ plan }: RunState): boolean {
  return plan.workspace === 'isolated';
}

export function hasEnded(status: StepStatus): boolean {
  return (
    status === 'passed' || status === 'failed' || status === 'skipped' || status === 'cancelled'
  );
}

/** The node of an id. @throws Error when there is none: the caller has checked, or the journal lies. */
export function nodeOf(state: RunState, id: string): PlanNode {
  const node = state.nodes[state.indexOf.get(id) ?? -1];
  if (node === undefined)
    throw new Error(`the journal names step ${id}, which the plan does not have`);
  return node;
}

export function stepStateOf(state: RunState, index: number): StepState {
  const step = state.steps[index];
  if (step === undefined) throw new Error(`no step ${index}`);
  return step;
}

export function waveOf(state: RunState, wave: number): WaveState {
  const found = state.waves[wave];
  if (found === undefined) throw new Error(`no wave ${wave}`);
  return found;
}

export function gateOf(state: RunState, wave: number, name: string): GateState {
  const gate = waveOf(state, wave).gates.find((candidate) => candidate.name === name);
  if (gate === undefined) throw new Error(`no gate ${name} in wave ${wave}`);
  return gate;
}

/** How a running gate is named in `runningGates`. */
export function gateKey(wave: number, gate: string): string {
  return `${wave}/${gate}`;
}

export function splitGateKey(key: string): [wave: number, gate: string] {
  const slash = key.indexOf('/');
  return [Number(key.slice(0, slash)), key.slice(slash + 1)];
}

export function countEnded({ counts }: RunState): number {
  return counts.passed + counts.failed + counts.skipped + counts.cancelled;
}

export function newStepState(): StepState {
  return { status: 'pending', attempts: [], counted: 0, crashes: 0, outputs: {} };
}

/** The newest checkpoint of a wave, whether or not the wave is to be done again. */
export function latestCheckpoint(state: RunState, wave: number): Checkpoint | undefined {
  return state.checkpoints.findLast((checkpoint) => checkpoint.wave === wave);
}

/** Steps that had ended by this event are part of the checkpoint that was started. */
export function heldUpTo(
  state: RunState,
  open: Pick<NonNullable<RunState['checkpointOpen']>, 'wave' | 'events' | 'closing'>,
): number {
  const held = open.closing
    ? standingCheckpoint(state)?.upTo
    : waveOf(state, open.wave).sealed?.seq;
  return held ?? open.events;
}

/** The checkpoint whose tree the work tree has, but for what was done since. */
export function standingCheckpoint(state: RunState): Checkpoint | undefined {
  return state.standsAt === undefined
    ? state.checkpoints.at(-1)
    : latestCheckpoint(state, state.standsAt);
}
