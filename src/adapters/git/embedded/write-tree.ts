/** Tree objects of a flat list of files; only those that an older tree does not have are stored. */
import type { Oid } from '../../../ports/git.ts';
import type { BytePath } from '../byte-paths.ts';
import { formatTree, type GitObject, makeObject, type TreeItems } from '../tree-edit.ts';
import { type ObjectStore, OID_LENGTH } from './object-store.ts';

export interface FlatFile {
  readonly mode: string;
  readonly oid: Oid;
}

/** A folder that is being put together, and afterwards its tree object. */
interface Folder {
  readonly files: Map<string, FlatFile>;
  readonly folders: Map<string, Folder>;
  object?: GitObject;
}

/** @param known a tree whose objects are all stored @returns the root tree, stored with all below */
export async function writeFlatTree(
  store: ObjectStore,
  files: Iterable<readonly [BytePath, FlatFile]>,
  known: Oid | null,
): Promise<Oid> {
  const root: Folder = { files: new Map(), folders: new Map() };
  for (const [path, file] of files) addFile(root, path, file);
  const { oid } = formatFolder(root);
  await storeFolder(store, root, known);
  return oid;
}

function addFile(root: Folder, path: BytePath, file: FlatFile): void {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  let folder = root;
  for (const part of parts) {
    const next: Folder = folder.folders.get(part) ?? { files: new Map(), folders: new Map() };
    folder.folders.set(part, next);
    folder = next;
  }
  folder.files.set(name, { mode: file.mode, oid: file.oid });
}

function formatFolder(folder: Folder): GitObject {
  const items: TreeItems = new Map(folder.files);
  for (const [name, below] of folder.folders) {
    items.set(name, { mode: '40000', oid: formatFolder(below).oid });
  }
  folder.object = makeObject('tree', formatTree(items), OID_LENGTH);
  return folder.object;
}

/** From the top down: where a tree equals the known one at its place, all below is stored already. */
async function storeFolder(store: ObjectStore, folder: Folder, known: Oid | null): Promise<void> {
  if (folder.object === undefined || folder.object.oid === known) return;
  const items = known === null ? undefined : await readTreeIfThere(store, known);
  for (const [name, below] of folder.folders) {
    const item = items?.get(name);
    await storeFolder(store, below, item?.mode === '40000' ? item.oid : null);
  }
  store.write(folder.object);
}

async function readTreeIfThere(store: ObjectStore, oid: Oid): Promise<TreeItems | undefined> {
  const object = await store.find(oid);
  return object?.type === 'tree' ? await store.readTree(oid) : undefined;
}
