/**
 * GitPort where there is no git program, for the simple kind of repository that probe.ts lets through.
 *
 * This file only wires. What cannot be done without git (merges, diffs as text) is refused with
 * ORCH_NEEDS_GIT.
 */
import { join } from 'node:path';
import type { FileContent, GitPort, Snapshot, SnapshotRequest } from '../../../ports/git.ts';
import { toBytePath, toText } from '../byte-paths.ts';
import { type Entry, findInTheWay, planRestore } from '../plan-restore.ts';
import { restoreWorkTree, writeFiles } from '../restore-work-tree.ts';
import { editsOf, editTree, foldersToRead, type TreeItems } from '../tree-edit.ts';
import { readIfThere, readSettings } from './config-file.ts';
import { formatCommit } from './format-commit.ts';
import {
  loadIsomorphicGit,
  type ObjectStore,
  OID_LENGTH,
  openObjectStore,
} from './object-store.ts';
import { needsGit, probeRepository } from './probe.ts';
import { listRefFiles, readHeadFile, removeOrphanLocks, updateRefFiles } from './ref-files.ts';
import { resolveStored } from './revision.ts';
import { scanFiles } from './scan-files.ts';
import { makeStatCache, openStatCache, type StatCache, saveStatCache } from './stat-cache.ts';
import { createStoredFiles } from './stored-files.ts';
import { writeTreeOfFiles } from './tree-of-files.ts';
import { adoptStoredCommit, writeIndexTree } from './user-index.ts';
import {
  diffStoredTrees,
  findInTree,
  flattenTree,
  isAncestorOf,
  isStoredWhole,
  listTreeFiles,
  walkFirstParents,
} from './walk-history.ts';
import { writeFlatTree } from './write-tree.ts';

/**
 * @param folder any folder of a work tree
 * @throws OrchError ORCH_NOT_A_REPOSITORY, or ORCH_NEEDS_GIT with what stands in the way
 */
export async function openEmbeddedGit(folder: string): Promise<GitPort> {
  const repository = probeRepository(folder);
  const { gitDir, worktree } = repository;
  removeOrphanLocks(gitDir);
  const store = await openObjectStore(gitDir);
  const files = createStoredFiles(repository, store);
  const shallow = new Set((readIfThere(join(gitDir, 'shallow')) ?? '').split('\n'));
  return {
    kind: 'embedded',
    repository,
    head: async () => readHeadFile(gitDir),
    userIndexTree: () => writeIndexTree(gitDir, store),
    snapshot: (request) => takeSnapshot(worktree, gitDir, store, request),
    treeWithFiles: (tree, contents) => writeEditedTree(store, tree, contents),
    emptyTree: async () => store.writeNew('tree', Buffer.of()),
    treeOfPaths: (paths) => writeTreeOfFiles(worktree, store, paths),
    commit: async (request) =>
      store.writeNew('commit', formatCommit(request, readSettings(gitDir), new Date())),
    updateRefs: (updates) => updateRefFiles(gitDir, updates),
    isComplete: (oid, known) => isStoredWhole(store, oid, known, shallow),
    resolve: (revision) => resolveStored(gitDir, store, revision),
    listRefs: async (prefix) => listRefFiles(gitDir, prefix),
    readCommit: (oid) => store.readCommit(oid),
    firstParents: (tip, stop) => walkFirstParents(store, tip, stop, shallow),
    isAncestor: (ancestor, descendant) => isAncestorOf(store, ancestor, descendant, shallow),
    async readFile(revision, path) {
      const item = await findInTree(store, await store.treeOf(revision), toBytePath(path));
      return item === undefined || item.mode === '40000'
        ? null
        : await store.read(item.oid, 'blob');
    },
    listFiles: async (revision, path) =>
      await listTreeFiles(store, await store.treeOf(revision), toBytePath(path)),
    async diffTrees(from, to) {
      const changes = await diffStoredTrees(
        store,
        await store.treeOf(from),
        await store.treeOf(to),
      );
      return changes.map((change) => ({ ...change, path: toText(change.path) }));
    },
    async readBlobs(oids, maxBytes) {
      const blobs = new Map<string, Uint8Array>();
      for (const oid of oids) {
        if ((await store.find(oid)) === undefined) continue;
        const content = await store.read(oid, 'blob');
        if (content.length <= maxBytes) blobs.set(oid, content);
      }
      return blobs;
    },
    diffText: async () => {
      throw needsGit('it does not show differences as text');
    },
    async inTheWay(from, to, exclude) {
      const plan = await planRestore(files, from, to, exclude);
      return (await findInTheWay(files, plan)).map(toText);
    },
    restoreWorkTree: (from, to, exclude, index) => restoreWorkTree(files, from, to, exclude, index),
    mergeTrees: async () => {
      throw needsGit('it does not merge');
    },
    mergeChanges: async () => {
      throw needsGit('it does not merge');
    },
    checkOutConflict: async () => {
      throw needsGit('it does not merge');
    },
    async adoptCommit(commit, expectedHead, move) {
      if (move) throw needsGit('it does not change single entries of an index');
      await adoptStoredCommit(gitDir, store, commit, expectedHead);
    },
    async checkOutPath(commit, path) {
      await writeFiles(files, await listEntries(store, commit, toBytePath(path)));
    },
    async setConfig(key, value) {
      const git = await loadIsomorphicGit();
      const { promises } = await import('node:fs');
      await git.setConfig({ fs: { promises }, gitdir: gitDir, path: key, value });
    },
  };
}

