/**
 * The private index of a run: where it comes from and how it is thrown away.
 *
 * It begins as a copy of the user's index and never as HEAD, which would drop files that were added
 * by force. Beside it lies `<index>.ignored`, the paths that were ignored at that moment: a step that
 * edits .gitignore must not bring build results or secrets into a checkpoint unnoticed. And
 * `<index>.unwatched`, tracked paths that git was told not to look at: no snapshot sees what they hold.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasErrno } from '../../base/errors.ts';
import type { SnapshotRequest } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import { type BytePath, joinNul, parentFolders, splitNul } from './byte-paths.ts';
import { explainFileFailure } from './git-failure.ts';
import { type GitContext, runGit } from './git-program.ts';
import { hasOnlyWatchedEntries } from './index-flags.ts';
import { makeFolder } from './make-folder.ts';

/** How long the lock of an index may stay unchanged before its owner counts as dead. */
const STALE_LOCK_MS = 2_000;
const LOCK_POLL_MS = 50;

/** Makes the private index and its list of ignored paths when they are not there. */
export async function preparePrivateIndex(
  context: GitContext,
  { index, ignoredAsIn, from }: Pick<SnapshotRequest, 'index' | 'ignoredAsIn' | 'from'>,
): Promise<void> {
  const { repository, soundIndexes } = context;
  if (existsSync(index)) {
    await awaitStaleLock(index);
    if (soundIndexes.has(index) || isWhole(index)) return void soundIndexes.add(index);
    discardPrivateIndex(index);
  }
  try {
    makeFolder(dirname(index));
    rmSync(`${index}.lock`, { force: true });
    // First the list, then the index: whoever finds the index can rely on the list.
    if (ignoredAsIn === undefined && !existsSync(ignoredListOf(index))) {
      replaceFile(ignoredListOf(index), joinNul(await listIgnored(context)));
    }
    const origin = from ?? join(repository.gitDir, 'index');
    replaceFile(unwatchedListOf(index), joinNul(await listUnwatched(context, origin)));
    copyIndex(origin, index);
  } catch (cause) {
    throw explainFileFailure('cannot make the private index', repository.gitDir, cause);
  }
  await uncoupleIndex(context, index);
}

/**
 * Whether the checksum at the end of an index fits. Git does not sync its index and does not check it
 * either, so after a power cut entries could be missing, which would look like deletions.
 */
function isWhole(index: string): boolean {
  const bytes = readFileSync(index);
  return ['sha1', 'sha256'].some((algorithm) => {
    const digest = createHash(algorithm).digest();
    const body = bytes.subarray(0, -digest.length);
    const trailer = bytes.subarray(-digest.length);
    return body.length > 0 && createHash(algorithm).update(body).digest().equals(trailer);
  });
}

/** Forgets the index, so that the next snapshot makes it anew; the list of ignored paths stays. */
export function discardPrivateIndex(index: string): void {
  rmSync(index, { force: true });
  rmSync(`${index}.lock`, { force: true });
}

/**
 * Copies an index as it is at one moment. The copy gets its modification time, in whole seconds: git
 * compares it with the time of each file to know which entries are "racily clean" and must be read
 * again, and a younger copy would hide a change made right after the original was written.
 * @returns false when there is no index, as in a repository without commits
 */
export function copyIndex(from: string, to: string): boolean {
  let fd: number;
  try {
    fd = openSync(from, 'r');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    // Git replaces its index by renaming, so an open file stays whole.
    const writtenAt = Math.floor(fstatSync(fd).mtimeMs / 1000);
    replaceFile(to, readFileSync(fd), writtenAt);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Not synced: after a power cut the index is a cache that may be thrown away. */
function replaceFile(path: string, bytes: Uint8Array, modifiedAtSeconds?: number): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, bytes);
  if (modifiedAtSeconds !== undefined) {
    utimesSync(temporary, modifiedAtSeconds, modifiedAtSeconds);
  }
  crashPoint('private-index:before');
  renameSync(temporary, path);
  crashPoint('private-index:after');
}

/** A split index lives partly in a file that the user's git may delete: makes the copy whole. */
async function uncoupleIndex(context: GitContext, index: string): Promise<void> {
  const isSplit = existsSync(index) && readFileSync(index).includes('link', 0, 'latin1');
  if (!isSplit) return;
  await runGit(context, { args: ['update-index', '--no-split-index'], index });
}

const ignoredListOf = (index: string): string => `${index}.ignored`;

/**
 * Ignored paths, folders with a final `/` when a pattern matches the folder itself. `status` and not
 * `ls-files -i --directory`, which also names folders that merely hold nothing but ignored files.
 */
async function listIgnored(context: GitContext): Promise<BytePath[]> {
  const { stdout } = await runGit(context, {
    args: [
      'status',
      '--porcelain=v1',
      '-z',
      '--ignored=matching',
      '--untracked-files=all',
      '--no-renames',
      '--ignore-submodules=all',
    ],
  });
  return splitNul(stdout)
    .filter((line) => line.startsWith('!! '))
    .map((line) => line.slice('!! '.length));
}

const unwatchedListOf = (index: string): string => `${index}.unwatched`;

/** As `ls-files -v` prints them: `h path` is assumed unchanged, `S path` not in the work tree, `s` both. */
async function listUnwatched(context: GitContext, index: string): Promise<string[]> {
  if (hasOnlyWatchedEntries(index, context.oidLength)) return [];
  const { stdout } = await runGit(context, { args: ['ls-files', '-v', '-z'], index });
  return splitNul(stdout).filter((line) => /^[a-zS] /.test(line));
}

interface Unwatched {
  readonly path: BytePath;
  readonly reason: 'assume_unchanged' | 'skip_worktree';
}

/** Tracked paths that git does not look at; those of a sparse checkout are mostly not there at all. */
export function readUnwatched(index: string): Unwatched[] {
  return splitNul(readIfThere(unwatchedListOf(index))).map((line) => ({
    path: line.slice('h '.length),
    reason: /^s/i.test(line) ? 'skip_worktree' : 'assume_unchanged',
  }));
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return Buffer.of();
    throw error;
  }
}

/** @returns whether a path was ignored, by itself or by a folder above it, when the index was made */
export function readFormerlyIgnored(index: string): (path: BytePath) => boolean {
  const ignored = new Set(splitNul(readIfThere(ignoredListOf(index))));
  if (ignored.size === 0) return () => false;
  return (path) => {
    if (ignored.has(path)) return true;
    for (const parent of parentFolders(path)) if (ignored.has(`${parent}/`)) return true;
    return false;
  };
}

/**
 * A killed orch may leave a git that still writes the index for a moment, or the lock of one that was
 * killed too. Waits for the first, removes what the second has left.
 */
async function awaitStaleLock(index: string): Promise<void> {
  const lock = `${index}.lock`;
  for (let waitedMs = 0; existsSync(lock); waitedMs += LOCK_POLL_MS) {
    const touchedAt = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
    if (touchedAt === undefined) return;
    if (waitedMs >= STALE_LOCK_MS) return rmSync(lock, { force: true });
    await delay(LOCK_POLL_MS);
  }
}
