/**
 * Where a repository's worktrees lie, and which ports are theirs: `<root>/<name>-<digest>/<number>`.
 *
 * The name is for people, the digest of the common git directory keeps repositories of the same name
 * apart. So all work trees of one repository share one pool, and a copy of a repository, which carries
 * the records of the original along, never takes the original's folders for its own.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import type { Repository } from '../../ports/git.ts';

export interface PoolPlace {
  /** Name of the repository's folder below the root. */
  readonly key: string;
  /** Absolute, symbolic links resolved as far as the path exists. */
  readonly folder: string;
  /** Where claims and records are: below the common git directory. */
  readonly records: string;
}

const MAX_NAME_CHARS = 40;

/** @param root absolute */
export function poolPlace({ commonDir }: Repository, root: string): PoolPlace {
  const isPlain = basename(commonDir) === '.git';
  const name = basename(isPlain ? dirname(commonDir) : commonDir);
  // Some build tools stumble over spaces and quotes in the paths they are given.
  const readable = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, MAX_NAME_CHARS);
  const key = `${readable}-${sha256(realpathSync(commonDir)).slice(0, 8)}`;
  return {
    key,
    folder: join(realPlace(resolve(root)), key),
    records: join(commonDir, 'orch', 'pool'),
  };
}

export function rootOf(place: PoolPlace, number: number): string {
  return join(place.folder, String(number));
}

/** Whether a folder of a record is one of this repository's pool, be it below another root than today's. */
export function isPoolFolder(place: PoolPlace, root: string, number: number): boolean {
  return basename(root) === String(number) && basename(dirname(root)) === place.key;
}

/** Resolves links in the part of a path that exists. */
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    return join(realPlace(dirname(path)), basename(path));
  }
}

const FIRST_PORT = 20_000;
const PORT_COUNT = 40_000;
/** Repositories begin at one of so many places, a hundred ports apart. */
const STARTS = 300;
const START_DISTANCE = 100;

/**
 * @param ports how many each worktree has
 * @returns first port of a worktree; two of one repository never share one while their numbers are
 *   less than 40,000 / ports apart
 */
export function firstPort(place: PoolPlace, number: number, ports: number): number {
  const start = (Number.parseInt(sha256(place.key).slice(0, 8), 16) % STARTS) * START_DISTANCE;
  const blocks = Math.floor(PORT_COUNT / ports);
  const block = (Math.floor(start / ports) + number - 1) % blocks;
  return FIRST_PORT + block * ports;
}
