/**
 * An index for one operation, gone afterwards. What a killed process left is removed by the next one
 * that needs such an index, so nothing gathers.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import type { Repository } from '../../ports/git.ts';
import { explainFileFailure } from './git-failure.ts';
import { makeFolder } from './make-folder.ts';

export interface TemporaryIndex extends Disposable {
  /** Absolute; there is no file yet. */
  readonly path: string;
}

let count = 0;

export function makeTemporaryIndex(repository: Repository): TemporaryIndex {
  const folder = join(repository.gitDir, 'orch', 'tmp');
  try {
    makeFolder(folder);
    removeOrphans(folder);
  } catch (cause) {
    throw explainFileFailure('cannot make a temporary index', repository.gitDir, cause);
  }
  count += 1;
  const path = join(folder, `index-${process.pid}-${count}`);
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { force: true });
      rmSync(`${path}.lock`, { force: true });
    },
  };
}

function removeOrphans(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^index-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    const isMine = pid === process.pid;
    if (Number.isInteger(pid) && !isMine && !isProcessAlive(pid)) {
      rmSync(join(folder, name), { force: true });
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
