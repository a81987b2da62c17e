/**
 * The `.gitattributes` files of a tree, for a merge that must not read those of the user's checkout.
 *
 * The first time every folder is looked at. From then on only those that differ from the tree that was
 * asked for last, which in a chain of merges are the few that the last merge has changed.
 */
import type { Oid } from '../../ports/git.ts';
import type { BytePath } from './byte-paths.ts';
import type { GitContext } from './git-program.ts';
import { readObjects } from './read-objects.ts';
import { FOLDER_ITEM_MODE, parseTree } from './tree-edit.ts';

/** Content by path. */
export type AttributeFiles = ReadonlyMap<BytePath, Uint8Array>;

/** What counts of a folder. */
interface Folder {
  readonly oid: Oid;
  /** Its own `.gitattributes`. */
  attributes?: Oid;
  readonly folders: Map<BytePath, Folder>;
}

/** @returns a function from a tree to the attribute files in it */
export function createAttributeReader(context: GitContext): (tree: Oid) => Promise<AttributeFiles> {
  let last: Folder | undefined;
  let contents: ReadonlyMap<Oid, Uint8Array> = new Map();
  return async (tree) => {
    const top = last?.oid === tree ? last : await readFolders(context, tree, last);
    const files = [...listFiles(top, '')];
    const known = contents;
    const missing = files.map(([, oid]) => oid).filter((oid) => !known.has(oid));
    const read = await readObjects(context, missing);
    const result = new Map<BytePath, Uint8Array>();
    const used = new Map<Oid, Uint8Array>();
    for (const [path, oid] of files) {
      const content = known.get(oid) ?? read.get(oid)?.content;
      if (content === undefined) throw new Error(`an object that was read is not there: ${oid}`);
      result.set(path, content);
      used.set(oid, content);
    }
    last = top;
    contents = used;
    return result;
  };
}

/** Level by level, so that what is packed takes one process for a level. */
async function readFolders(
  context: GitContext,
  tree: Oid,
  last: Folder | undefined,
): Promise<Folder> {
  const top: Folder = { oid: tree, folders: new Map() };
  let level: { readonly folder: Folder; readonly before: Folder | undefined }[] = [
    { folder: top, before: last },
  ];
  while (level.length > 0) {
    const objects = await readObjects(
      context,
      level.map(({ folder }) => folder.oid),
    );
    const next: typeof level = [];
    for (const { folder, before } of level) {
      const content = objects.get(folder.oid)?.content ?? Buffer.of();
      for (const [name, { mode, oid }] of parseTree(content, context.oidLength)) {
        // Symbolic links do not count for git either.
        if (name === '.gitattributes' && mode.startsWith('100')) folder.attributes = oid;
        if (mode !== FOLDER_ITEM_MODE || !isSafeName(name)) continue;
        const known = before?.folders.get(name);
        const below = known?.oid === oid ? known : { oid, folders: new Map() };
        folder.folders.set(name, below);
        if (below !== known) next.push({ folder: below, before: known });
      }
    }
    level = next;
  }
  return top;
}

/** The files are going to be written somewhere, and no tree may say where else. */
function isSafeName(name: BytePath): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

function* listFiles(folder: Folder, prefix: string): Generator<readonly [BytePath, Oid]> {
  if (folder.attributes !== undefined) yield [`${prefix}.gitattributes`, folder.attributes];
  for (const [name, below] of folder.folders) yield* listFiles(below, `${prefix}${name}/`);
}
