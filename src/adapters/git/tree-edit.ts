/**
 * Changes a few paths of a tree by rewriting only the tree objects on their way.
 *
 * Works on plain bytes and gives back the new objects; reading the old trees and storing the new
 * objects is left to the two adapters, which therefore cannot disagree about ids.
 */
import { createHash } from 'node:crypto';
import type { FileContent, Oid } from '../../ports/git.ts';
import { type BytePath, toBytePath } from './byte-paths.ts';

export type ObjectType = 'blob' | 'tree' | 'commit';

export interface GitObject {
  readonly type: ObjectType;
  readonly content: Buffer;
  readonly oid: Oid;
}

export interface TreeItem {
  /** As in the object: `100644`, `40000`, `120000`, `160000`. */
  readonly mode: string;
  readonly oid: Oid;
}

/** Names (one character for each byte) of one tree object. */
export type TreeItems = Map<BytePath, TreeItem>;

/** What differs between two trees at one path. Modes have six digits, `000000` for nothing; an object id of zeros stands for nothing. */
export interface TreeChange {
  readonly path: BytePath;
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldOid: Oid;
  readonly newOid: Oid;
}

/** Of a folder, as it stands in a tree object. */
export const FOLDER_ITEM_MODE = '40000';
const FILE_MODE = '100644';

/** @param oidLength 40 for sha1, 64 for sha256 */
export function makeObject(type: ObjectType, content: Buffer, oidLength: number): GitObject {
  const hash = createHash(oidLength === 64 ? 'sha256' : 'sha1');
  const oid = hash.update(`${type} ${content.length}\0`).update(content).digest('hex');
  return { type, content, oid };
}

/** @param content of a tree object: `<mode> <name>\0<binary oid>` again and again */
export function parseTree(content: Buffer, oidLength: number): TreeItems {
  const items: TreeItems = new Map();
  const oidBytes = oidLength / 2;
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const end = content.indexOf(0, space);
    if (space < 0 || end < 0) throw new Error('a tree object ends within an entry');
    // Some old repositories pad modes with zeros, which git reads and no longer writes.
    const mode = content.toString('latin1', at, space).replace(/^0+/, '');
    const name = content.toString('latin1', space + 1, end);
    at = end + 1 + oidBytes;
    items.set(name, { mode, oid: content.toString('hex', end + 1, at) });
  }
  return items;
}

/** Sorted as git wants it: by bytes, a folder as if its name ended in `/`. */
export function formatTree(items: TreeItems): Buffer {
  const sortKey = ([name, item]: readonly [string, TreeItem]) =>
    item.mode === FOLDER_ITEM_MODE ? `${name}/` : name;
  const sorted = [...items].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  return Buffer.concat(
    sorted.flatMap(([name, { mode, oid }]) => [
      Buffer.from(`${mode} ${name}\0`, 'latin1'),
      Buffer.from(oid, 'hex'),
    ]),
  );
}

/** Edits by path. */
export type Edits = ReadonlyMap<BytePath, FileContent>;

/** @param files content by path as text */
export function editsOf(files: ReadonlyMap<string, FileContent>): Edits {
  return new Map([...files].map(([path, content]) => [toBytePath(path), content]));
}

/** A folder that an edit goes through: the old items, and what is to be done below. */
interface EditedFolder {
  readonly files: Map<BytePath, FileContent>;
  readonly folders: Map<BytePath, EditedFolder>;
}

function planEdits(edits: Edits): EditedFolder {
  const root: EditedFolder = { files: new Map(), folders: new Map() };
  for (const [path, edit] of edits) {
    const parts = path.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new Error(`not a path of a tree: ${JSON.stringify(path)}`);
    }
    const name = parts.pop() ?? '';
    let folder = root;
    for (const part of parts) {
      const next = folder.folders.get(part) ?? { files: new Map(), folders: new Map() };
      folder.folders.set(part, next);
      folder = next;
    }
    folder.files.set(name, edit);
  }
  return root;
}

/** The folders whose tree objects editTree will ask for; '' is the root. */
export function foldersToRead(edits: Edits): BytePath[] {
  const folders = new Set<BytePath>(['']);
  for (const path of edits.keys()) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      folders.add(parts.slice(0, depth).join('/'));
    }
  }
  return [...folders];
}

/**
 * @param readFolder items of a folder of the old tree; undefined when it is not there
 * @param edits a folder that becomes empty goes; a file takes the place of a folder with all that is in it
 * @returns the new objects, blobs first, the root tree last
 */
export function editTree(
  readFolder: (folder: BytePath) => TreeItems | undefined,
  edits: Edits,
  oidLength: number,
): GitObject[] {
  const blobs: GitObject[] = [];
  const trees: GitObject[] = [];
  const addBlob = (content: Uint8Array): TreeItem => {
    const blob = makeObject('blob', Buffer.from(content), oidLength);
    blobs.push(blob);
    return { mode: FILE_MODE, oid: blob.oid };
  };
  const editFolder = (folder: BytePath, { files, folders }: EditedFolder): TreeItems => {
    const items: TreeItems = new Map(readFolder(folder) ?? []);
    for (const [name, edit] of files) {
      items.delete(name);
      if (edit === null) continue;
      items.set(name, edit instanceof Uint8Array ? addBlob(edit) : edit);
    }
    for (const [name, inner] of folders) {
      if (files.get(name)) continue;
      const below = editFolder(folder === '' ? name : `${folder}/${name}`, inner);
      items.delete(name);
      if (below.size === 0) continue;
      const tree = makeObject('tree', formatTree(below), oidLength);
      trees.push(tree);
      items.set(name, { mode: FOLDER_ITEM_MODE, oid: tree.oid });
    }
    return items;
  };
  const root = makeObject('tree', formatTree(editFolder('', planEdits(edits))), oidLength);
  return [...blobs, ...trees, root];
}
