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
import { describeFolders, findChangedFolders } from './known-folders.ts';
import { type FollowedFolders, followFolders, listFolders, readNames } from './tree-folders.ts';

export interface BroughtFolders {
  /** What every folder of the commit looks like, once everything is in its place. */
  describe(): Map<BytePath, string>;
}

/** What may stay; asked when the tracked files are those of the commit. */
export type FindKept = () => Promise<Kept>;

/**
 * @param context of the worktree
 * @param before where it stood; undefined when it has just been made and holds no file
 */
export async function bringToCommit(
  context: GitContext,
  before: Brought | undefined,
  commit: Oid,
  findKept: FindKept,
): Promise<BroughtFolders> {
  const { worktree: root, gitDir } = context.repository;
  const followed = follow(context, before, commit);
  const looked = before === undefined ? Promise.resolve(NONE) : makeReady(context, before);
  const [{ folders, names }] = await Promise.all([
    namesToCheck(context, commit, followed, looked),
    looked.then(() => checkOut(context, commit)),
  ]);
  const kept = await findKept();
  const all = new Map(names);
  // A folder that is not of the commit has no times to tell by.
  for (const folder of kept.above) if (!folders.has(folder)) all.set(folder, NONE);
  await deleteOthers(root, all, kept);
  shareIndex(gitDir);
  return {
    describe() {
      // What git has written meanwhile is not looked at again: seen as changed, it costs a look later.
      const described = new Map<BytePath, string>();
      const now = describeFolders(root, before === undefined ? folders : names.keys());
      for (const folder of folders) {
        described.set(folder, now.get(folder) ?? before?.folders.get(folder) ?? '');
      }
      return described;
    },
  };
}

const NONE: ReadonlySet<BytePath> = new Set();

/** Forgets what a job has begun. @returns folders in which a name may have come or gone */
async function makeReady(context: GitContext, before: Brought): Promise<ReadonlySet<BytePath>> {
  const { worktree: root, gitDir } = context.repository;
  forgetBrought(gitDir);
  await clearState(gitDir, root);
  return findChangedFolders(root, before);
}

async function follow(
  context: GitContext,
  before: Brought | undefined,
  commit: Oid,
): Promise<FollowedFolders> {
  if (before === undefined) return { folders: await listFolders(context, commit), suspect: NONE };
  return await followFolders(context, before.folders.keys(), before.commit, commit);
}

async function namesToCheck(
  context: GitContext,
  commit: Oid,
  following: Promise<FollowedFolders>,
  looking: Promise<ReadonlySet<BytePath>>,
) {
  const [{ folders, suspect }, changed] = await Promise.all([following, looking]);
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
