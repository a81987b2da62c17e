/**
 * What the engine may be asked to do, and what it has to say before it is asked. Who decides is
 * decide.ts; how a command is carried out is the engine's business.
 */
import type { PlanNode } from '../plan/plan.ts';
import type { SkipReason } from './agenda.ts';
import type { Failure, RunEndStatus, Usage } from './events.ts';
import { type GateState, type RunState, stepStateOf } from './state.ts';

export type Command =
  | { readonly type: 'open-wave'; readonly wave: number }
  | { readonly type: 'start'; readonly node: PlanNode; readonly attempt: number }
  | {
      readonly type: 'skip';
      readonly node: PlanNode;
      readonly reason: SkipReason;
      readonly detail: string;
    }
  /** A step that fails (or is cancelled, by its failure's kind) without ever having had a process. */
  | { readonly type: 'fail'; readonly node: PlanNode; readonly failure: Failure }
  | { readonly type: 'expand'; readonly node: PlanNode }
  | { readonly type: 'ask'; readonly node: PlanNode }
  | { readonly type: 'answer'; readonly node: PlanNode }
  | { readonly type: 'stop'; readonly node: PlanNode; readonly failure: Failure }
  | {
      readonly type: 'stop-gate';
      readonly wave: number;
      readonly gate: string;
      readonly failure: Failure;
    }
  | { readonly type: 'seal'; readonly wave: number }
  /** Isolated runs: the next in the queue is brought to what was merged before. */
  | { readonly type: 'merge'; readonly node: PlanNode }
  /** A conflict is to be settled. */
  | { readonly type: 'resolve'; readonly node: PlanNode; readonly by: 'command' | 'person' }
  /**
   * What was built on a wave whose gate failed is taken back; with `again`, the wave's own steps too,
   * so that they are done again.
   */
  | {
      readonly type: 'take-back';
      readonly wave: number;
      readonly gate: string;
      readonly again: boolean;
    }
  | { readonly type: 'gate'; readonly wave: number; readonly gate: GateState }
  | {
      readonly type: 'checkpoint';
      readonly wave: number;
      readonly status: 'running' | RunEndStatus;
      /** Of no wave: only to say how the run ended. */
      readonly closing?: true;
    }
  /** Every step that has not ended is skipped: the run is over. */
  | { readonly type: 'skip-rest'; readonly reason: SkipReason; readonly detail: string }
  /** The work tree goes back to the last good checkpoint (`on_failure: rollback`). */
  | { readonly type: 'roll-back'; readonly to: number }
  | { readonly type: 'close-wave'; readonly wave: number; readonly status: RunEndStatus }
  | { readonly type: 'finish'; readonly status: RunEndStatus }
  /** Nothing can go on by itself, or not before `resumeAtMs`. */
  | {
      readonly type: 'pause';
      /** Those that wait for a person. */
      readonly steps: readonly string[];
      /** What else is waited for. */
      readonly detail?: string;
      readonly resumeAtMs?: number;
    }
  | { readonly type: 'interrupt'; readonly signal: string }
  /** Nothing to do before this wall-clock time, unless something happens. */
  | { readonly type: 'wake'; readonly atMs: number };

export interface Situation {
  /** Wall clock, milliseconds since 1970; never runs backwards. */
  readonly nowMs: number;
  /** Commands under way whose end no event has told yet: `stop:3`, `seal:1`, `checkpoint`, ... */
  readonly busy: ReadonlySet<string>;
  /** What attempts that run have spent so far. */
  readonly live?: Usage;
  /** The signal that asks the run to stop and stay resumable. */
  readonly interrupt?: string;
}

export function hasFinished(state: RunState): boolean {
  return state.status === 'passed' || state.status === 'failed' || state.status === 'cancelled';
}

/** Commands that settle conflicts; each has a slot, from when its worktree is being made. */
export function countSettling(state: RunState, busy: ReadonlySet<string>): number {
  const byPerson = state.workflow.conflicts?.policy === 'ask';
  let count = 0;
  for (const index of state.conflicts) {
    const open = stepStateOf(state, index).conflict?.open;
    const isBegun = open ? open.by === 'command' : !byPerson && busy.has(`resolve:${index}`);
    if (isBegun) count += 1;
  }
  return count;
}

/**
 * Nothing is under way. What is asked to stop runs until its end is told, so a request to stop says
 * nothing by itself: it may have come too late for an attempt whose evidence was being gathered.
 */
export function isQuiet(state: RunState, { busy }: Situation): boolean {
  if (state.running.size > 0 || state.runningGates.size > 0) return false;
  if (state.checkpointOpen || state.rollbackOpen || state.mergeOpen) return false;
  if (countSettling(state, busy) > 0) return false;
  // A look at unfinished work changes nothing of the run, nor does the removal of free worktrees.
  for (const key of busy) if (!/^(?:stop(?:-gate)?:|(?:probe|trim-pool)$)/.test(key)) return false;
  return true;
}
