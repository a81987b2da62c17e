/**
 * Brings a worktree to a commit, whatever a job has done to it: tracked files by `git checkout` with an
 * index that only the pool writes, everything else by looking into the folders that have changed.
 *
 * Measured at 50,000 files: `checkout -f` takes as long as `git status`, because both look at every
 * file once, so it alone finds and mends what differs. Everything else runs beside it. Contents of
 * submodules are left alone: they are neither made nor cleaned.
 */
import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Oid } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import type { BytePath } from '../git/byte-paths.ts';
import type { GitContext } from '../git/git-program.ts';
import { type Brought, forgetBrought, indexOf } from './brought.ts';
import { callGit } from './call-git.ts';
import { clearState } from './clear-state.ts';
import { deleteOthers, type Kept } from './delete-others.ts';
import { findChangedFolders } from './known-folders.ts';
import { followFolders, readFolders, readNames } from './tree-folders.ts';

/** What may stay; asked when the tracked files are those of the commit. */
export type FindKept = () => Promise<Kept>;

/**
 * @param context of the worktree
 * @param before where it stood; undefined when it has just been made and holds no file
 * @returns the folders of the commit
 */
export async function bringToCommit(
  context: GitContext,
  before: Brought | undefined,
  commit: Oid,
  findKept: FindKept,
): Promise<ReadonlySet<BytePath>> {
  const { worktree: root, gitDir } = context.repository;
  let changed = new Set<BytePath>();
  if (before !== undefined) {
    forgetBrought(gitDir);
    await clearState(gitDir, root);
    changed = findChangedFolders(root, before);
  }
  const [{ folders, names }] = await Promise.all([
    namesToCheck(context, before, commit, changed),
    checkOut(context, commit),
  ]);
  const kept = await findKept();
  const all = new Map(names);
  // A folder that is not of the commit has no times to tell by.
  for (const folder of kept.above) if (!folders.has(folder)) all.set(folder, new Set());
  await deleteOthers(root, all, kept);
  shareIndex(gitDir);
  return folders;
}

async function namesToCheck(
  context: GitContext,
  before: Brought | undefined,
  commit: Oid,
  changed: ReadonlySet<BytePath>,
) {
  if (before === undefined)
    return { folders: await readFolders(context, commit), names: new Map() };
  const known = before.folders.keys();
  const { folders, suspect } = await followFolders(context, known, before.commit, commit);
  const toCheck = [...new Set([...changed, ...suspect])].filter((folder) => folders.has(folder));
  return { folders, names: await readNames(context, commit, toCheck) };
}

async function checkOut(context: GitContext, commit: Oid): Promise<void> {
  const { worktree: root, gitDir } = context.repository;
  const index = indexOf(gitDir);
  mkdirSync(dirname(index), { recursive: true });
  crashPoint('worktree checkout:before');
  await callGit(context, root, { args: ['checkout', '-f', '-q', '--detach', commit], index });
  crashPoint('worktree checkout:after');
}

/** The job's index begins as the same file as ours: git replaces an index and never writes into it. */
function shareIndex(gitDir: string): void {
  const name = join(gitDir, 'orch', 'index.shared');
  rmSync(name, { force: true });
  linkSync(indexOf(gitDir), name);
  renameSync(name, join(gitDir, 'index'));
}
