/**
 * Where a job works: in the user's work tree, or (isolated runs) in a worktree of the pool that stands
 * at a recorded commit. What starts, hashes, looks at or pins files asks a place and not the run.
 */
import type { Oid } from '../base/ids.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorkTreePort } from '../ports/work-tree.ts';
import type { PreparedWorktree, WorktreeClaim, WorktreePool } from '../ports/worktrees.ts';
import { isIsolated, type RunState, stepStateOf } from '../run/state.ts';
import type { LiveRun, RunSettings } from './live-run.ts';
import { notePoolGrowth, trimPool } from './trim-pool.ts';

export interface Place {
  /** Absolute; where its jobs start. */
  readonly root: string;
  readonly git: GitPort;
  readonly workTree: WorkTreePort;
  /** Absent for the user's work tree. */
  readonly claim?: WorktreeClaim;
  /** Absolute path of the index as it was when the worktree was brought to its commit; absent as `claim` is. */
  readonly index?: string;
  /** Script that makes a new worktree ready, when that is still to be done. */
  readonly setup?: string;
  /** First of its ports. */
  readonly port?: number;
}

/** The user's own work tree. */
export function userPlace({ parts }: LiveRun): Place {
  return { root: parts.workTree.root, git: parts.git, workTree: parts.workTree };
}

export function placeOf({ claim, git, workTree, index, setup, port }: PreparedWorktree): Place {
  return {
    root: claim.root,
    index,
    git,
    workTree,
    claim,
    ...(setup !== undefined && { setup }),
    ...(port !== undefined && { port }),
  };
}

export function openPool(ports: Ports, git: GitPort, { worktree }: RunSettings): WorktreePool {
  if (worktree === undefined) throw new Error('nothing tells where worktrees are');
  return ports.openWorktreePool(git, worktree);
}

export function poolOf({ parts, state }: LiveRun): WorktreePool {
  if (parts.pool === undefined) throw new Error(`run ${state.run} has no pool of worktrees`);
  return parts.pool;
}

/** The worktree in which work was begun, perhaps by an earlier process; undefined when it is gone. */
export async function findPlace(run: LiveRun, worktree: number): Promise<Place | undefined> {
  const pool = poolOf(run);
  const claim = pool.claimed(run.state.run, worktree);
  const opened = claim && (await pool.open(claim));
  return opened && placeOf(opened);
}

/**
 * Frees a worktree that was claimed for one job, once what was recorded of its end is on disk: until
 * then another process of orch may have to look into it.
 */
export function leavePlace(run: LiveRun, worktree: number | undefined): void {
  if (worktree === undefined) return;
  run.afterwards(() => {
    const pool = poolOf(run);
    const claim = pool.claimed(run.state.run, worktree);
    if (claim) pool.release(claim);
    trimPool(run);
  });
}

/** Brings a claimed worktree to a commit. @throws OrchError ORCH_WORKTREE_FAILED */
export async function preparePlace(
  run: LiveRun,
  claim: WorktreeClaim,
  commit: Oid,
): Promise<PreparedWorktree> {
  if (!run.parts.ports.files.exists(claim.root)) notePoolGrowth(run);
  return await run.worktreeLanes.run(() => poolOf(run).prepare(claim, commit));
}

/** A worktree that was claimed, and what it is to be brought to. */
export interface ClaimedPlace {
  readonly claim: WorktreeClaim;
  readonly commit: Oid;
}

/** Where a job that begins on `commit` works: undefined for the user's work tree. */
export function claimPlace(run: LiveRun, commit: Oid | undefined): ClaimedPlace | undefined {
  if (!isIsolated(run.state)) return undefined;
  if (commit === undefined) throw new Error('an isolated job has nothing to begin on');
  return { claim: poolOf(run).claim(run.state.run), commit };
}

/**
 * Goes on where a job is to work, once what was recorded of its start is on disk.
 * @param task names the preparation of its worktree
 * @param claimed undefined: the user's work tree
 */
export function whenInPlace(
  run: LiveRun,
  task: string,
  claimed: ClaimedPlace | undefined,
  goOn: (place: Place) => void,
): void {
  run.afterwards(() => {
    if (claimed === undefined) return goOn(userPlace(run));
    run.task(task, async () => {
      const place = placeOf(await preparePlace(run, claimed.claim, claimed.commit));
      return () => goOn(place);
    });
  });
}

/** Frees what nothing of the run works in any more: claims of a process that was killed among them. */
export function leaveIdlePlaces(run: LiveRun): void {
  if (isIsolated(run.state)) poolOf(run).releaseOthers(run.state.run, worktreesInUse(run.state));
}

/** Numbers of those in which something of the run works, or a person does. */
export function worktreesInUse(state: RunState): number[] {
  const used: (number | undefined)[] = [];
  for (const index of state.running) used.push(stepStateOf(state, index).attempts.at(-1)?.worktree);
  for (const index of state.conflicts)
    used.push(stepStateOf(state, index).conflict?.open?.worktree);
  for (const { gates } of state.waves) {
    for (const { status, attempts } of gates)
      if (status === 'running') used.push(attempts.at(-1)?.worktree);
  }
  return used.filter((number) => number !== undefined);
}

/** What a job finds in its environment because of its place. */
export function placeEnvironment({ port }: Place): Record<string, string> {
  return port === undefined ? {} : { ORCH_PORT: String(port) };
}
