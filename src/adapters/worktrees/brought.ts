/**
 * Where a worktree was brought to the last time, and what its folders looked like right after: so
 * that the next time only folders in which a name has come or gone since need to be listed.
 *
 * A cache beside the index of the pool, and like that not synced: it counts only while the boot is the
 * same, the index is the one it was written for, and nothing has begun to change the worktree since.
 * Without it the worktree is made anew.
 */
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import { amount, listOf, oid, record, text } from '../../base/shape.ts';
import type { Oid } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import type { BytePath } from '../git/byte-paths.ts';

export interface Brought {
  readonly boot: string;
  /** Of the sparse patterns, see sparse.ts. */
  readonly sparse: string;
  readonly commit: Oid;
  /** Of the claim for which that was done; see StoredClaim. */
  readonly claimedAtMs: number;
  /** Which folder it is, so that one put in its place is not taken for it; see identifyFolder. */
  readonly identity: string;
  /** Every folder of the commit, '' for the top, to what it looked like; '' when that is not sure. */
  readonly folders: ReadonlyMap<BytePath, string>;
}

const shape = record({
  boot: text,
  sparse: text,
  commit: oid,
  claimedAtMs: amount,
  identity: text,
  index: text,
  folders: listOf(listOf(text)),
});

const pathIn = (gitDir: string) => join(gitDir, 'orch', 'brought.json');

/** The pool's own index of a worktree: a job never writes it, so it tells what the job has changed. */
export function indexOf(gitDir: string): string {
  return join(gitDir, 'orch', 'index');
}

/** Tells a folder from a later one of the same name, which may even get the number of its inode. */
export function identifyFolder(root: string): string {
  const stats = lstatSync(root, { throwIfNoEntry: false, bigint: true });
  return stats?.isDirectory() ? `${stats.ino}:${stats.birthtimeNs}` : '';
}

/** @returns undefined when nothing is known that could be relied on, or `root` is another folder */
export function readBrought(gitDir: string, root: string): Brought | undefined {
  const stored = readAnyBrought(gitDir);
  const isSame =
    stored?.index === describeIndex(gitDir) && stored.identity === identifyFolder(root);
  return isSame ? stored : undefined;
}

interface StoredBrought extends Brought {
  readonly index: string;
}

/** What was written last: enough to know what for, and not to know which files are as they were. */
export function readAnyBrought(gitDir: string): StoredBrought | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(pathIn(gitDir), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  if (!shape(value)) return undefined;
  const stored = value as Omit<StoredBrought, 'folders'> & {
    readonly folders: readonly [BytePath, string][];
  };
  return { ...stored, folders: new Map(stored.folders) };
}

export function writeBrought(gitDir: string, brought: Brought): void {
  const path = pathIn(gitDir);
  const stored = { ...brought, index: describeIndex(gitDir), folders: [...brought.folders] };
  writeFileSync(`${path}.new`, JSON.stringify(stored));
  crashPoint('worktree brought:before');
  renameSync(`${path}.new`, path);
  crashPoint('worktree brought:after');
}

/** From here on the worktree stands nowhere, until `writeBrought`. */
export function forgetBrought(gitDir: string): void {
  rmSync(pathIn(gitDir), { force: true });
}

/** The job's index begins as another name of this one; a program that writes in place would show here. */
function describeIndex(gitDir: string): string {
  const stats = lstatSync(indexOf(gitDir), { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? '' : `${stats.size}:${stats.mtimeNs}`;
}
