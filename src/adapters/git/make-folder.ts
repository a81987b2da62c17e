/** Makes a folder and those above it, and says why when it cannot. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasErrno } from '../../base/errors.ts';

/** @throws the system's own error: Node's recursive mkdir says ENOENT on a read-only file system */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    let missing = path;
    while (!existsSync(dirname(missing))) missing = dirname(missing);
    mkdirSync(missing);
    // It worked this time: something else is making and removing folders here.
    mkdirSync(path, { recursive: true });
  }
}
