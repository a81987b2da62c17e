/**
 * An index or a folder for one operation, gone afterwards. What a killed process left is removed by the next one
 * that needs one, so nothing gathers.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import type { Repository } from '../../ports/git.ts';
import { explainFileFailure } from './git-failure.ts';
import { makeFolder } from './make-folder.ts';

export interface TemporaryPath extends Disposable {
  /** Absolute; there is nothing yet. */
  readonly path: string;
}

let count = 0;

export function makeTemporaryIndex(repository: Repository): TemporaryPath {
  const path = choosePath(repository, 'index');
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { force: true });
      rmSync(`${path}.lock`, { force: true });
    },
  };
}

/** The folder is for the caller to make. */
export function makeTemporaryFolder(repository: Repository): TemporaryPath {
  const path = choosePath(repository, 'folder');
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function choosePath(repository: Repository, kind: 'index' | 'folder'): string {
  const folder = join(repository.gitDir, 'orch', 'tmp');
  try {
    makeFolder(folder);
    removeOrphans(folder);
  } catch (cause) {
    throw explainFileFailure(`cannot make a temporary ${kind}`, repository.gitDir, cause);
  }
  count += 1;
  return join(folder, `${kind}-${process.pid}-${count}`);
}

function removeOrphans(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^(?:index|folder)-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    const isMine = pid === process.pid;
    if (Number.isInteger(pid) && !isMine && !isProcessAlive(pid)) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** A pid may have been given to another process: then true, and what it left is kept for longer. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasErrno(error, 'ESRCH');
  }
}
