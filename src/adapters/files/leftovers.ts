/**
 * Temporary files that a crash left behind: their names hold the pid of whoever made them. One of a
 * living process may be in use; a pid may also have been given to another process meanwhile, and then
 * the file is kept for longer.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';

/** Of whole files on their way to their place, and of indexes for one operation. */
const TEMPORARY = /^(?:\.orch-(\d+)-\d+\.tmp|index-(\d+)-\d+(?:\.lock)?)$/;

/** @returns absolute paths, sorted; none when there is no such folder */
export function findLeftovers(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => {
      const match = TEMPORARY.exec(name);
      return match !== null && !isAlive(Number(match[1] ?? match[2]));
    })
    .sort()
    .map((name) => join(folder, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasErrno(error, 'ESRCH');
  }
}
