/**
 * Refs without git: loose files, packed-refs, and git's own lock protocol, so that a change holds
 * against git programs that run at the same time (in another container, say).
 */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasErrno, OrchError } from '../../../base/errors.ts';
import { quoteWord } from '../../../base/shell.ts';
import type { Head, Oid, RefUpdate } from '../../../ports/git.ts';
import { crashPoint } from '../../crash-point.ts';
import { createFile, replaceFile, syncFolder } from '../../files/durable.ts';
import { branchInTheWay, explainFileFailure, refMoved } from '../git-failure.ts';
import { makeFolder } from '../make-folder.ts';
import { isProcessAlive } from '../temporary-index.ts';
import { readIfThere } from './config-file.ts';

const LOCK_WAIT_MS = 3_000;
const LOCK_POLL_MS = 20;

export function readHeadFile(gitDir: string): Head {
  const text = readFileSync(join(gitDir, 'HEAD'), 'utf8').trim();
  const ref = /^ref: (.+)$/.exec(text)?.[1] ?? null;
  return { ref, oid: ref === null ? text : readRef(gitDir, ref) };
}

/** @returns null when there is no such ref */
export function readRef(gitDir: string, ref: string): Oid | null {
  const loose = readIfThere(join(gitDir, ref))?.trim();
  const target = loose === undefined ? undefined : /^ref: (.+)$/.exec(loose)?.[1];
  if (target !== undefined) return readRef(gitDir, target);
  return loose ?? readPackedRefs(gitDir).get(ref) ?? null;
}

function readPackedRefs(gitDir: string): Map<string, Oid> {
  const refs = new Map<string, Oid>();
  for (const line of (readIfThere(join(gitDir, 'packed-refs')) ?? '').split('\n')) {
    // `#` begins the header, `^` the object that the tag in the line above points to.
    if (/^[0-9a-f]{40} /.test(line)) refs.set(line.slice(41), line.slice(0, 40));
  }
  return refs;
}

/** @param prefix a ref or a folder of refs */
export function listRefFiles(gitDir: string, prefix: string): { ref: string; oid: Oid }[] {
  const wanted = prefix.replace(/\/$/, '');
  const names = new Set([...readPackedRefs(gitDir).keys(), ...listFiles(gitDir, 'refs')]);
  return [...names]
    .filter((ref) => !isLock(ref))
    .filter((ref) => ref === wanted || ref.startsWith(`${wanted}/`))
    .sort()
    .flatMap((ref) => {
      const oid = readRef(gitDir, ref);
      return oid === null ? [] : [{ ref, oid }];
    });
}

/** Removes locks of a process that was killed: git would take them for those of a living one. */
export function removeOrphanLocks(gitDir: string): void {
  const locks = [...listFiles(gitDir, 'refs'), 'packed-refs.lock'].filter(isLock);
  for (const lock of locks.map((path) => join(gitDir, path))) {
    if (isOrphan(lock)) rmSync(lock, { force: true });
  }
}

const isLock = (path: string) => path.endsWith('.lock');

/** Loose refs and locks of refs; temporary files begin with a dot. */
function listFiles(gitDir: string, folder: string): string[] {
  const path = join(gitDir, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return listFiles(gitDir, `${folder}/${entry.name}`);
    return entry.name.startsWith('.') ? [] : [`${folder}/${entry.name}`];
  });
}

/**
 * @see GitPort.updateRefs
 * Takes every lock, then looks, then writes: two writers cannot both find what they expect.
 */
export async function updateRefFiles(gitDir: string, updates: readonly RefUpdate[]): Promise<void> {
  const locks: string[] = [];
  try {
    for (const { ref } of updates) {
      checkName(ref);
      refuseBlockedName(gitDir, ref);
      locks.push(await takeLock(gitDir, ref));
    }
    for (const update of updates) checkExpected(gitDir, update);
    crashPoint('refs:before');
    for (const { ref, to } of updates) {
      if (to !== null) replaceFile(join(gitDir, ref), `${to}\n`);
    }
    const deleted = updates.filter(({ to }) => to === null).map(({ ref }) => ref);
    if (deleted.length > 0) await deleteRefs(gitDir, deleted);
    crashPoint('refs:after');
  } catch (cause) {
    throw explainFileFailure('cannot change refs', gitDir, cause);
  } finally {
    for (const lock of locks) rmSync(lock, { force: true });
    for (const { ref, to } of updates) if (to === null) pruneFolders(gitDir, ref);
  }
}

