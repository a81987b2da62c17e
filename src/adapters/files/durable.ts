/**
 * Writing so that a power cut leaves the old file or the new one, never half of one: temporary name
 * in the same folder, fsync, then rename or link, then fsync of the folder, without which the name
 * itself may be lost.
 *
 * A crash can leave a temporary file behind. Its name says so (isTemporaryName), so that listings
 * leave it out; a failure leaves none.
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';

const TEMPORARY = /^\.orch-\d+-\d+\.tmp$/;

/** True for a name that replaceFile or createFile gave to a file it had not finished. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Parts are taken one after the other, so that all of them need not be in memory. */
type Content = Uint8Array | string | Iterable<Uint8Array>;

/**
 * Puts `bytes` at `path`, in place of what was there; the permissions of an old file are kept.
 * @throws the system's error; when it comes from the last step, the sync of the folder, the new
 *   content is in place but may not survive a power cut
 */
export function replaceFile(path: string, bytes: Content): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  renameTemporary(writeTemporary(dirname(path), bytes, { mode, isSynced: true }), path);
  syncFolder(dirname(path));
}

/** As replaceFile without any sync: after a power cut the old file, the new one, or an empty one. */
export function replaceUnsynced(path: string, bytes: Content): void {
  renameTemporary(writeTemporary(dirname(path), bytes, { isSynced: false }), path);
}

function renameTemporary(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Puts `bytes` at a path that is free. A hard link is the one step that both shows the whole file and
 * fails when the name is taken, also for two processes at once.
 * @returns false, and nothing changed, when the path is taken
 */
export function createFile(path: string, bytes: Uint8Array | string): boolean {
  const temporary = writeTemporary(dirname(path), bytes, { isSynced: true });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
  return true;
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some network file systems cannot sync a folder and say EINVAL; there is nothing to wait for.
    if (!hasErrno(error, 'EINVAL')) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Writes all of it: one write call may take less than it was given. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

let temporaryCount = 0;

function writeTemporary(
  folder: string,
  bytes: Content,
  { mode, isSynced }: { readonly mode?: number | undefined; readonly isSynced: boolean },
): string {
  const { path, fd } = openTemporary(folder);
  try {
    if (mode !== undefined) fchmodSync(fd, mode & 0o7777);
    for (const part of partsOf(bytes)) writeFully(fd, part);
    if (isSynced) fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return path;
}

function partsOf(content: Content): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)];
  return content instanceof Uint8Array ? [content] : content;
}

function openTemporary(folder: string): { readonly path: string; readonly fd: number } {
  for (;;) {
    temporaryCount += 1;
    const path = join(folder, `.orch-${process.pid}-${temporaryCount}.tmp`);
    try {
      return { path, fd: openSync(path, 'wx') };
    } catch (error) {
      // Left by a crash of an earlier process with this pid, or in use in another container.
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
  }
}
