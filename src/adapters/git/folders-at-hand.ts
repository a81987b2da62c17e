/** What folders of a commit hold, as long as their trees are at hand. */
import type { Oid } from '../../ports/git.ts';
import type { BytePath } from './byte-paths.ts';
import { parseCommit } from './commit-object.ts';
import type { GitContext } from './git-program.ts';
import { objectAtHand } from './read-objects.ts';
import { parseTree, type TreeItems } from './tree-edit.ts';

const FOLDER_ITEM_MODE = '40000';

/** The tree of a commit, or the tree itself. @returns undefined when git has to be asked */
export function treeAtHand(context: GitContext, oid: Oid): Oid | undefined {
  const object = objectAtHand(context, oid);
  if (object === undefined || object.type === 'blob') return undefined;
  return object.type === 'tree' ? oid : parseCommit(oid, object.content).tree;
}

/** @returns undefined when git has to be asked */
export function itemsAtHand(context: GitContext, tree: Oid): TreeItems | undefined {
  const object = objectAtHand(context, tree);
  return object?.type === 'tree' ? parseTree(object.content, context.oidLength) : undefined;
}

/**
 * @param of a commit or a tree @param folders '' is its top
 * @returns only the folders that are there; undefined when git has to be asked for one of them
 */
export function foldersAtHand(
  context: GitContext,
  of: Oid,
  folders: readonly BytePath[],
): Map<BytePath, TreeItems> | undefined {
  const found = new Map<BytePath, TreeItems>();
  for (const folder of folders) {
    const items = walk(context, of, folder);
    if (items === undefined) return undefined;
    if (items !== null) found.set(folder, items);
  }
  return found;
}

/** @returns null when there is no such folder */
function walk(context: GitContext, of: Oid, folder: BytePath): TreeItems | null | undefined {
  let tree = treeAtHand(context, of);
  let items = tree === undefined ? undefined : itemsAtHand(context, tree);
  for (const name of folder === '' ? [] : folder.split('/')) {
    if (items === undefined) return undefined;
    const item = items.get(name);
    if (item?.mode !== FOLDER_ITEM_MODE) return null;
    tree = item.oid;
    items = itemsAtHand(context, tree);
  }
  return items;
}
