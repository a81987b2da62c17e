/**
 * Deletes what stands in a worktree and is neither in the commit nor to be kept: new files, ignored
 * ones, empty folders, pipes and sockets, repositories that a job has made.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { crashPoint } from '../crash-point.ts';
import { absolutePath, type BytePath, parentFolders } from '../git/byte-paths.ts';
import { childOf, deleteTree } from './delete-tree.ts';

export interface Kept {
  /** Files and folders that stay with all they hold; without a final `/`. */
  readonly paths: ReadonlySet<BytePath>;
  /** The folders above them. */
  readonly above: ReadonlySet<BytePath>;
}

export function keepPaths(paths: Iterable<BytePath>): Kept {
  const kept = new Set(paths);
  const above = new Set<BytePath>();
  for (const path of kept) for (const parent of parentFolders(path)) above.add(parent);
  return { paths: kept, above };
}

/** Folder, '' for the top, to the names that may be in it. */
export type NamesByFolder = ReadonlyMap<BytePath, ReadonlySet<string>>;

/** @param root a real folder @param names every folder that is to be looked at */
export async function deleteOthers(root: string, names: NamesByFolder, kept: Kept): Promise<void> {
  const isReal = realFolders(root);
  // Parents first: what is deleted there need not be looked at, and a link there is gone by then.
  for (const folder of [...names.keys()].sort()) {
    if (!isReal(folder)) continue;
    const known = names.get(folder) ?? new Set<string>();
    const absolute = folder === '' ? Buffer.from(root) : absolutePath(root, folder);
    for (const entry of readdirSync(absolute, { encoding: 'latin1', withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const isAboveKept = kept.above.has(path) && entry.isDirectory();
      if (known.has(entry.name) || kept.paths.has(path) || isAboveKept || path === '.git') continue;
      crashPoint('worktree delete:before');
      await deleteTree(childOf(absolute, entry.name));
      crashPoint('worktree delete:after');
    }
  }
}

/** @returns whether a folder is there and no link leads to it; asks once for each */
function realFolders(root: string): (folder: BytePath) => boolean {
  const known = new Map<BytePath, boolean>([['', true]]);
  const isReal = (folder: BytePath): boolean => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const parent = folder.slice(0, Math.max(0, folder.lastIndexOf('/')));
    const answer =
      isReal(parent) &&
      lstatSync(absolutePath(root, folder), { throwIfNoEntry: false })?.isDirectory() === true;
    known.set(folder, answer);
    return answer;
  };
  return isReal;
}
