/**
 * What `orch accept` looks at and pins before it moves anything: uncommitted changes, the index, the
 * work tree.
 */
import { dirname } from 'node:path';
import type { Oid } from '../base/ids.ts';
import { choosePathsToWrite } from '../checkpoint/accept.ts';
import { gitBusy, recordsInTheWay } from '../checkpoint/accept-refusals.ts';
import { RECORDS_FOLDER } from '../checkpoint/layout.ts';
import type { Commit, GitPort, Snapshot } from '../ports/git.ts';
import { isIsolated } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { originOf } from './origin-of-run.ts';
import { keptOut } from './seal-wave.ts';
import { vanishedBeforeChange } from './vanished.ts';

/** What wave 0 holds more than the commit that the run began on. */
export async function findUncommitted(run: LiveRun, head: Oid | null): Promise<string[]> {
  const { git } = run.parts;
  const { base, tree } = await originOf(run);
  const found = await git.diffTrees(base ?? (await git.emptyTree()), tree);
  const paths = found.map(({ path }) => path);
  if (paths.length === 0 || head === null || !isIsolated(run.state)) return paths;
  // Committed meanwhile.
  const missing = new Set((await git.diffTrees(head, tree)).map(({ path }) => path));
  return paths.filter((path) => missing.has(path));
}

/** @throws OrchError ORCH_IN_THE_WAY where writing the record of the run would replace a link */
export function refuseLinks(run: LiveRun): void {
  const { git, ports } = run.parts;
  for (const path of [dirname(RECORDS_FOLDER), RECORDS_FOLDER]) {
    if (ports.files.linkTarget(`${git.repository.worktree}/${path}`) === undefined) continue;
    throw recordsInTheWay(run.state.run, path);
  }
}

/** Marks in the .git folder of what git has under way; the index belongs to it until it is done. */
const UNDER_WAY: Readonly<Record<string, string>> = {
  MERGE_HEAD: 'a merge',
  'rebase-merge': 'a rebase',
  'rebase-apply': 'a rebase or git am',
  CHERRY_PICK_HEAD: 'a cherry-pick',
  REVERT_HEAD: 'a revert',
};

/** @throws OrchError ORCH_GIT_BUSY */
export async function readIndexTree(run: LiveRun): Promise<Oid> {
  const { git, ports } = run.parts;
  for (const [mark, what] of Object.entries(UNDER_WAY)) {
    if (ports.files.exists(`${git.repository.gitDir}/${mark}`))
      throw gitBusy(run.state.run, `${what} is under way`);
  }
  const tree = await git.userIndexTree();
  if (tree === null) throw gitBusy(run.state.run, 'the index has unmerged paths');
  return tree;
}

/** By an index of its own, made from the user's as it is now: the run's knows nothing of later commits. */
export async function snapshotWorkTree(run: LiveRun): Promise<Snapshot> {
  const { git, files, ports } = run.parts;
  const index = `${files.folder}/accept-index`;
  const forget = () => {
    for (const suffix of ['', '.ignored', '.unwatched']) ports.files.remove(`${index}${suffix}`);
  };
  forget();
  const snapshot = await git.snapshot({
    index,
    exclude: [],
    maxFileSizeBytes: run.state.workflow.checkpoint.maxFileSizeBytes,
    // A step may have rewritten .gitignore: what was a secret to the checkpoints is one here.
    ignoredAsIn: files.index,
    keepOut: keptOut(run.state),
  });
  forget();
  return snapshot;
}

interface Trees {
  readonly head: Oid | null;
  readonly commit: Oid;
  readonly workTree: Oid;
  readonly checkpoint: Oid;
}

/** Paths that are not to be written, though the work tree differs from the commit there. */
export async function findPathsLeft(git: GitPort, trees: Trees): Promise<string[]> {
  const { commit, workTree, checkpoint } = trees;
  const head = trees.head ?? (await git.emptyTree());
  const workTreeToCommit = await git.diffTrees(workTree, commit);
  const written = choosePathsToWrite({
    headToCommit: await git.diffTrees(head, commit),
    workTreeToCommit,
    workTreeToHead: await git.diffTrees(workTree, head),
    workTreeToCheckpoint: await git.diffTrees(workTree, checkpoint),
  });
  const left = workTreeToCommit.map(({ path }) => path).filter((path) => !written.has(path));
  return [RECORDS_FOLDER, ...left];
}

/** Paths that were changed after the pin, and not by what accept writes itself: `target`. */
export async function editedSince(run: LiveRun, before: Oid, target: Oid): Promise<string[]> {
  const { git } = run.parts;
  const { tree: now } = await snapshotWorkTree(run);
  const unlikeTarget = new Set((await git.diffTrees(now, target)).map(({ path }) => path));
  const changed = await git.diffTrees(before, now);
  return changed.map(({ path }) => path).filter((path) => unlikeTarget.has(path));
}

/**
 * One ref holds both: a commit of the index, whose last parent is one of the work tree.
 * @throws OrchError ORCH_SNAPSHOT_INCOMPLETE: no file may be written over then
 */
export async function pin(
  run: LiveRun,
  ref: string,
  trees: { readonly head: Oid | null; readonly indexTree: Oid; readonly workTree: Oid },
): Promise<Oid> {
  const { git } = run.parts;
  const parents = trees.head === null ? [] : [trees.head];
  const subject = `orch: before accepting ${run.state.run}`;
  const workTree = await git.commit({
    tree: trees.workTree,
    parents,
    message: `${subject}, the work tree\n`,
  });
  const index = await git.commit({
    tree: trees.indexTree,
    parents: [...parents, workTree],
    message: `${subject}, the index\n`,
  });
  await git.updateRefs([{ ref, to: index }]);
  if (await git.isComplete(index, trees.head === null ? [] : [trees.head])) return index;
  await git.updateRefs([{ ref, to: null, from: index }]);
  throw vanishedBeforeChange();
}

/** The tree that `pin` was given as `workTree`, from the commit it made; null for any other commit. */
export async function pinnedWorkTree(git: GitPort, pinned: Commit): Promise<Oid | null> {
  const last = pinned.parents.at(-1);
  return last === undefined ? null : (await git.readCommit(last)).tree;
}
