/**
 * Which folders of a worktree a job may have put something into, told by one `lstat` each: a name that
 * comes or goes changes the times of its folder, and nobody can set the time of change.
 */
import { type BigIntStats, chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { absolutePath, type BytePath } from '../git/byte-paths.ts';
import type { Brought } from './brought.ts';

/** Two changes so close together may carry the same time; the coarsest file systems count in 2 s. */
const SAME_TIME_NS = 2_000_000_000n;
const NS_PER_MS = 1_000_000n;
const OWNER_MAY_ALL = 0o700;

/** What the folders look like now, for `Brought`. */
export function describeFolders(root: string, folders: Iterable<BytePath>): Map<BytePath, string> {
  const sureBeforeNs = BigInt(Date.now()) * NS_PER_MS - SAME_TIME_NS;
  const described = new Map<BytePath, string>();
  for (const folder of folders) {
    const stats = look(root, folder);
    const isSure = stats === undefined || stats.ctimeNs < sureBeforeNs;
    described.set(folder, isSure ? describe(stats) : '');
  }
  return described;
}

/**
 * Finds the folders that have changed, and makes room for git: what stands in the place of a folder is
 * removed, a link above all, and folders that their owner may not use are opened.
 * @returns folders of the commit where the worktree stood, '' for the top
 */
export function findChangedFolders(root: string, { folders }: Brought): Set<BytePath> {
  const changed = new Set<BytePath>();
  // Parents first: below a link that is still there, `lstat` would look outside.
  for (const folder of [...folders.keys()].sort()) {
    const stats = look(root, folder);
    if (folders.get(folder) === describe(stats)) continue;
    changed.add(folder);
    if (stats === undefined) continue;
    const path = absolutePath(root, folder);
    if (!stats.isDirectory()) unlinkSync(path);
    else if ((Number(stats.mode) & OWNER_MAY_ALL) !== OWNER_MAY_ALL) {
      chmodSync(path, (Number(stats.mode) & 0o7777) | OWNER_MAY_ALL);
    }
  }
  return changed;
}

function look(root: string, folder: BytePath): BigIntStats | undefined {
  return lstatSync(absolutePath(root, folder), { throwIfNoEntry: false, bigint: true });
}

function describe(stats: BigIntStats | undefined): string {
  return stats === undefined
    ? 'none'
    : `${stats.dev}:${stats.ino}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
