/**
 * Brings files of the work tree from one tree to another, and touches nothing else: not the index of
 * the user, not ignored files, not what is inside submodules.
 *
 * Safe to repeat after a crash at any point. While it works, `<gitDir>/orch/restoring` names the two
 * trees: a repetition finds files of its own making, perhaps half written, which are then not "in the
 * way".
 */
import {
  existsSync,
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
import { absolutePath, type BytePath, parentFolders } from './byte-paths.ts';
import { explainFileFailure } from './git-failure.ts';
import { makeFolder } from './make-folder.ts';
import {
  type Entry,
  filesInTheWay,
  findInTheWay,
  findNoFolder,
  planRestore,
  type WorkTreeFiles,
} from './plan-restore.ts';
import { look } from './scan-work-tree.ts';

/**
 * @see GitPort.restoreWorkTree
 * @throws OrchError ORCH_FILES_IN_THE_WAY before anything has changed
 */
export async function restoreWorkTree(
  files: WorkTreeFiles,
  from: Oid,
  to: Oid,
  exclude: readonly string[],
  index?: string,
): Promise<void> {
  const plan = await planRestore(files, from, to, exclude);
  const marker = join(files.repository.gitDir, 'orch', 'restoring');
  if (!isUnderWay(marker, from, to)) {
    const blockers = await findInTheWay(files, plan);
    if (blockers.length > 0) throw filesInTheWay(blockers);
    setMarker(marker, from, to);
  }
  removeFiles(files.repository.worktree, plan.deleted);
  await writeFiles(files, plan.written);
  if (index !== undefined && existsSync(index)) await files.track(index, plan);
  crashPoint('restore-done:before');
  rmSync(marker, { force: true });
  crashPoint('restore-done:after');
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
    makeFolder(dirname(marker));
    writeFileSync(marker, `${from} ${to}\n`);
  } catch (cause) {
    throw explainFileFailure('cannot begin to restore', dirname(marker), cause);
  }
  crashPoint('restore-begun:after');
}

function removeFiles(top: string, paths: readonly BytePath[]): void {
  for (const path of paths) {
    crashPoint('restore-delete:before');
    // Where a symbolic link has taken the place of a folder, what is behind it is not ours.
    if (findNoFolder(top, path) === undefined) removeFile(top, path);
    crashPoint('restore-delete:after');
  }
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

/** @throws OrchError ORCH_FILES_IN_THE_WAY when a folder with files stands where a file belongs */
export async function writeFiles(files: WorkTreeFiles, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  makeRoom(files.repository.worktree, entries);
  // Attributes are read from the work tree, so files that hold them have to be there first.
  const isAttributes = ({ path }: Entry) => /(^|\/)\.gitattributes$/.test(path);
  await files.checkOut(entries.filter(isAttributes));
  await files.checkOut(entries.filter((entry) => !isAttributes(entry)));
}

/** Empty folders give way to files; `checkout-index -f` would delete full ones as well. */
function makeRoom(top: string, entries: readonly Entry[]): void {
  const blockers: BytePath[] = [];
  for (const { path, mode } of entries) {
    if (mode === '160000' || findNoFolder(top, path) !== undefined) continue;
    if (look(top, path)?.isDirectory() !== true) continue;
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
