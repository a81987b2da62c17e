/**
 * Loose objects: each a file of its own below `objects/`, as git writes what is new.
 *
 * Read here in a tenth of a millisecond; a git process takes fifty times as long to start. Whatever is
 * not found here (packs, alternates, a damaged file) is for the caller to ask of git.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync, inflateSync, constants as zlibConstants } from 'node:zlib';
import { hasErrno } from '../../base/errors.ts';
import type { Oid, Repository } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import { writeFully } from '../files/durable.ts';
import { explainFileFailure } from './git-failure.ts';
import { makeFolder } from './make-folder.ts';
import { type GitObject, makeObject, type ObjectType } from './tree-edit.ts';

type Place = Pick<Repository, 'commonDir'>;

export function looseObjectPath({ commonDir }: Place, oid: Oid): string {
  return join(commonDir, 'objects', oid.slice(0, 2), oid.slice(2));
}

/** Whether such a file is there and holds something. */
export function hasLooseObject(place: Place, oid: Oid): boolean {
  try {
    return (statSync(looseObjectPath(place, oid), { throwIfNoEntry: false })?.size ?? 0) > 0;
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR', 'EACCES')) return false;
    throw error;
  }
}

/** @returns undefined when there is none, or none that hashes to its name */
export function readLooseObject(place: Place, oid: Oid): GitObject | undefined {
  const inflated = inflateLoose(place, oid);
  return inflated && parseLoose(inflated, oid);
}

/** As readLooseObject, for what may be large. @returns null for content of more than `maxBytes` */
export function readSmallLooseObject(
  place: Place,
  oid: Oid,
  maxBytes: number,
): GitObject | null | undefined {
  try {
    const inflated = inflateLoose(place, oid, maxBytes + LONGEST_HEADER_BYTES);
    const object = inflated && parseLoose(inflated, oid);
    return (object?.content.length ?? 0) > maxBytes ? null : object;
  } catch (error) {
    if (hasErrno(error, 'ERR_BUFFER_TOO_LARGE')) return null;
    throw error;
  }
}

/** `commit`, a space, a number, a NUL. */
const LONGEST_HEADER_BYTES = 32;

/** Undefined also for a damaged file: git has the words for that. */
function inflateLoose(place: Place, oid: Oid, maxOutputLength?: number): Buffer | undefined {
  try {
    const stored = readFileSync(looseObjectPath(place, oid));
    return inflateSync(stored, maxOutputLength === undefined ? {} : { maxOutputLength });
  } catch (error) {
    const isZlib = error instanceof Error && 'code' in error && /^Z_/.test(String(error.code));
    if (isZlib || hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
}

function parseLoose(inflated: Buffer, oid: Oid): GitObject | undefined {
  const end = inflated.indexOf(0);
  if (end < 0) return undefined;
  const [type] = inflated.toString('latin1', 0, end).split(' ');
  const object = makeObject(type as ObjectType, inflated.subarray(end + 1), oid.length);
  return object.oid === oid ? object : undefined;
}

/**
 * Writes one object as git does it: under a temporary name that `git gc` knows for one, and on disk when
 * this returns, with what git processes have handed to the disk before (FLUSHED_BY_COMMIT in
 * git-program.ts). Its name is on disk when that of the ref is which names it. One that is there already
 * becomes young again, which keeps it from a `git gc` that takes what is old.
 * @throws OrchError ORCH_DISK_FULL, ORCH_GIT_READ_ONLY; else the system's own error
 */
export function writeLooseObject(place: Place, { type, content, oid }: GitObject): void {
  const path = looseObjectPath(place, oid);
  crashPoint('object:before');
  try {
    if (!freshen(path)) writeNew(path, type, content);
  } catch (cause) {
    throw explainFileFailure('cannot write an object', place.commonDir, cause);
  }
  crashPoint('object:after');
}

function freshen(path: string): boolean {
  if (!existsSync(path)) return false;
  const now = new Date();
  try {
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    // Somebody else's file, in a repository of many users; or gone this moment.
    if (hasErrno(error, 'EPERM', 'EACCES')) return true;
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Of somebody who prunes all the time, one try in two may be taken away. */
const TRIES = 10;

function writeNew(path: string, type: ObjectType, content: Buffer): void {
  const header = Buffer.from(`${type} ${content.length}\0`, 'latin1');
  const bytes = deflateSync(Buffer.concat([header, content]), {
    level: zlibConstants.Z_BEST_SPEED,
  });
  for (let tries = 1; ; tries += 1) {
    try {
      return writeByRename(path, bytes);
    } catch (error) {
      // A `git prune` beside us removes unfinished objects and empty folders.
      if (tries === TRIES || !hasErrno(error, 'ENOENT')) throw error;
    }
  }
}

function writeByRename(path: string, bytes: Buffer): void {
  const folder = dirname(path);
  makeFolder(folder);
  // By chance: process ids repeat in containers that share a repository.
  const temporary = join(folder, `tmp_obj_orch-${randomBytes(8).toString('hex')}`);
  const fd = openSync(temporary, 'wx', 0o444);
  try {
    try {
      writeFully(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
