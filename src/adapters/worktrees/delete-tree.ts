/**
 * Deletes what a job has left. Symbolic links are removed and never followed, and a folder that its
 * owner may not write is made writable first.
 */
import type { Dirent } from 'node:fs';
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { hasErrno } from '../../base/errors.ts';

/** A file, a link or a whole folder; nothing happens when it is not there. @param path absolute */
export async function deleteTree(path: Buffer): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasErrno(error, 'EACCES', 'EPERM', 'ENOTEMPTY')) throw error;
    await openFolders(path);
    await rm(path, { recursive: true, force: true });
  }
}

const OWNER_MAY_ALL = 0o700;

/** Lets the owner into every folder from here on down. */
async function openFolders(path: Buffer): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, OWNER_MAY_ALL);
  for (const entry of await listFolder(path)) {
    if (entry.isDirectory()) await openFolders(childOf(path, entry.name));
  }
}

/** Entries with one character for each byte of their names. */
export async function listFolder(path: Buffer): Promise<Dirent[]> {
  return await readdir(path, { encoding: 'latin1', withFileTypes: true });
}

/** @param name one character for each byte */
export function childOf(path: Buffer, name: string): Buffer {
  return Buffer.concat([path, Buffer.from('/'), Buffer.from(name, 'latin1')]);
}
