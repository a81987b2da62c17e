/**
 * Objects without git: read through isomorphic-git (packs, deltas), written as loose objects here,
 * because isomorphic-git neither syncs what it writes nor writes it under a temporary name first.
 */
import { promises } from 'node:fs';
import { dirname } from 'node:path';
import { OrchError } from '../../../base/errors.ts';
import type { Commit, Oid } from '../../../ports/git.ts';
import { syncFolder } from '../../files/durable.ts';
import { parseCommit } from '../commit-object.ts';
import { looseObjectPath, writeLooseObject } from '../loose-objects.ts';
import {
  type GitObject,
  makeObject,
  type ObjectType,
  parseTree,
  type TreeItems,
} from '../tree-edit.ts';

/** The embedded git refuses other formats. */
export const OID_LENGTH = 40;

export interface StoredObject {
  readonly type: string;
  readonly content: Buffer;
}

export interface ObjectStore {
  /** @returns undefined when it is not there or damaged */
  find(oid: Oid): Promise<StoredObject | undefined>;
  /** @throws OrchError when it is not there or of another type */
  read(oid: Oid, type: ObjectType): Promise<Buffer>;
  readTree(oid: Oid): Promise<TreeItems>;
  readCommit(oid: Oid): Promise<Commit>;
  /** The tree of a commit, or the tree itself. */
  treeOf(oid: Oid): Promise<Oid>;
  /** The whole object of a few hex digits, when it is the only one. */
  expand(prefix: string): Promise<Oid | undefined>;
  /** Durable when it returns; an object that is there already is left alone. */
  write(object: GitObject): void;
  writeNew(type: ObjectType, content: Buffer): Oid;
}

/** By its default export: the bundled program has no other of a CommonJS package that is imported late. */
export async function loadIsomorphicGit() {
  return (await import('isomorphic-git')).default;
}

/** Loads isomorphic-git. */
export async function openObjectStore(gitDir: string): Promise<ObjectStore> {
  const git = await loadIsomorphicGit();
  const place = { fs: { promises }, gitdir: gitDir };
  // One cache for the life of the store; it holds the indices of packs.
  const cache = {};
  const read = async (oid: Oid, type: ObjectType) => {
    const object = await store.find(oid);
    if (object?.type === type) return object.content;
    const what = object === undefined ? `there is no ${type} ${oid}` : `${oid} is no ${type}`;
    throw new OrchError('ORCH_GIT_FAILED', what, { fix: 'install git, then: git fsck' });
  };
  const store: ObjectStore = {
    async find(oid) {
      try {
        const found = await git.readObject({ ...place, oid, cache, format: 'content' });
        return { type: found.type, content: Buffer.from(found.object as Uint8Array) };
      } catch (error) {
        if (error instanceof git.Errors.NotFoundError) return undefined;
        // A damaged object is as good as none: whoever asks builds it again or names it.
        if (error instanceof git.Errors.InternalError) return undefined;
        throw error;
      }
    },
    read,
    readTree: async (oid) => parseTree(await read(oid, 'tree'), OID_LENGTH),
    readCommit: async (oid) => parseCommit(oid, await read(oid, 'commit')),
    async treeOf(oid) {
      const object = await store.find(oid);
      return object?.type === 'commit' ? parseCommit(oid, object.content).tree : oid;
    },
    async expand(prefix) {
      try {
        return await git.expandOid({ ...place, oid: prefix, cache });
      } catch (error) {
        const isNone =
          error instanceof git.Errors.NotFoundError || error instanceof git.Errors.AmbiguousError;
        if (isNone) return undefined;
        throw error;
      }
    },
    write: (object) => writeDurable(gitDir, object),
    writeNew(type, content) {
      const object = makeObject(type, content, OID_LENGTH);
      writeDurable(gitDir, object);
      return object.oid;
    },
  };
  return store;
}

/** With its name: the refs that are written here vouch for no other folder, as git's own may. */
function writeDurable(gitDir: string, object: GitObject): void {
  const place = { commonDir: gitDir };
  writeLooseObject(place, object);
  syncFolder(dirname(looseObjectPath(place, object.oid)));
}
