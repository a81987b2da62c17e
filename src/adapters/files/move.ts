/** Moves a file or folder, across file systems where need be. */
import {
  closeSync,
  cpSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import { syncFolder } from './durable.ts';

/** Behind the name of a copy that is not whole, and of what a whole one was made of. */
const PART = '.orch-part';
const OLD = '.orch-old';

/**
 * Nothing happens when there is nothing at `from`. Symbolic links are moved as links. Killed at any moment,
 * it leaves all of it at one of the two places, and is finished by the next call.
 */
export function move(from: string, to: string): void {
  rmSync(`${from}${OLD}`, { recursive: true, force: true });
  if (lstatSync(from, { throwIfNoEntry: false }) === undefined) return;
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { recursive: true, force: true });
  try {
    renameSync(from, to);
  } catch (error) {
    if (!hasErrno(error, 'EXDEV')) throw error;
    moveByCopy(from, to);
  }
}

/** What is at `from` goes at once, by its name: half of it must never be taken for all of it. */
export function moveByCopy(from: string, to: string): void {
  const part = `${to}${PART}`;
  rmSync(part, { recursive: true, force: true });
  cpSync(from, part, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  syncTree(part);
  renameSync(part, to);
  syncFolder(dirname(to));
  renameSync(from, `${from}${OLD}`);
  rmSync(`${from}${OLD}`, { recursive: true, force: true });
}

/** Before its source is deleted it has to be on disk. */
function syncTree(path: string): void {
  const stats = lstatSync(path);
  if (stats.isDirectory()) {
    for (const name of readdirSync(path)) syncTree(join(path, name));
    syncFolder(path);
  } else if (stats.isFile()) {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
