/**
 * The private index of the embedded git: which paths are tracked, what they hold, and the stat data by
 * which an unchanged file is known without reading it.
 *
 * A text file of JSON, made from the user's index and then continued from snapshot to snapshot. As
 * with git's index, a file that was changed at about the time of the last look is read again.
 */
import { type BigIntStats, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Oid } from '../../../ports/git.ts';
import { replaceFile } from '../../files/durable.ts';
import type { BytePath } from '../byte-paths.ts';
import { explainFileFailure } from '../git-failure.ts';
import { makeFolder } from '../make-folder.ts';
import { type IndexEntry, parseIndex } from './index-file.ts';

/** What is known of one tracked path. */
export interface TrackedFile {
  readonly mode: string;
  /** Empty when the content was never stored: intended additions and unmerged paths. */
  readonly oid: Oid;
  /** `size mtime ctime inode`; empty when the file must be read. */
  readonly stamp: string;
  /** Never looked at, as the user said. */
  readonly isFixed?: boolean;
}

export interface StatCache {
  readonly tracked: Map<BytePath, TrackedFile>;
  /** Paths that were ignored when the cache was made; folders end in `/`. Null: not looked yet. */
  readonly ignored: readonly BytePath[] | null;
  /** The tree of the last snapshot, whose tree objects are stored. */
  readonly tree: Oid | null;
  /** When the last look began, seconds since 1970. */
  readonly lookedAtSeconds: number;
}

const VERSION = 1;

/** File times may be as coarse as two seconds. */
const TIME_STEP_SECONDS = 2;

/** Reads the cache, or makes it from the user's index; a damaged one is made anew. */
export function openStatCache(path: string, gitDir: string): StatCache {
  if (existsSync(path)) {
    const cache = parseCache(readFileSync(path, 'utf8'));
    if (cache !== undefined) return cache;
  }
  return makeStatCache(gitDir);
}

export function makeStatCache(gitDir: string): StatCache {
  return { tracked: readUserIndex(gitDir), ignored: null, tree: null, lookedAtSeconds: 0 };
}

export function saveStatCache(path: string, cache: StatCache): void {
  const text = JSON.stringify({ ...cache, version: VERSION, tracked: [...cache.tracked] });
  try {
    makeFolder(dirname(path));
    replaceFile(path, text);
  } catch (cause) {
    throw explainFileFailure('cannot write the private index', dirname(path), cause);
  }
}

function parseCache(text: string): StatCache | undefined {
  try {
    const { version, tracked, ...rest } = JSON.parse(text);
    return version === VERSION ? { ...rest, tracked: new Map(tracked) } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** @returns what the user tracks; an unmerged path is tracked with no content */
function readUserIndex(gitDir: string): Map<BytePath, TrackedFile> {
  const path = join(gitDir, 'index');
  if (!existsSync(path)) return new Map();
  const writtenAt = Math.floor(statSync(path).mtimeMs / 1000);
  const tracked = new Map<BytePath, TrackedFile>();
  for (const entry of parseIndex(readFileSync(path))) {
    const isKnown = entry.stage === 0 && !entry.isIntendedOnly;
    const isRacy = entry.stats.mtimeSeconds >= writtenAt;
    tracked.set(entry.path, {
      mode: entry.mode,
      oid: isKnown ? entry.oid : '',
      stamp: isKnown && !isRacy ? stampOfEntry(entry) : '',
      ...(entry.isAssumedUnchanged ? { isFixed: true } : {}),
    });
  }
  return tracked;
}

/** Git keeps 32 bits of each number. */
function stampOfEntry({ stats }: IndexEntry): string {
  const mtime = `${stats.mtimeSeconds}.${stats.mtimeNanoseconds}`;
  const ctime = `${stats.ctimeSeconds}.${stats.ctimeNanoseconds}`;
  return `${stats.sizeBytes} ${mtime} ${ctime} ${stats.inode}`;
}

const NANOSECONDS = 1_000_000_000n;
const low32 = (value: bigint) => BigInt.asUintN(32, value);

export function stampOf(stats: BigIntStats): string {
  const time = (ns: bigint) => `${low32(ns / NANOSECONDS)}.${ns % NANOSECONDS}`;
  return `${low32(stats.size)} ${time(stats.mtimeNs)} ${time(stats.ctimeNs)} ${low32(stats.ino)}`;
}

/** True when a file may have changed after it was looked at without its times showing it. */
export function isTooFresh(stats: BigIntStats, lookedAtSeconds: number): boolean {
  return Number(stats.ctimeNs / NANOSECONDS) + TIME_STEP_SECONDS > lookedAtSeconds;
}
