/** The user's index without git: its tree, and a new one for a commit that is adopted. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid } from '../../../ports/git.ts';
import { replaceFile } from '../../files/durable.ts';
import { refMoved } from '../git-failure.ts';
import { lockIndex } from '../index-lock.ts';
import { formatIndex, type IndexEntry, NO_STATS, parseIndex } from './index-file.ts';
import type { ObjectStore } from './object-store.ts';
import { readHeadFile, updateRefFiles } from './ref-files.ts';
import { flattenTree } from './walk-history.ts';
import { writeFlatTree } from './write-tree.ts';

function readEntries(gitDir: string): IndexEntry[] {
  const path = join(gitDir, 'index');
  return existsSync(path) ? parseIndex(readFileSync(path)) : [];
}

/** @see GitPort.userIndexTree */
export async function writeIndexTree(gitDir: string, store: ObjectStore): Promise<Oid | null> {
  const entries = readEntries(gitDir);
  if (entries.some(({ stage }) => stage !== 0)) return null;
  const files = entries.filter(({ isIntendedOnly }) => !isIntendedOnly);
  return await writeFlatTree(
    store,
    files.map((entry) => [entry.path, entry] as const),
    null,
  );
}

/** @see GitPort.adoptCommit */
export async function adoptStoredCommit(
  gitDir: string,
  store: ObjectStore,
  commit: Oid,
  expectedHead: Oid | null,
): Promise<void> {
  using lock = lockIndex(gitDir);
  const index = await makeIndex(gitDir, store, commit);
  const head = readHeadFile(gitDir);
  if (head.oid !== commit) {
    if (head.oid !== expectedHead) {
      throw refMoved(`HEAD is ${head.oid ?? 'not there'} and not ${expectedHead ?? 'absent'}`);
    }
    if (head.ref === null) replaceFile(join(gitDir, 'HEAD'), `${commit}\n`);
    else await updateRefFiles(gitDir, [{ ref: head.ref, to: commit, from: expectedHead }]);
  }
  // No stat data was read anew, so no entry can look clean that is not.
  lock.replaceIndex(index, Math.floor(Date.now() / 1000));
}

/** Entries that stay the same keep their stat data; git looks at the others when it next needs to. */
async function makeIndex(gitDir: string, store: ObjectStore, commit: Oid): Promise<Buffer> {
  const old = new Map(readEntries(gitDir).map((entry) => [entry.path, entry]));
  const files = await flattenTree(store, await store.treeOf(commit));
  const entries = [...files].map(([path, { mode, oid }]): IndexEntry => {
    const known = old.get(path);
    const isSame = known?.stage === 0 && known.oid === oid && known.mode === mode;
    if (known !== undefined && isSame && !known.isIntendedOnly) return known;
    return {
      path,
      mode,
      oid,
      stats: NO_STATS,
      stage: 0,
      isAssumedUnchanged: false,
      isIntendedOnly: false,
    };
  });
  return formatIndex(entries.sort((a, b) => (a.path < b.path ? -1 : 1)));
}
