/**
 * The folders of a commit and the names in them, from git's trees: what may stand in a worktree.
 *
 * Folders are followed from the last commit by what differs, and names are read only of folders that
 * are going to be listed, because a large repository has hundreds of thousands of names.
 */
import type { Oid } from '../../ports/git.ts';
import { type BytePath, parentFolders, splitNul } from '../git/byte-paths.ts';
import { compareTrees, FOLDER_MODE } from '../git/compare-trees.ts';
import { type GitContext, runGit } from '../git/git-program.ts';
import { readFolders } from '../git/read-folders.ts';

const SUBMODULE = '160000';

/** All folders of a commit, '' for its top. */
export async function listFolders(context: GitContext, commit: Oid): Promise<Set<BytePath>> {
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
  const found = await readFolders(context, commit, folders);
  for (const folder of folders) {
    const items = found.get(folder);
    if (items === undefined) throw new Error(`${commit}:${folder} is no folder`);
    names.set(folder, new Set(items.keys()));
  }
  return names;
}
