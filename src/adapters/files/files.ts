/**
 * The file system for real, synchronous: orch's own state is small, and nothing may act between a
 * write and the moment it is on disk. How a file becomes durable is durable.ts; errors of the system
 * pass through unchanged, because only the caller knows what they mean. Each effect stands between
 * two crash points.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import type { AppendFile, FilesPort, OpenFile } from '../../ports/files.ts';
import { crashPoint } from '../crash-point.ts';
import {
  createFile,
  isTemporaryName,
  replaceFile,
  replaceUnsynced,
  syncFolder,
  writeFully,
} from './durable.ts';
import { findLeftovers } from './leftovers.ts';
import { move } from './move.ts';
import { openPlain, readLeft, readPlain, usingPlain } from './plain.ts';
import { watchFolder } from './watch.ts';

export function createFiles(): FilesPort {
  return {
    read: (path) => whenThere(() => readPlain(path)),
    readText: (path) => whenThere(() => readPlain(path).toString('utf8')),
    readGiven: (path) => whenThere(() => readFileSync(path, 'utf8')),
    readLeft: (path, maxBytes) => whenThere(() => readLeft(path, maxBytes)),
    readPart: (path, offset, maxBytes) => whenThere(() => readPart(path, offset, maxBytes)),
    openRead: (path) => whenThere(() => openFile(path)),
    exists: (path) => whenThere(() => statSync(path)) !== undefined,
    size: (path) => whenThere(() => statSync(path))?.size,
    modifiedAtMs: (path) => whenThere(() => statSync(path))?.mtimeMs,
    linkTarget,
    list: listNames,
    leftovers: (folder) => findLeftovers(folder),
    makeFolder,
    replaceUnsynced: (path, bytes) =>
      atCrashPoint('file replace', () => replaceUnsynced(path, bytes)),
    replace: (path, bytes) => atCrashPoint('file replace', () => replaceFile(path, bytes)),
    rewrite: (path, parts) => atCrashPoint('file replace', () => replaceFile(path, parts)),
    createExclusive: (path, bytes) => atCrashPoint('file create', () => createFile(path, bytes)),
    openAppend,
    truncate: (path, sizeBytes) => atCrashPoint('file truncate', () => cutFile(path, sizeBytes)),
    move: (from, to) => atCrashPoint('file move', () => move(from, to)),
    remove,
    watch: (folder, changed) => watchFolder(folder, changed),
  };
}

function readPart(path: string, offset: number, maxBytes: number): Uint8Array {
  return usingPlain(path, constants.O_RDONLY, (fd) => readFrom(fd, offset, maxBytes));
}

function readFrom(fd: number, offset: number, maxBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, fstatSync(fd).size - offset)));
  const length = bytes.length === 0 ? 0 : readSync(fd, bytes, 0, bytes.length, offset);
  return bytes.subarray(0, length);
}

function openFile(path: string): OpenFile {
  const fd = openPlain(path, constants.O_RDONLY);
  return {
    get sizeBytes() {
      return fstatSync(fd).size;
    },
    read: (offset, maxBytes) => readFrom(fd, offset, maxBytes),
    close: () => closeSync(fd),
  };
}

function atCrashPoint<T>(effect: string, perform: () => T): T {
  crashPoint(`${effect}:before`);
  const result = perform();
  crashPoint(`${effect}:after`);
  return result;
}

/** Undefined when there is no such file; ENOTDIR says the same about a path through a file. */
function whenThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function linkTarget(path: string): string | undefined {
  if (whenThere(() => lstatSync(path))?.isSymbolicLink() !== true) return undefined;
  return whenThere(() => realpathSync(path)) ?? resolve(dirname(path), readlinkSync(path));
}

/** Without the temporary files that a crash left: nobody may take one for a record. */
function listNames(folder: string): string[] {
  const names = whenThere(() => readdirSync(folder)) ?? [];
  return names.filter((name) => !isTemporaryName(name)).sort();
}

/** @returns the topmost folder that was made */
function makeFolders(path: string): string | undefined {
  try {
    return mkdirSync(path, { recursive: true });
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    // Node says so of a read-only file system too; making the missing one alone tells why.
    let missing = path;
    while (whenThere(() => statSync(dirname(missing))) === undefined) missing = dirname(missing);
    mkdirSync(missing);
    makeFolders(path);
    return missing;
  }
}

function makeFolder(given: string): void {
  const path = resolve(given);
  if (whenThere(() => statSync(path))?.isDirectory()) return;
  atCrashPoint('folder make', () => {
    const topmost = makeFolders(path);
    if (topmost === undefined) return; // Another process was faster.
    // Each new name is durable once the folder that holds it is synced.
    for (let folder = path; ; folder = dirname(folder)) {
      syncFolder(dirname(folder));
      if (folder === topmost || folder === dirname(folder)) return;
    }
  });
}

function openAppend(path: string): AppendFile {
  const exists = whenThere(() => statSync(path)) !== undefined;
  const fd = exists ? openToAppend(path) : atCrashPoint('file create', () => openNew(path));
  return {
    append: (bytes) =>
      atCrashPoint('journal append', () => {
        writeFully(fd, bytes);
        fdatasyncSync(fd);
      }),
    close: () => closeSync(fd),
  };
}

const { O_APPEND, O_CREAT, O_RDWR, O_WRONLY } = constants;
const openToAppend = (path: string) => openPlain(path, O_WRONLY | O_APPEND | O_CREAT);

function openNew(path: string): number {
  const fd = openToAppend(path);
  try {
    syncFolder(dirname(path));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function cutFile(path: string, sizeBytes: number): void {
  usingPlain(path, O_RDWR, (fd) => {
    ftruncateSync(fd, sizeBytes);
    fsyncSync(fd);
  });
}

function remove(path: string): void {
  // lstat, so that a link to nowhere is removed too.
  if (whenThere(() => lstatSync(path)) === undefined) return;
  atCrashPoint('file remove', () => {
    rmSync(path, { recursive: true, force: true });
    syncFolder(dirname(path));
  });
}
