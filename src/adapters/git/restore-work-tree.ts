/**
 * Brings files of the work tree from one tree to another, and touches nothing else: not the index of
 * the user, not ignored files, not what is inside submodules.
 *
 * Safe to repeat after a crash at any point. While it works, `<gitDir>/orch/restoring` names the two
 * trees: a repetition finds files of its own making, perhaps half written, which are then not "in the
 * way".
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import { absolutePath, type BytePath, joinNul, parentFolders, splitNul } from './byte-paths.ts';
import { explainFileFailure } from './git-failure.ts';
import { type GitContext, runGit } from './git-program.ts';
import { type Entry, filesInTheWay, fillIndex, findInTheWay, planRestore } from './plan-restore.ts';
import { look } from './scan-work-tree.ts';
import { makeTemporaryIndex } from './temporary-index.ts';

/**
 * @see GitPort.restoreWorkTree
 * @throws OrchError ORCH_FILES_IN_THE_WAY before anything has changed
 */
export async function restoreWorkTree(
  context: GitContext,
  from: Oid,
  to: Oid,
  exclude: readonly string[],
): Promise<void> {
  const plan = await planRestore(context, from, to, exclude);
  const marker = join(context.repository.gitDir, 'orch', 'restoring');
  if (!isUnderWay(marker, from, to)) {
    const blockers = await findInTheWay(context, plan);
    if (blockers.length > 0) throw filesInTheWay(blockers);
    setMarker(marker, from, to);
  }
  removeFiles(context.repository.worktree, plan.deleted);
  await writeFiles(context, plan.written);
  crashPoint('restore-done:before');
  rmSync(marker, { force: true });
  crashPoint('restore-done:after');
}

/** @see GitPort.checkOutPath */
export async function checkOutPath(context: GitContext, commit: Oid, path: string): Promise<void> {
  const { stdout } = await runGit(context, {
    args: ['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...(path === '' ? [] : [path])],
  });
  const entries = splitNul(stdout).map((line): Entry => {
    const tab = line.indexOf('\t');
    const [mode = '', , oid = ''] = line.slice(0, tab).split(' ');
    return { mode, oid, path: line.slice(tab + 1) };
  });
  await writeFiles(context, entries);
}

function isUnderWay(marker: string, from: Oid, to: Oid): boolean {
  try {
    return readFileSync(marker, 'utf8') === `${from} ${to}\n`;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function setMarker(marker: string, from: Oid, to: Oid): void {
  crashPoint('restore-begun:before');
  try {
    mkdirSync(dirname(marker), { recursive: true });
    writeFileSync(marker, `${from} ${to}\n`);
  } catch (cause) {
    throw explainFileFailure('cannot begin to restore', dirname(marker), cause);
  }
  crashPoint('restore-begun:after');
}

function removeFiles(top: string, paths: readonly BytePath[]): void {
  for (const path of paths) {
    crashPoint('restore-delete:before');
    if (isBelowRealFolders(top, path)) removeFile(top, path);
    crashPoint('restore-delete:after');
  }
}

/** False when a symbolic link has taken the place of a folder: what is behind it is not ours. */
function isBelowRealFolders(top: string, path: BytePath): boolean {
  for (const parent of parentFolders(path)) {
    if (look(top, parent)?.isDirectory() !== true) return false;
  }
  return true;
}

function removeFile(top: string, path: BytePath): void {
  const stats = look(top, path);
  if (stats === undefined) return pruneFolders(top, path);
  // A submodule that is gone from the tree leaves its folder when that is empty.
  if (stats.isDirectory()) return pruneFolders(top, `${path}/`);
  unlinkSync(absolutePath(top, path));
  pruneFolders(top, path);
}

/** Removes the folders above a path as far as they are empty. */
function pruneFolders(top: string, path: BytePath): void {
  for (const folder of parentFolders(path)) {
    try {
      rmdirSync(absolutePath(top, folder));
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) continue;
      // Not empty, or not a folder: so are all above it.
      if (hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY')) return;
      throw error;
    }
  }
}

async function writeFiles(context: GitContext, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  makeRoom(context.repository.worktree, entries);
  using index = makeTemporaryIndex(context.repository);
  await fillIndex(context, index.path, entries);
  // Attributes are read from the work tree, so files that hold them have to be there first.
  const isAttributes = ({ path }: Entry) => /(^|\/)\.gitattributes$/.test(path);
  await checkOut(context, index.path, entries.filter(isAttributes));
  await checkOut(
    context,
    index.path,
    entries.filter((entry) => !isAttributes(entry)),
  );
}

/** Applies filters and line ends; replaces a symbolic link on the way rather than follow it. */
async function checkOut(
  context: GitContext,
  index: string,
  entries: readonly Entry[],
): Promise<void> {
  if (entries.length === 0) return;
  await runGit(context, {
    args: ['checkout-index', '-f', '-q', '-z', '--stdin'],
    input: joinNul(entries.map(({ path }) => path)),
    index,
  });
}

/** Empty folders give way to files; `checkout-index -f` would delete full ones as well. */
function makeRoom(top: string, entries: readonly Entry[]): void {
  const blockers: BytePath[] = [];
  for (const { path, mode } of entries) {
    if (mode === '160000' || look(top, path)?.isDirectory() !== true) continue;
    removeEmptyFolders(top, path);
    if (look(top, path) !== undefined) blockers.push(path);
  }
  if (blockers.length > 0) throw filesInTheWay(blockers);
}

function removeEmptyFolders(top: string, folder: BytePath): void {
  const absolute = absolutePath(top, folder);
  for (const entry of readdirSync(absolute, { encoding: 'latin1', withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(top, `${folder}/${entry.name}`);
  }
  pruneFolders(top, `${folder}/x`);
}