/** git-check-ref-format(1), as far as a name could leave the folder of refs or confuse git. */
function checkName(ref: string): void {
  const isSafe =
    /^refs\/[^\s~^:?*[\\\x00-\x1f\x7f]+$/.test(ref) &&
    !/(^|\/)\.|\.\.|\/\/|@\{|\.lock(\/|$)|[./]$/.test(ref);
  if (!isSafe) throw refMoved(`${JSON.stringify(ref)} is no name of a ref`);
}

function refuseBlockedName(gitDir: string, ref: string): void {
  for (let end = ref.lastIndexOf('/'); end > 'refs/'.length; end = ref.lastIndexOf('/', end - 1)) {
    const parent = ref.slice(0, end);
    if (parent.split('/').length > 2 && readRef(gitDir, parent) !== null) {
      throw branchInTheWay(parent, ref);
    }
  }
  const below = listRefFiles(gitDir, ref).find((other) => other.ref !== ref);
  if (below !== undefined) throw branchInTheWay(below.ref, ref);
}

async function takeLock(gitDir: string, name: string): Promise<string> {
  const lock = join(gitDir, `${name}.lock`);
  makeFolder(dirname(lock));
  for (let waitedMs = 0; !createFile(lock, `orch ${process.pid}\n`); waitedMs += LOCK_POLL_MS) {
    if (isOrphan(lock)) rmSync(lock, { force: true });
    else if (waitedMs < LOCK_WAIT_MS) await delay(LOCK_POLL_MS);
    else {
      throw new OrchError('ORCH_REF_MOVED', `${lock} is held by another git`, {
        fix: `wait for it and try again; when no git is running: rm ${quoteWord(lock)}`,
      });
    }
  }
  return lock;
}

/** Git's own locks do not say whose they are; those made here do. */
function isOrphan(lock: string): boolean {
  const pid = /^orch (\d+)$/.exec(readIfThere(lock)?.trim() ?? '')?.[1];
  return pid !== undefined && !isProcessAlive(Number(pid));
}

function checkExpected(gitDir: string, { ref, from }: RefUpdate): void {
  if (from === undefined) return;
  const found = readRef(gitDir, ref);
  if (found === from) return;
  throw refMoved(`${ref} is ${found ?? 'not there'} and not ${from ?? 'absent'}`);
}

async function deleteRefs(gitDir: string, refs: readonly string[]): Promise<void> {
  const packed = readPackedRefs(gitDir);
  if (refs.some((ref) => packed.has(ref))) {
    const lock = await takeLock(gitDir, 'packed-refs');
    try {
      removePacked(gitDir, new Set(refs));
    } finally {
      rmSync(lock, { force: true });
    }
  }
  for (const ref of refs) rmSync(join(gitDir, ref), { force: true });
  syncFolder(gitDir);
}

function removePacked(gitDir: string, refs: ReadonlySet<string>): void {
  const path = join(gitDir, 'packed-refs');
  let isRemoved = false;
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => {
      // The peeled object of a tag goes with its tag.
      if (!line.startsWith('^')) isRemoved = refs.has(line.slice(41));
      return !isRemoved;
    });
  replaceFile(path, kept.join('\n'));
}

/** Git wants no empty folder where a ref of that name may come. */
function pruneFolders(gitDir: string, ref: string): void {
  const parts = ref.split('/').slice(0, -1);
  try {
    for (; parts.length > 2; parts.pop()) rmdirSync(join(gitDir, ...parts));
  } catch (error) {
    // Another ref or lock is in it, or it was never there.
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}
