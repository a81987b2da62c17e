/**
 * The effects of `orch accept`, once it is known what is to be brought: refuses what cannot be, pins,
 * records the intent; then moves the branch and the index and writes the files that have to follow.
 */
import type { Oid } from '../base/ids.ts';
import { acceptInTheWay, uncommittedAtStart } from '../checkpoint/accept-refusals.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import type { Head } from '../ports/git.ts';
import type { AcceptHow, AcceptStarted, RunAccepted } from '../run/events.ts';
import { type Checkpoint, isIsolated } from '../run/state.ts';
import { makeCommit } from './accept-commit.ts';
import { indexMove, planIsolated, refuseBlocked, type WorkTreeChange } from './accept-isolated.ts';
import {
  editedSince,
  findPathsLeft,
  findUncommitted,
  pin,
  pinnedWorkTree,
  readIndexTree,
  refuseLinks,
  snapshotWorkTree,
} from './accept-pins.ts';
import type { LiveRun } from './live-run.ts';
import { nextRescueRef } from './rescue-ref.ts';

export interface AcceptRequest {
  readonly run: string;
  readonly how: AcceptHow;
  readonly includeUncommitted: boolean;
}

interface Place {
  readonly head: Head;
  readonly checkpoint: Checkpoint;
}

/** Everything that can be refused, then the pins and the intent. */
export async function beginAccept(
  run: LiveRun,
  request: AcceptRequest,
  place: Place,
): Promise<void> {
  const { git } = run.parts;
  const head = place.head.oid;
  const apart = await isApart(run, request, head);
  refuseLinks(run);
  const indexTree = await readIndexTree(run);
  const { how } = request;
  const commit = await makeCommit(run, { how, head, checkpoint: place.checkpoint, apart });
  const { tree: workTree, leftOut } = await snapshotWorkTree(run);
  const brought = place.checkpoint.commit;
  let change: WorkTreeChange;
  if (isIsolated(run.state)) {
    const trees = { head, commit, index: indexTree, workTree, apart };
    const isolated = await planIsolated(run, trees);
    refuseBlocked(run, how, isolated, leftOut);
    change = isolated;
  } else {
    const left = await findPathsLeft(git, { head, commit, workTree, checkpoint: brought });
    change = { target: commit, left };
  }
  const blockers = await git.inTheWay(workTree, change.target, change.left);
  if (blockers.length > 0) throw acceptInTheWay(request.run, blockers);
  const rescue = await nextRescueRef(run, async (held) => {
    return held.tree === indexTree && (await pinnedWorkTree(git, held)) === workTree;
  });
  const rescueCommit = await pin(run, rescue, { head, indexTree, workTree });
  const started: AcceptStarted = {
    type: 'accept.started',
    how,
    commit,
    head,
    brought,
    rescue,
    rescue_commit: rescueCommit,
    ...(apart && { apart }),
  };
  run.record(started);
  run.flush();
}

/**
 * Whether the commit leaves out what was uncommitted when the run began.
 * @throws OrchError ORCH_UNCOMMITTED when it would hold that, and nobody has asked for it
 */
async function isApart(
  run: LiveRun,
  { how, includeUncommitted }: AcceptRequest,
  head: Oid | null,
): Promise<boolean> {
  if (includeUncommitted) return false;
  const paths = await findUncommitted(run, head);
  if (paths.length === 0) return false;
  const isolated = isIsolated(run.state);
  if (isolated && how === 'squash') return true;
  throw uncommittedAtStart(run.state.run, how, paths, isolated);
}

/**
 * Moves the branch and the index, writes what has to be written, records it. Safe to repeat.
 * @param head where the branch stands now
 */
export async function performAccept(run: LiveRun, head: Oid | null): Promise<void> {
  const { git } = run.parts;
  const open = run.state.acceptOpen;
  if (open === undefined) throw new Error('no accept was started');
  const pinned = await git.readCommit(open.rescueCommit);
  const workTree = await pinnedWorkTree(git, pinned);
  if (workTree === null) throw new Error(`${open.rescue} is not a pin of accept`);
  let change: WorkTreeChange;
  if (isIsolated(run.state)) {
    const { head: before, commit, apart = false } = open;
    const trees = { head: before, commit, index: pinned.tree, workTree, apart };
    await git.adoptCommit(commit, before, await indexMove(run, trees));
    change = await planIsolated(run, trees);
  } else {
    await git.adoptCommit(open.commit, open.head);
    const trees = { head: open.head, commit: open.commit, workTree, checkpoint: open.brought };
    change = { target: open.commit, left: await findPathsLeft(git, trees) };
  }
  const { target, left } = change;
  // After a crash the user may have gone on: what was edited since is not ours to write.
  const edited = head === open.commit ? await editedSince(run, workTree, target) : [];
  await git.restoreWorkTree(workTree, target, [...left, ...edited]);
  await git.checkOutPath(open.commit, committedFolder(run.state.run));
  recordAccepted(run, open);
}

export function recordAccepted(
  run: LiveRun,
  { how, commit, rescue, brought }: Omit<RunAccepted, 'type'>,
): void {
  run.record({ type: 'run.accepted', how, commit, rescue, ...(brought && { brought }) });
  run.flush();
}
