/**
 * One writer: locks that know their holder and are taken over when it is dead.
 *
 * A lock is a file `<name>.<n>` that names a process (pid, start time, boot id, so that a reused pid
 * is not mistaken for the holder; and the pid namespace and host, because from here nobody can see
 * whether one of a container or of another machine lives, so it counts as living). Whoever finds the highest n dead makes n+1; of two that try,
 * `createExclusive` lets one through. After making its file the taker looks again: had someone else
 * made another number meanwhile, it gives way. n is the epoch of the run. Only who holds the lock
 * removes what the dead have left: a name may be in use again by the time it is removed.
 */
import { OrchError } from '../base/errors.ts';
import { count, optional, record, text } from '../base/shape.ts';
import type { FilesPort } from '../ports/files.ts';
import type { ProcessPlace, ProcessPort } from '../ports/processes.ts';
import { shellWord } from '../view/summary-text.ts';

/** Locks of older versions do not say where. */
export interface LockHolder extends Partial<ProcessPlace> {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  /** What the holder does, for people: `run add-search-261121-k3f9`. */
  readonly what: string;
}

export interface Lock extends Disposable {
  readonly epoch: number;
}

export interface LockRequest {
  readonly folder: string;
  readonly name: string;
  /** The epoch will be larger than this. */
  readonly after: number;
  readonly what: string;
}

interface LockFile {
  readonly n: number;
  readonly path: string;
  readonly holder: LockHolder | undefined;
  /** No file at all: none that orch has made. */
  readonly isForeign: boolean;
}

/** Numbers grow by one; a larger one was not made by orch, and the next might not be seen. */
const MAX_NUMBER = 999_999_999_999;

/** Those who give way and come back must find the one who did not; see tryLock. */
const MAX_TRIES = 3;

/** @throws OrchError ORCH_LOCKED when a living process holds it */
export function acquireLock(files: FilesPort, processes: ProcessPort, request: LockRequest): Lock {
  files.makeFolder(request.folder);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const lock = tryLock(files, processes, request);
    if (lock) return lock;
  }
  throw heldBy(undefined, request);
}

/** Undefined when another one with a larger number came and went meanwhile: numbers must not fall. */
function tryLock(files: FilesPort, processes: ProcessPort, request: LockRequest): Lock | undefined {
  const before = lockFiles(files, request);
  refuseIfHeld(processes, before, request);
  const epoch = Math.max(request.after, ...before.map((lock) => lock.n)) + 1;
  refuseForeign(before, epoch, request);
  const path = `${request.folder}/${request.name}.${epoch}`;
  const holder: LockHolder = {
    ...processes.self(),
    boot: processes.bootId(),
    ...processes.place(),
    what: request.what,
  };
  const made = makeLock(files, path, holder);
  const others = lockFiles(files, request).filter((lock) => !made || lock.path !== path);
  try {
    refuseIfHeld(processes, others, request);
    if (!made) return undefined;
  } catch (error) {
    if (made) files.remove(path);
    throw error;
  }
  if (others.some((lock) => lock.n > epoch)) {
    files.remove(path);
    return undefined;
  }
  for (const stale of others) files.remove(stale.path);
  return { epoch, [Symbol.dispose]: () => letGo(files, path, holder) };
}

/** A file that was made and is not sure to be on disk is not left behind: this process would hold it. */
function makeLock(files: FilesPort, path: string, holder: LockHolder): boolean {
  try {
    return files.createExclusive(path, `${JSON.stringify(holder)}\n`);
  } catch (error) {
    letGo(files, path, holder);
    throw error;
  }
}

/** Not when the file is another's: this process was taken for dead then, and went on all the same. */
function letGo(files: FilesPort, path: string, { pid, start, boot }: LockHolder): void {
  const now = readLock(files, path).holder;
  if (now?.pid === pid && now.start === start && now.boot === boot) files.remove(path);
}

/** Who holds a lock now; undefined when nobody alive does. */
export function lockHolder(
  files: FilesPort,
  processes: ProcessPort,
  at: Pick<LockRequest, 'folder' | 'name'>,
): LockHolder | undefined {
  return lockFiles(files, at).find((lock) => isHeld(processes, lock))?.holder;
}

/** Removes what the dead have left; nothing happens while someone is at work. */
export function clearStaleLocks(
  files: FilesPort,
  processes: ProcessPort,
  at: Pick<LockRequest, 'folder' | 'name' | 'what'>,
): void {
  if (staleLocks(files, processes, at).length === 0) return;
  try {
    acquireLock(files, processes, { ...at, after: 0 })[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof OrchError)) throw error; // Who holds it clears up.
  }
}

