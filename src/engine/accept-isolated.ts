/**
 * What `orch accept` has to do in a work tree that has none of the run's files, because the run was
 * isolated: which of them are written there, and which work of the user stands against it.
 */
import type { Oid } from '../base/ids.ts';
import { choosePathsOfIsolated } from '../checkpoint/accept.ts';
import { changedByBoth } from '../checkpoint/accept-refusals.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import type { IndexMove, LeftOut } from '../ports/git.ts';
import type { AcceptHow } from '../run/events.ts';
import { readIndexTree } from './accept-pins.ts';
import type { LiveRun } from './live-run.ts';
import { originOf } from './origin-of-run.ts';

export interface IsolatedTrees {
  readonly head: Oid | null;
  readonly commit: Oid;
  /** As they were before anything was moved. */
  readonly index: Oid;
  readonly workTree: Oid;
  /** The commit is without what was uncommitted when the run began. */
  readonly apart: boolean;
}

/** What the work tree becomes. */
export interface WorkTreeChange {
  readonly target: Oid;
  /** Paths that stay as they are, though they differ from `target`. */
  readonly left: readonly string[];
}

interface IsolatedChange extends WorkTreeChange {
  readonly brought: ReadonlySet<string>;
  /** What the user has changed there as well. */
  readonly blocked: readonly string[];
}

export async function planIsolated(run: LiveRun, trees: IsolatedTrees): Promise<IsolatedChange> {
  const { git } = run.parts;
  const { commit, workTree, index, apart } = trees;
  const head = trees.head ?? (await git.emptyTree());
  const { tree: start } = await originOf(run);
  // What was uncommitted is brought to the commit, and stays as a change to it.
  const merged = apart
    ? await git.mergeChanges({ base: head, ours: workTree, theirs: commit })
    : undefined;
  const target = merged?.tree ?? commit;
  const record = committedFolder(run.state.run);
  const differ = async (from: Oid, to: Oid) =>
    (await git.diffTrees(from, to)).filter(({ path }) => !path.startsWith(`${record}/`));
  const headToCommit = await differ(head, commit);
  const workTreeToCommit = await differ(workTree, commit);
  const workTreeToTarget = merged ? await differ(workTree, target) : workTreeToCommit;
  const { written, blocked } = choosePathsOfIsolated({
    headToCommit,
    workTreeToCommit,
    workTreeToHead: await differ(workTree, head),
    workTreeToStart: await differ(workTree, start),
    indexToCommit: await differ(index, commit),
    indexToHead: await differ(index, head),
    indexToStart: await differ(index, start),
    ...(merged && { workTreeToMerged: workTreeToTarget }),
  });
  const conflicts = merged?.conflicts.map(({ path }) => path) ?? [];
  const different = workTreeToTarget.map(({ path }) => path);
  return {
    target,
    left: [record, ...different.filter((path) => !written.has(path))],
    brought: new Set([...headToCommit.map(({ path }) => path), ...written]),
    blocked: [...new Set([...blocked, ...conflicts])].sort(),
  };
}

/**
 * @param leftOut what the snapshot of the work tree does not hold, so that nobody knows what would be lost
 * @throws OrchError ORCH_IN_THE_WAY
 */
export function refuseBlocked(
  run: LiveRun,
  how: AcceptHow,
  { blocked, brought }: IsolatedChange,
  leftOut: readonly LeftOut[],
): void {
  const unseen = leftOut.map(({ path }) => path).filter((path) => brought.has(path));
  const paths = [...blocked, ...unseen];
  if (paths.length > 0) throw changedByBoth(run.state.run, how, paths);
}

/**
 * What changes in the user's index: the paths of the commit, all else stays as it is staged.
 * @throws OrchError ORCH_GIT_BUSY
 */
export async function indexMove(run: LiveRun, trees: IsolatedTrees): Promise<IndexMove> {
  const { git } = run.parts;
  const from = trees.head ?? (await git.emptyTree());
  // After a crash the user may have gone on: what was staged since is not ours to change.
  const now = await readIndexTree(run);
  const since = await git.diffTrees(trees.index, now);
  return { from, to: trees.commit, exclude: since.map(({ path }) => path) };
}
