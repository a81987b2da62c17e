/**
 * Makes and unmakes worktrees: the folder, and git's record of it below `<common>/worktrees`.
 *
 * Which record belongs to a folder is read off the records themselves, never remembered, so that it
 * does not matter whether a crash, the user or `git worktree prune` was there first.
 */
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import type { GitContext } from '../git/git-program.ts';
import { callGit } from './call-git.ts';
import { deleteTree } from './delete-tree.ts';

/** @returns git's folder for the worktree at `root`; undefined when git has none */
export function findGitDir(commonDir: string, root: string): string | undefined {
  const folder = join(commonDir, 'worktrees');
  return namesIn(folder)
    .map((name) => join(folder, name))
    .find((gitDir) => {
      const target = readIfThere(join(gitDir, 'gitdir'))?.trim();
      // Newer versions of git may write a path relative to the folder.
      return target !== undefined && resolve(gitDir, target) === join(root, '.git');
    });
}

/** Whether the folder is the one that git's record is about, and not another that took its place. */
export function isLinked(root: string, gitDir: string): boolean {
  const link = isRealFolder(root) ? readIfThere(join(root, '.git')) : undefined;
  const target = /^gitdir: (.+)\n?$/.exec(link ?? '')?.[1];
  return target !== undefined && resolve(root, target) === gitDir;
}

/** Whether there is a real folder, and not a link to one, at a path. */
export function isRealFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Of somebody who prunes all the time, one try in many may be taken away. */
const TRIES = 5;

/**
 * `git worktree add` with no file checked out yet, in place of whatever is at `root`. The caller holds
 * the lock of making, and has deleted the folder. A `git worktree prune` beside us may remove what git has
 * just begun and not locked yet, so that is tried again.
 * @param context of the user's work tree, whose sparse patterns the new one gets
 */
export async function addWorktree(context: GitContext, root: string, commit: Oid): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await addOnce(context, root, commit);
    } catch (error) {
      if (tries === TRIES || !isTakenAway(error)) throw error;
      await deleteFolder(root);
    }
  }
}

function isTakenAway(error: unknown): boolean {
  if (!(error instanceof OrchError)) return false;
  return error.code === 'ORCH_WORKTREE_FAILED' || /No such file or directory/.test(error.what);
}

async function addOnce(context: GitContext, root: string, commit: Oid): Promise<string> {
  const { commonDir } = context.repository;
  await deleteGitDir(commonDir, root);
  crashPoint('worktree add:before');
  await callGit(context, root, {
    args: ['worktree', 'add', '--quiet', '--detach', '--no-checkout', root, commit],
  });
  crashPoint('worktree add:after');
  const gitDir = findGitDir(commonDir, root);
  if (gitDir === undefined) {
    throw new OrchError('ORCH_WORKTREE_FAILED', `git has made ${root} and does not know it`, {
      fix: 'git worktree list',
    });
  }
  return gitDir;
}

/** Removes git's record of a worktree. */
export async function deleteGitDir(commonDir: string, root: string): Promise<void> {
  const gitDir = findGitDir(commonDir, root);
  if (gitDir !== undefined) await deleteTree(Buffer.from(gitDir));
}

/**
 * Deletes the folder of a worktree, or whatever is there instead.
 * @throws OrchError ORCH_WORKTREE_FAILED when the way to it leads through a link to somewhere else
 */
export async function deleteFolder(root: string): Promise<void> {
  const pool = dirname(root);
  if (lstatSync(pool, { throwIfNoEntry: false }) === undefined) return;
  if (realpathSync(pool) !== pool) {
    throw new OrchError('ORCH_WORKTREE_FAILED', `${pool} leads to another folder`, {
      fix: `remove the link: rm ${JSON.stringify(pool)}`,
    });
  }
  crashPoint('worktree remove:before');
  await deleteTree(Buffer.from(root));
  crashPoint('worktree remove:after');
}

/** Why the user does not want a worktree to go (`git worktree lock`); undefined when it may. */
export function lockReason(commonDir: string, root: string): string | undefined {
  const gitDir = findGitDir(commonDir, root);
  const reason = gitDir === undefined ? undefined : readIfThere(join(gitDir, 'locked'))?.trim();
  // Git's own word while it makes one: left there when that was killed.
  return reason === 'initializing' ? undefined : reason;
}

function namesIn(folder: string): string[] {
  return whenThere(() => readdirSync(folder)) ?? [];
}

function readIfThere(path: string): string | undefined {
  return whenThere(() => readFileSync(path, 'utf8'));
}

function whenThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
