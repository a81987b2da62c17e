/**
 * What has to change in the work tree to go from one tree to another, and what stands in the way.
 *
 * Git's own `read-tree -u` and `checkout -f` delete an ignored file without a word when the target
 * has something at its path. Here nothing is lost that no tree holds: such files are found first.
 */

import { readdirSync } from 'node:fs';
import { OrchError } from '../../base/errors.ts';
import { quoteWord } from '../../base/shell.ts';
import { isSubmoduleMove } from '../../checkpoint/rollback.ts';
import type { Change, Oid, Repository } from '../../ports/git.ts';
import { absolutePath, type BytePath, matchPaths, parentFolders, toText } from './byte-paths.ts';
import { look } from './scan-work-tree.ts';

const SUBMODULE_MODE = '160000';

/** An entry of an index to be: what belongs at a path. */
export interface Entry {
  readonly path: BytePath;
  readonly mode: string;
  readonly oid: Oid;
}

/** What the two adapters bring to a restore; the decisions are made here, once. */
export interface WorkTreeFiles {
  readonly repository: Repository;
  /** Paths of the changes are bytes. */
  diffTrees(from: Oid, to: Oid): Promise<readonly Change[]>;
  /** Entries whose file on disk is not what the entry says, with filters and modes applied. */
  findDifferent(entries: readonly Entry[]): Promise<readonly BytePath[]>;
  /** Writes files; replaces a file or symbolic link where a folder is needed, never follows one. */
  checkOut(entries: readonly Entry[]): Promise<void>;
  /** Makes a private index track what a plan has written, and no more what it has deleted. */
  track(index: string, plan: RestorePlan): Promise<void>;
}

export interface RestorePlan {
  /** Paths of the old tree that the new one does not have. */
  readonly deleted: readonly BytePath[];
  readonly written: readonly Entry[];
  /** Of `written`, those of which the old tree has no file. */
  readonly added: ReadonlySet<BytePath>;
}

/** @param exclude files or folders that are neither written nor deleted */
export async function planRestore(
  files: WorkTreeFiles,
  from: Oid,
  to: Oid,
  exclude: readonly string[],
): Promise<RestorePlan> {
  const isExcluded = matchPaths(exclude);
  const all = await files.diffTrees(from, to);
  const changes = all.filter((change) => !isExcluded(change.path) && !isSubmoduleMove(change));
  const written = changes.filter((change) => change.status !== 'deleted');
  return {
    deleted: changes.filter(({ status }) => status === 'deleted').map(({ path }) => path),
    written: written.map(({ path, newMode, newOid }) => ({ path, mode: newMode, oid: newOid })),
    added: new Set(
      written
        .filter(({ status, oldMode }) => status === 'added' || oldMode === SUBMODULE_MODE)
        .map(({ path }) => path),
    ),
  };
}

/** @see GitPort.inTheWay */
export async function findInTheWay(files: WorkTreeFiles, plan: RestorePlan): Promise<BytePath[]> {
  const top = files.repository.worktree;
  const known = new Set([...plan.deleted, ...plan.written.map(({ path }) => path)]);
  for (const path of plan.added) known.delete(path);
  const blockers = new Set<BytePath>();
  const occupied: Entry[] = [];
  for (const entry of plan.written) {
    const parent = findNoFolder(top, entry.path);
    if (parent !== undefined) {
      if (!known.has(parent)) blockers.add(parent);
      continue;
    }
    const stats = look(top, entry.path);
    if (stats === undefined) continue;
    if (stats.isDirectory()) {
      for (const path of foreignFiles(top, entry, known)) blockers.add(path);
    } else if (plan.added.has(entry.path)) occupied.push(entry);
  }
  const different = occupied.length === 0 ? [] : await files.findDifferent(occupied);
  for (const path of different) blockers.add(path);
  return [...blockers].sort();
}

/** The topmost part of the way to a path that is a file or a symbolic link. */
export function findNoFolder(top: string, path: BytePath): BytePath | undefined {
  return [...parentFolders(path)].reverse().find((parent) => {
    return look(top, parent)?.isDirectory() === false;
  });
}

/** Files below a folder that has to make room for a file, as far as no tree holds them. */
function foreignFiles(top: string, entry: Entry, known: ReadonlySet<BytePath>): BytePath[] {
  if (entry.mode === SUBMODULE_MODE) return [];
  return listBelow(top, entry.path).filter((path) => !known.has(path));
}

/** Everything below a folder that is not a folder itself; symbolic links are not followed. */
function listBelow(top: string, folder: BytePath): BytePath[] {
  const names = readdirSync(absolutePath(top, folder), {
    encoding: 'latin1',
    withFileTypes: true,
  });
  return names.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listBelow(top, path) : [path];
  });
}

export function filesInTheWay(paths: readonly BytePath[]): OrchError {
  const shown = paths.map(toText);
  const what =
    `${shown.length === 1 ? 'a file that no checkpoint holds is' : `${shown.length} files that no checkpoint holds are`}` +
    ` in the way: ${shown.slice(0, 10).join(', ')}${shown.length > 10 ? ', ...' : ''}`;
  const name = shown[0] ?? '';
  return new OrchError('ORCH_FILES_IN_THE_WAY', what, {
    fix: `mv -- ${quoteWord(name)} ..  (or delete what is not needed)`,
  });
}
