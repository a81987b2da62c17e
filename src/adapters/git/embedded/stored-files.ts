/** Files of the work tree without git: compared and written as they are, for no attribute converts. */
import {
  type BigIntStats,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../../../base/errors.ts';
import type { Repository } from '../../../ports/git.ts';
import { absolutePath, type BytePath, parentFolders } from '../byte-paths.ts';
import { explainFileFailure } from '../git-failure.ts';
import { makeFolder } from '../make-folder.ts';
import type { Entry, WorkTreeFiles } from '../plan-restore.ts';
import { look } from '../scan-work-tree.ts';
import { makeObject } from '../tree-edit.ts';
import { type ObjectStore, OID_LENGTH } from './object-store.ts';
import { modeOf } from './scan-files.ts';
import { openStatCache, saveStatCache } from './stat-cache.ts';
import { diffStoredTrees } from './walk-history.ts';

export function createStoredFiles(repository: Repository, store: ObjectStore): WorkTreeFiles {
  const top = repository.worktree;
  return {
    repository,
    diffTrees: async (from, to) =>
      await diffStoredTrees(store, await store.treeOf(from), await store.treeOf(to)),
    findDifferent: async (entries) =>
      entries.filter((entry) => !isSame(top, entry)).map(({ path }) => path),
    async track(index, { deleted, written }) {
      const cache = openStatCache(index, repository.gitDir);
      for (const path of deleted) cache.tracked.delete(path);
      for (const { path, mode, oid } of written) cache.tracked.set(path, { mode, oid, stamp: '' });
      saveStatCache(index, cache);
    },
    async checkOut(entries) {
      for (const entry of entries) {
        const content = await store.read(entry.oid, 'blob');
        try {
          writeEntry(repository, entry, content);
        } catch (cause) {
          throw explainFileFailure('cannot write to the work tree', top, cause);
        }
      }
    },
  };
}

function isSame(top: string, entry: Entry): boolean {
  const path = absolutePath(top, entry.path);
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && isEntry(path, stats, entry);
}

function isEntry(path: Buffer, stats: BigIntStats, { mode, oid }: Entry): boolean {
  if (stats.isDirectory() || modeOf(stats) !== mode) return false;
  const content = stats.isSymbolicLink() ? readlinkSync(path, 'buffer') : readFileSync(path);
  return makeObject('blob', content, OID_LENGTH).oid === oid;
}

/** By a temporary name, so that a crash leaves the old file or the new one. */
function writeEntry({ worktree, gitDir }: Repository, entry: Entry, content: Buffer): void {
  makeFolders(worktree, entry.path);
  const temporary = join(gitDir, 'orch', 'tmp', `file-${process.pid}`);
  makeFolder(dirname(temporary));
  rmSync(temporary, { force: true });
  if (entry.mode === '120000') symlinkSync(content, temporary);
  // The umask of the user applies, as with git.
  else writeFileSync(temporary, content, { mode: entry.mode === '100755' ? 0o777 : 0o666 });
  renameSync(temporary, absolutePath(worktree, entry.path));
}

function makeFolders(top: string, path: BytePath): void {
  for (const folder of [...parentFolders(path)].reverse()) {
    if (look(top, folder)?.isDirectory() === false) rmSync(absolutePath(top, folder));
    try {
      mkdirSync(absolutePath(top, folder));
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
  }
}
