/**
 * Git's own protocol for the user's index: whoever holds `index.lock` may replace the index, by
 * renaming the lock.
 *
 * The lock is a hard link to a file that names our pid, so that a later call recognises, and removes,
 * one that a crash has left, and never one of another program.
 */

import {
  closeSync,
  fsyncSync,
  futimesSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasErrno, OrchError } from '../../base/errors.ts';
import { quoteWord } from '../../base/shell.ts';
import { crashPoint } from '../crash-point.ts';
import { explainFileFailure } from './git-failure.ts';
import { isProcessAlive } from './temporary-index.ts';

export interface IndexLock extends Disposable {
  /**
   * Makes `content` the user's index, durably, and gives the lock back.
   * @param writtenAtSeconds becomes its modification time; copyIndex says why
   */
  replaceIndex(content: Uint8Array, writtenAtSeconds: number): void;
}

/** @throws OrchError ORCH_INDEX_LOCKED when another git holds the index */
export function lockIndex(gitDir: string): IndexLock {
  const lock = join(gitDir, 'index.lock');
  const mark = join(gitDir, `index.orch-${process.pid}`);
  removeOrphans(gitDir, lock);
  crashPoint('index-lock:before');
  try {
    writeFileSync(mark, '');
    linkSync(mark, lock);
  } catch (cause) {
    rmSync(mark, { force: true });
    throw hasErrno(cause, 'EEXIST')
      ? indexLocked(lock)
      : explainFileFailure('cannot lock the index', gitDir, cause);
  }
  crashPoint('index-lock:after');
  let isHeld = true;
  return {
    replaceIndex(content, writtenAtSeconds) {
      try {
        fillAndSync(lock, content, writtenAtSeconds);
        crashPoint('index-replace:before');
        renameSync(lock, join(gitDir, 'index'));
      } catch (cause) {
        throw explainFileFailure('cannot write the index', gitDir, cause);
      }
      isHeld = false;
      crashPoint('index-replace:after');
    },
    [Symbol.dispose]() {
      if (isHeld) rmSync(lock, { force: true });
      rmSync(mark, { force: true });
    },
  };
}

function fillAndSync(lock: string, content: Uint8Array, writtenAtSeconds: number): void {
  const fd = openSync(lock, 'r+');
  try {
    writeFileSync(fd, content);
    futimesSync(fd, writtenAtSeconds, writtenAtSeconds);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes marks of processes that are gone, and the lock when it is the same file as such a mark. */
function removeOrphans(gitDir: string, lock: string): void {
  for (const name of readdirSync(gitDir)) {
    const pid = Number(/^index\.orch-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (!Number.isInteger(pid) || (pid !== process.pid && isProcessAlive(pid))) continue;
    const mark = join(gitDir, name);
    const held = statSync(lock, { throwIfNoEntry: false });
    if (held !== undefined && held.ino === statSync(mark, { throwIfNoEntry: false })?.ino) {
      rmSync(lock, { force: true });
    }
    rmSync(mark, { force: true });
  }
}

function indexLocked(lock: string): OrchError {
  return new OrchError('ORCH_INDEX_LOCKED', `another git command is at work: ${lock} exists`, {
    fix: `wait for it and try again; when no git is running: rm ${quoteWord(lock)}`,
  });
}
