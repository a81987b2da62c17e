/**
 * Moves the current branch and the user's index to a commit whose files are already in the work tree.
 *
 * `git merge` and `git reset` would refuse or rewrite the files. Git's own protocol keeps others out:
 * whoever holds `index.lock` may replace the index, by renaming the lock. The lock is a hard link to a
 * file that names our pid, so that a later call recognises, and removes, one that a crash left.
 */
import {
  closeSync,
  fsyncSync,
  futimesSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { Oid, Repository } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import { explainFileFailure, quoteWord } from './git-failure.ts';
import { type GitContext, runGit } from './git-program.ts';
import { copyIndex } from './private-index.ts';
import { readHead, updateRefs } from './refs.ts';
import { isProcessAlive, makeTemporaryIndex } from './temporary-index.ts';

/**
 * @see GitPort.adoptCommit
 * @throws OrchError ORCH_INDEX_LOCKED when another git holds the index, ORCH_REF_MOVED when HEAD is
 *   neither at `expectedHead` nor, after a crash, at `commit` already
 */
export async function adoptCommit(
  context: GitContext,
  commit: Oid,
  expectedHead: Oid | null,
): Promise<void> {
  using lock = lockIndex(context.repository);
  using fresh = makeTemporaryIndex(context.repository);
  // The user's index is the start, so that stat data and sparse entries of unchanged files stay.
  copyIndex(join(context.repository.gitDir, 'index'), fresh.path);
  await runGit(context, { args: ['read-tree', '--reset', commit], index: fresh.path });
  await runGit(context, {
    args: ['update-index', '-q', '--refresh'],
    index: fresh.path,
    okCodes: [0, 1],
  });
  const head = await readHead(context);
  if (head.oid !== commit) {
    const update = { ref: 'HEAD', to: commit, from: expectedHead };
    await updateRefs(context, [update], 'orch: accept');
  }
  lock.commit(fresh.path);
}

interface IndexLock extends Disposable {
  /** Makes the content of a file the user's index, and gives the lock back. */
  commit(content: string): void;
}

function lockIndex(repository: Repository): IndexLock {
  const lock = join(repository.gitDir, 'index.lock');
  const mark = join(repository.gitDir, `index.orch-${process.pid}`);
  removeOrphans(repository.gitDir, lock);
  crashPoint('index-lock:before');
  try {
    writeFileSync(mark, '');
    linkSync(mark, lock);
  } catch (cause) {
    rmSync(mark, { force: true });
    throw hasErrno(cause, 'EEXIST')
      ? indexLocked(lock)
      : explainFileFailure('cannot lock the index', repository.gitDir, cause);
  }
  crashPoint('index-lock:after');
  let isHeld = true;
  return {
    commit(content) {
      fillAndSync(lock, content);
      crashPoint('index-replace:before');
      renameSync(lock, join(repository.gitDir, 'index'));
      isHeld = false;
      crashPoint('index-replace:after');
    },
    [Symbol.dispose]() {
      if (isHeld) rmSync(lock, { force: true });
      rmSync(mark, { force: true });
    },
  };
}

/** The content keeps its time, in whole seconds: copyIndex says why. */
function fillAndSync(lock: string, content: string): void {
  const writtenAt = Math.floor(statSync(content).mtimeMs / 1000);
  const fd = openSync(lock, 'r+');
  try {
    writeFileSync(fd, readFileSync(content));
    futimesSync(fd, writtenAt, writtenAt);
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