/** Lock files whose holder is dead. To remove them, see clearStaleLocks. */
export function staleLocks(
  files: FilesPort,
  processes: ProcessPort,
  at: Pick<LockRequest, 'folder' | 'name'>,
): string[] {
  return lockFiles(files, at)
    .filter((lock) => !isHeld(processes, lock))
    .map((lock) => lock.path);
}

function lockFiles(
  files: FilesPort,
  { folder, name }: Pick<LockRequest, 'folder' | 'name'>,
): LockFile[] {
  return files.list(folder).flatMap((file) => {
    const n = file.startsWith(`${name}.`) ? file.slice(name.length + 1) : '';
    if (!/^\d{1,15}$/.test(n)) return [];
    const path = `${folder}/${file}`;
    return [{ n: Number(n), path, ...readLock(files, path) }];
  });
}

const isHolder = record({
  pid: count,
  start: text,
  boot: text,
  what: text,
  host: optional(text),
  pid_ns: optional(text),
});

/** No holder when the file is gone or is not one of ours; it was made whole, so it is never half written. */
function readLock(files: FilesPort, path: string): Pick<LockFile, 'holder' | 'isForeign'> {
  try {
    const value: unknown = JSON.parse(files.readText(path) ?? '');
    return { holder: isHolder(value) ? (value as LockHolder) : undefined, isForeign: false };
  } catch (error) {
    if (error instanceof SyntaxError) return { holder: undefined, isForeign: false };
    if (error instanceof OrchError) return { holder: undefined, isForeign: true };
    throw error;
  }
}

function isHeld(processes: ProcessPort, { holder }: LockFile): boolean {
  if (holder === undefined) return false;
  if (isElsewhere(processes, holder)) return true;
  return holder.boot === processes.bootId() && processes.isAlive(holder);
}

/** True for a process that this one could not see if it lived. */
function isElsewhere(processes: ProcessPort, { boot, host, pid_ns }: LockHolder): boolean {
  const here = processes.place();
  // Of the same kernel, the name of the host says nothing: a container has one of its own.
  if (boot === processes.bootId()) return pid_ns !== undefined && pid_ns !== here.pid_ns;
  return host !== undefined && host !== here.host;
}

function refuseIfHeld(
  processes: ProcessPort,
  locks: readonly LockFile[],
  request: LockRequest,
): void {
  const held = locks.find((lock) => isHeld(processes, lock));
  if (held === undefined) return;
  if (held.holder && isElsewhere(processes, held.holder))
    throw heldElsewhere(held.holder, held.path, request);
  throw heldBy(held.holder, request);
}

function heldElsewhere(holder: LockHolder, path: string, { what }: LockRequest): OrchError {
  const where = `host ${holder.host ?? 'unknown'}${holder.pid_ns === undefined ? '' : `, namespace ${holder.pid_ns}`}`;
  return new OrchError(
    'ORCH_LOCKED',
    `${what}: refused, because process ${holder.pid} (${holder.what}) of another container or machine (${where}) is at work on it, or was when it was last seen`,
    {
      fix: `end it there; only when it is sure to be gone: rm ${shellWord(path)}, and then the same command again`,
    },
  );
}

/** What orch did not make it does not remove either, and beside it no lock would be safe. */
function refuseForeign(locks: readonly LockFile[], epoch: number, request: LockRequest): void {
  const foreign = locks.find((lock) => lock.isForeign || lock.n >= MAX_NUMBER);
  if (foreign === undefined && epoch <= MAX_NUMBER) return;
  const what =
    foreign === undefined
      ? `the number of its next lock, ${epoch}, is none that orch has made`
      : `${foreign.path} is no lock that orch has made`;
  throw new OrchError('ORCH_LOCKED', `${request.what}: refused, because ${what}`, {
    fix: `rm -r ${shellWord(foreign?.path ?? request.folder)}, when you know what it is`,
  });
}

function heldBy(holder: LockHolder | undefined, request: LockRequest): OrchError {
  const who = holder ? `process ${holder.pid} (${holder.what})` : 'another orch that was quicker';
  return new OrchError('ORCH_LOCKED', `${request.what}: refused, because ${who} is at work on it`, {
    fix: 'orch wait, or orch cancel, and then the same command again',
  });
}