async function takeSnapshot(
  top: string,
  gitDir: string,
  store: ObjectStore,
  request: SnapshotRequest,
): Promise<Snapshot> {
  probeRepository(top);
  const cache = await openSoundCache(gitDir, store, request.index);
  const lookedAtSeconds = Math.floor(Date.now() / 1000);
  const infoExclude = readIfThere(join(gitDir, 'info/exclude')) ?? '';
  const elsewhere = request.ignoredAsIn;
  const also = elsewhere === undefined ? [] : (openStatCache(elsewhere, gitDir).ignored ?? []);
  const old = { ...cache, ignored: [...(cache.ignored ?? []), ...also] };
  const result = scanFiles(top, store, old, request, infoExclude);
  const head = readHeadFile(gitDir).oid;
  const known = cache.tree ?? (head === null ? null : await store.treeOf(head));
  const tree = await writeFlatTree(store, result.tracked, known);
  saveStatCache(request.index, {
    tracked: result.tracked,
    ignored: cache.ignored ?? result.ignored,
    tree,
    lookedAtSeconds,
  });
  return { tree, leftOut: result.leftOut };
}

/** A `gc --prune=now` may have deleted what only the cache names: then it begins anew. */
async function openSoundCache(
  gitDir: string,
  store: ObjectStore,
  path: string,
): Promise<StatCache> {
  const cache = openStatCache(path, gitDir);
  const isSound = cache.tree === null || (await store.find(cache.tree)) !== undefined;
  return isSound ? cache : { ...makeStatCache(gitDir), ignored: cache.ignored };
}

async function writeEditedTree(
  store: ObjectStore,
  tree: string,
  contents: ReadonlyMap<string, FileContent>,
): Promise<string> {
  const edits = editsOf(contents);
  const folders = new Map<string, TreeItems>();
  for (const folder of foldersToRead(edits)) {
    const item = await findInTree(store, tree, folder);
    if (item?.mode === '40000') folders.set(folder, await store.readTree(item.oid));
  }
  const objects = editTree((folder) => folders.get(folder), edits, OID_LENGTH);
  for (const object of objects) store.write(object);
  return objects.at(-1)?.oid ?? tree;
}

async function listEntries(store: ObjectStore, commit: string, path: string): Promise<Entry[]> {
  const item = await findInTree(store, await store.treeOf(commit), path);
  if (item === undefined) return [];
  if (item.mode !== '40000') return [{ path, ...item }];
  const files = await flattenTree(store, item.oid, path);
  return [...files].map(([name, { mode, oid }]) => ({ path: name, mode, oid }));
}
