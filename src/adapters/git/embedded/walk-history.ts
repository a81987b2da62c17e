/** Questions about stored commits and trees, answered by walking them. */
import type { Change, Commit, Oid, TreeEntry } from '../../../ports/git.ts';
import { type BytePath, toText } from '../byte-paths.ts';
import { parseCommit } from '../commit-object.ts';
import { parseTree, type TreeItem, type TreeItems } from '../tree-edit.ts';
import { type ObjectStore, OID_LENGTH } from './object-store.ts';

const FOLDER_MODE = '40000';
const NO_OID = '0'.repeat(OID_LENGTH);

/** @see GitPort.firstParents */
export async function walkFirstParents(
  store: ObjectStore,
  tip: Oid,
  stop: Oid | null,
  shallow: ReadonlySet<Oid>,
): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let oid: Oid | undefined = tip; oid !== undefined && oid !== stop; ) {
    const commit: Commit = await store.readCommit(oid);
    commits.push(commit);
    oid = shallow.has(oid) ? undefined : commit.parents[0];
  }
  return commits;
}

/** @param shallow commits whose parents a shallow clone does not have */
export async function isAncestorOf(
  store: ObjectStore,
  ancestor: Oid,
  descendant: Oid,
  shallow: ReadonlySet<Oid>,
): Promise<boolean> {
  const seen = new Set<Oid>();
  const waiting = [descendant];
  for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
    if (oid === ancestor) return true;
    if (seen.has(oid)) continue;
    seen.add(oid);
    if (!shallow.has(oid)) waiting.push(...(await store.readCommit(oid)).parents);
  }
  return false;
}

/**
 * @see GitPort.isComplete
 * Commits are followed down to the known ones; of their trees only what differs from a known tree at
 * the same place is looked at.
 */
export async function isStoredWhole(
  store: ObjectStore,
  oid: Oid,
  known: readonly Oid[],
  shallow: ReadonlySet<Oid>,
): Promise<boolean> {
  const knownTrees = await Promise.all(known.map((tip) => store.treeOf(tip)));
  const seen = new Set<Oid>(known);
  const waiting = [oid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const object = await store.find(next);
    if (object?.type !== 'commit') return false;
    const commit = parseCommit(next, object.content);
    if (!(await isTreeStored(store, commit.tree, knownTrees))) return false;
    knownTrees.push(commit.tree);
    if (!shallow.has(next)) waiting.push(...commit.parents);
  }
  return true;
}

async function isTreeStored(
  store: ObjectStore,
  tree: Oid,
  known: readonly Oid[],
): Promise<boolean> {
  if (known.includes(tree)) return true;
  const object = await store.find(tree);
  if (object?.type !== 'tree') return false;
  const knownItems: TreeItems[] = [];
  for (const oid of known) {
    const other = await store.find(oid);
    if (other?.type === 'tree') knownItems.push(parseTree(other.content, OID_LENGTH));
  }
  for (const [name, item] of parseTree(object.content, OID_LENGTH)) {
    const others = knownItems.flatMap((items) => items.get(name)?.oid ?? []);
    if (others.includes(item.oid)) continue;
    const isFolder = item.mode === FOLDER_MODE;
    const isStored = isFolder
      ? await isTreeStored(store, item.oid, others)
      : (await store.find(item.oid))?.type === 'blob';
    if (!isStored) return false;
  }
  return true;
}

/** Every file below a folder, by path in bytes. */
export async function flattenTree(
  store: ObjectStore,
  tree: Oid,
  folder: BytePath = '',
): Promise<Map<BytePath, TreeItem>> {
  const files = new Map<BytePath, TreeItem>();
  for (const [name, item] of await store.readTree(tree)) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (item.mode !== FOLDER_MODE) files.set(path, item);
    else
      for (const [below, file] of await flattenTree(store, item.oid, path)) files.set(below, file);
  }
  return files;
}

/** @returns undefined when the tree has nothing at this path; '' is the tree itself */
export async function findInTree(
  store: ObjectStore,
  tree: Oid,
  path: BytePath,
): Promise<TreeItem | undefined> {
  let item: TreeItem | undefined = { mode: FOLDER_MODE, oid: tree };
  for (const part of path.split('/').filter((name) => name !== '')) {
    if (item?.mode !== FOLDER_MODE) return undefined;
    item = (await store.readTree(item.oid)).get(part);
  }
  return item;
}

/** @see GitPort.listFiles */
export async function listTreeFiles(
  store: ObjectStore,
  tree: Oid,
  path: BytePath,
): Promise<TreeEntry[]> {
  const item = await findInTree(store, tree, path);
  if (item === undefined) return [];
  if (item.mode !== FOLDER_MODE) return [{ path: toText(path), ...item }];
  const files = await flattenTree(store, item.oid, path.replace(/\/+$/, ''));
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => ({ path: toText(name), mode: file.mode, oid: file.oid }));
}

/** As `git diff-tree -r`, sorted by the bytes of the paths. */
export async function diffStoredTrees(store: ObjectStore, from: Oid, to: Oid): Promise<Change[]> {
  const changes: Change[] = [];
  await collectChanges(store, '', from, to, changes);
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function collectChanges(
  store: ObjectStore,
  folder: BytePath,
  from: Oid | undefined,
  to: Oid | undefined,
  changes: Change[],
): Promise<void> {
  if (from === to) return;
  const oldItems = await readItems(store, from);
  const newItems = await readItems(store, to);
  for (const name of new Set([...oldItems.keys(), ...newItems.keys()])) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const old = oldItems.get(name);
    const now = newItems.get(name);
    await collectChanges(store, path, folderOid(old), folderOid(now), changes);
    const change = compareFiles(path, fileOf(old), fileOf(now));
    if (change !== undefined) changes.push(change);
  }
}

const folderOid = (item: TreeItem | undefined) =>
  item?.mode === FOLDER_MODE ? item.oid : undefined;

const fileOf = (item: TreeItem | undefined) => (item?.mode === FOLDER_MODE ? undefined : item);

async function readItems(store: ObjectStore, tree: Oid | undefined): Promise<TreeItems> {
  return tree === undefined ? new Map() : await store.readTree(tree);
}

function compareFiles(
  path: BytePath,
  old: TreeItem | undefined,
  now: TreeItem | undefined,
): Change | undefined {
  if (old?.oid === now?.oid && old?.mode === now?.mode) return undefined;
  return {
    path,
    status: old === undefined ? 'added' : now === undefined ? 'deleted' : 'modified',
    oldMode: old?.mode ?? '000000',
    newMode: now?.mode ?? '000000',
    oldOid: old?.oid ?? NO_OID,
    newOid: now?.oid ?? NO_OID,
  };
}
