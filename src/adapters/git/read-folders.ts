/** What folders of a commit hold, read tree by tree from its top. */
import type { Oid } from '../../ports/git.ts';
import type { BytePath } from './byte-paths.ts';
import type { GitContext } from './git-program.ts';
import { readObjects, treeOf } from './read-objects.ts';
import { FOLDER_ITEM_MODE, parseTree, type TreeItems } from './tree-edit.ts';

/**
 * @param of a commit or a tree @param folders '' is its top
 * @returns only the folders that are there
 */
export async function readFolders(
  context: GitContext,
  of: Oid,
  folders: readonly BytePath[],
): Promise<Map<BytePath, TreeItems>> {
  const found = new Map<BytePath, TreeItems>();
  await Promise.all(
    folders.map(async (folder) => {
      const items = await readFolder(context, of, folder);
      if (items !== undefined) found.set(folder, items);
    }),
  );
  return found;
}

async function readFolder(
  context: GitContext,
  of: Oid,
  folder: BytePath,
): Promise<TreeItems | undefined> {
  let items = await readItems(context, await treeOf(context, of));
  for (const name of folder === '' ? [] : folder.split('/')) {
    const item = items.get(name);
    if (item?.mode !== FOLDER_ITEM_MODE) return undefined;
    items = await readItems(context, item.oid);
  }
  return items;
}

async function readItems(context: GitContext, tree: Oid): Promise<TreeItems> {
  const content = (await readObjects(context, [tree])).get(tree)?.content ?? Buffer.of();
  return parseTree(content, context.oidLength);
}
