/**
 * The folders of a commit and the names in them, from git's trees: what may stand in a worktree.
 *
 * Folders are followed from the last commit by what differs, and names are read only of folders that
 * are going to be listed, because a large repository has hundreds of thousands of names.
 */
import type { Oid } from '../../ports/git.ts';
import { type BytePath, joinNul, parentFolders, splitNul } from '../git/byte-paths.ts';
import { compareTrees, FOLDER_MODE } from '../git/compare-trees.ts';
import { foldersAtHand } from '../git/folders-at-hand.ts';
import { type GitContext, runGit } from '../git/git-program.ts';
import type { TreeItems } from '../git/tree-edit.ts';

const SUBMODULE = '160000';

/** All folders of a commit, '' for its top. */
export async function readFolders(context: GitContext, commit: Oid): Promise<Set<BytePath>> {
  const { stdout } = await runGit(context, {
    args: ['ls-tree', '-r', '-d', '-z', '--full-tree', '--end-of-options', commit],
  });
  const lines = splitNul(stdout).filter((line) => line.startsWith(FOLDER_MODE));
  return new Set(['', ...lines.map((line) => line.slice(line.indexOf('\t') + 1))]);
}

export interface FollowedFolders {
  /** All folders of the new commit. */
  readonly folders: ReadonlySet<BytePath>;
  /** Those in which something may stand that git does not remove: new ones, and above ones that went. */
  readonly suspect: ReadonlySet<BytePath>;
}

/** @param before the folders of `from` */
export async function followFolders(
  context: GitContext,
  before: Iterable<BytePath>,
  from: Oid,
  to: Oid,
): Promise<FollowedFolders> {
  const folders = new Set(before);
  const gone: BytePath[] = [];
  const suspect = new Set<BytePath>();
  for (const { path, oldMode, newMode } of await compareTrees(context, from, to)) {
    if (newMode === FOLDER_MODE && oldMode !== FOLDER_MODE) {
      folders.add(path);
      suspect.add(path);
    }
    if (newMode !== oldMode && (oldMode === FOLDER_MODE || oldMode === SUBMODULE)) gone.push(path);
  }
  for (const path of gone) if (!suspect.has(path)) folders.delete(path);
  for (const path of gone) suspect.add(nearestFolder(folders, path));
  return { folders, suspect };
}

function nearestFolder(folders: ReadonlySet<BytePath>, path: BytePath): BytePath {
  for (const parent of parentFolders(path)) if (folders.has(parent)) return parent;
  return '';
}

/** @param folders of the commit @returns the names that it has in each */
export async function readNames(
  context: GitContext,
  commit: Oid,
  folders: readonly BytePath[],
): Promise<Map<BytePath, ReadonlySet<string>>> {
  const names = new Map<BytePath, ReadonlySet<string>>();
  if (folders.length === 0) return names;
  const atHand = foldersAtHand(context, commit, folders);
  if (atHand !== undefined) {
    for (const folder of folders) names.set(folder, new Set(mustBeFolder(atHand, commit, folder)));
    return names;
  }
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch', '-z'],
    input: joinNul(folders.map((folder) => `${commit}:${folder}`)),
  });
  let at = 0;
  for (const folder of folders) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const [, type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'tree') throw noFolder(commit, folder);
    const end = lineEnd + 1 + Number(size);
    names.set(folder, namesOfTree(stdout.subarray(lineEnd + 1, end), context.oidLength / 2));
    at = end + 1;
  }
  return names;
}

function mustBeFolder(
  folders: ReadonlyMap<BytePath, TreeItems>,
  commit: Oid,
  folder: BytePath,
): Iterable<string> {
  const items = folders.get(folder);
  if (items === undefined) throw noFolder(commit, folder);
  return items.keys();
}

function noFolder(commit: Oid, folder: BytePath): Error {
  return new Error(`${commit}:${folder} is no folder`);
}

/** A tree object is `<mode> <name>\0<oid as bytes>`, again and again. */
function namesOfTree(tree: Buffer, oidBytes: number): Set<string> {
  const names = new Set<string>();
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(0x20, at);
    const nul = tree.indexOf(0, space);
    names.add(tree.toString('latin1', space + 1, nul));
    at = nul + 1 + oidBytes;
  }
  return names;
}
