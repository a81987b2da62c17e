/** What a revision names: refs, short and whole ids, and the suffixes that orch and people use. */
import type { Oid } from '../../../ports/git.ts';
import type { ObjectStore } from './object-store.ts';
import { readHeadFile, readRef } from './ref-files.ts';

/** @see GitPort.resolve; knows `^{tree}`, `^{commit}`, `^{object}`, `~n` and `^n` behind a name */
export async function resolveStored(
  gitDir: string,
  store: ObjectStore,
  revision: string,
): Promise<Oid | null> {
  const [, name = '', suffixes = ''] =
    /^(.*?)((?:\^\{(?:tree|commit|object)\}|~\d*|\^\d*)*)$/s.exec(revision) ?? [];
  let oid = await resolveName(gitDir, store, name);
  for (const suffix of suffixes.match(/\^\{\w+\}|~\d*|\^\d*/g) ?? []) {
    if (oid !== null) oid = await follow(store, oid, suffix);
  }
  return oid !== null && (await store.find(oid)) !== undefined ? oid : null;
}

async function resolveName(gitDir: string, store: ObjectStore, name: string): Promise<Oid | null> {
  if (/^[0-9a-f]{40}$/.test(name)) return name;
  if (name === 'HEAD' || name === '@') return readHeadFile(gitDir).oid;
  const isRefName = /^[^-\s][^\s~^:?*[\\]*$/.test(name) && !name.includes('..');
  const places = ['', 'refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/'];
  for (const place of isRefName ? places : []) {
    const ref = `${place}${name}`;
    const oid = ref.startsWith('refs/') ? readRef(gitDir, ref) : null;
    if (oid !== null) return oid;
  }
  return /^[0-9a-f]{4,39}$/.test(name) ? ((await store.expand(name)) ?? null) : null;
}

async function follow(store: ObjectStore, oid: Oid, suffix: string): Promise<Oid | null> {
  if (suffix === '^{object}') return oid;
  const object = await store.find(oid);
  if (suffix === '^{tree}' && object?.type === 'tree') return oid;
  if (object?.type !== 'commit') return null;
  if (suffix === '^{commit}') return oid;
  const commit = await store.readCommit(oid);
  if (suffix === '^{tree}') return commit.tree;
  const count = suffix.length === 1 ? 1 : Number(suffix.slice(1));
  if (count === 0) return oid;
  if (suffix.startsWith('^')) return commit.parents[count - 1] ?? null;
  const parent = commit.parents[0];
  return parent === undefined ? null : await follow(store, parent, `~${count - 1}`);
}
