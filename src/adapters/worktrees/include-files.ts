/**
 * Files that git ignores and a job needs nevertheless (`.env`, local certificates): copied from the
 * user's work tree, never linked, so that a job cannot change the user's own.
 *
 * Which ones is said in `worktree.include` and in `.worktreeinclude`, both in the words of .gitignore,
 * and git itself matches them. A copy has the times of its original, which is how a later look tells
 * whether either has changed.
 */
import { constants, type Stats } from 'node:fs';
import { copyFile, lstat, lutimes, mkdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { FilesPort } from '../../ports/files.ts';
import {
  absolutePath,
  type BytePath,
  joinNul,
  parentFolders,
  splitNul,
} from '../git/byte-paths.ts';
import { type GitContext, runGit } from '../git/git-program.ts';
import { indexOf } from './brought.ts';
import { deleteTree } from './delete-tree.ts';

const LIST = '.worktreeinclude';

/** @param context of the user's work tree @returns ignored files that match, relative to its top */
export async function findIncluded(
  context: GitContext,
  files: FilesPort,
  patterns: readonly string[],
): Promise<BytePath[]> {
  const list = join(context.repository.worktree, LIST);
  const listed = files.readText(list);
  if (patterns.length === 0 && listed === undefined) return [];
  for (const pattern of [...patterns, ...(listed ?? '').split('\n')]) refuseEscape(pattern);
  const { stdout } = await runGit(context, {
    args: [
      ...['ls-files', '-z', '--others', '--ignored'],
      ...(listed === undefined ? [] : ['-X', list]),
      ...patterns.flatMap((pattern) => ['-x', pattern]),
    ],
  });
  // A final `/` is a repository of its own, which is no file.
  const found = splitNul(stdout).filter((path) => !path.endsWith('/'));
  if (found.length === 0) return [];
  // Only what git ignores: an untracked file of the user's is unfinished work and not for jobs.
  const ignored = await runGit(context, {
    args: ['check-ignore', '-z', '--stdin'],
    // It refuses literal pathspecs; `./` keeps a name that begins with `:` from being magic.
    env: { GIT_LITERAL_PATHSPECS: '0' },
    input: joinNul(found.map((path) => `./${path}`)),
    okCodes: [0, 1],
  });
  return splitNul(ignored.stdout).map((path) => path.slice('./'.length));
}

function refuseEscape(pattern: string): void {
  if (!pattern.split('/').includes('..')) return;
  throw new OrchError('ORCH_INVALID_GLOB', `"${pattern}" leaves the repository`, {
    fix: `write it from the top of the repository, without "..", in worktree.include or ${LIST}`,
  });
}

/**
 * Leaves out what the commit tracks: a file of that name, or a file or folder in its place.
 * @param context of the worktree, whose index is that of the commit
 */
export async function withoutTracked(
  context: GitContext,
  paths: readonly BytePath[],
): Promise<BytePath[]> {
  if (paths.length === 0) return [];
  const { stdout } = await runGit(context, {
    args: ['ls-files', '-z'],
    index: indexOf(context.repository.gitDir),
  });
  const tracked = new Set<BytePath>();
  const folders = new Set<BytePath>();
  for (const path of splitNul(stdout)) {
    tracked.add(path);
    for (const parent of parentFolders(path)) {
      if (folders.has(parent)) break;
      folders.add(parent);
    }
  }
  return paths.filter((path) => {
    if (tracked.has(path) || folders.has(path)) return false;
    return ![...parentFolders(path)].some((parent) => tracked.has(parent));
  });
}

/** Copies what is missing or differs. @param paths of which none is tracked in the worktree */
export async function copyIncluded(
  from: string,
  to: string,
  paths: readonly BytePath[],
): Promise<void> {
  for (const path of paths) {
    const source = absolutePath(from, path);
    const target = absolutePath(to, path);
    // Before anything is looked at: the way to it must not lead out of the worktree.
    await makeParents(to, path);
    const wanted = await look(source);
    const present = await look(target);
    if (wanted !== undefined && present !== undefined && isSame(wanted, present)) continue;
    if (present !== undefined) await deleteTree(target);
    if (wanted === undefined) continue; // Gone since it was listed.
    if (wanted.isSymbolicLink()) await symlink(await readlink(source, 'buffer'), target);
    else await copyFile(source, target, constants.COPYFILE_FICLONE);
    await lutimes(target, wanted.atime, wanted.mtime);
  }
}

function isSame(a: Stats, b: Stats): boolean {
  const isAlike = a.mode === b.mode && a.size === b.size;
  // Times are copied in milliseconds.
  return isAlike && Math.abs(a.mtimeMs - b.mtimeMs) < 1;
}

/** Real folders all the way: a link in the place of one is removed. */
async function makeParents(root: string, path: BytePath): Promise<void> {
  for (const parent of [...parentFolders(path)].reverse()) {
    const folder = absolutePath(root, parent);
    const stats = await look(folder);
    if (stats?.isDirectory()) continue;
    if (stats !== undefined) await deleteTree(folder);
    await mkdir(folder);
  }
}

async function look(path: Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
