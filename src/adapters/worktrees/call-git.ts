/**
 * Git calls of the pool: they wait for git's own locks, need not survive a power cut (after one the
 * worktree is made anew), and carry a mark, so that one that has outlived its orch can be found.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { ProcessPort } from '../../ports/processes.ts';
import { explainFileFailure } from '../git/git-failure.ts';
import { type GitCall, type GitContext, type GitResult, runGit } from '../git/git-program.ts';

const MARK = 'ORCH_PREPARES';

/** How long another git may hold a lock. */
const LOCK_WAIT_LIMIT_MS = 20_000;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;

/** What git says when somebody else holds one of its lock files, or makes the same name. */
const CONTENTION = /\.lock'?: File exists|could not lock|cannot lock ref|File exists/i;

/** Stat data are all that tells whether a file was changed, so what a user may loosen is tight here. */
const SETTINGS = [
  'core.fsync=none',
  'core.trustctime=true',
  'core.checkStat=default',
  'core.ignoreStat=false',
  'core.logAllRefUpdates=false',
].flatMap((setting) => ['-c', setting]);

/** @param root the worktree that this call is about */
export async function callGit(
  context: GitContext,
  root: string,
  call: GitCall,
): Promise<GitResult> {
  const marked = {
    ...call,
    args: [...SETTINGS, ...call.args],
    env: { ...call.env, [MARK]: root },
  };
  const startedAtMs = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await runGit(context, marked);
    } catch (error) {
      const isLocked = error instanceof OrchError && CONTENTION.test(error.what);
      if (!isLocked || performance.now() - startedAtMs > LOCK_WAIT_LIMIT_MS) throw error;
      await delay(pauseMs * (0.5 + Math.random()));
    }
  }
}

/** Ends git calls about a worktree whose orch is gone: they would write there for as long as they live. */
export async function stopOrphanedGit(processes: ProcessPort, root: string): Promise<void> {
  await processes.stopMarked({ [MARK]: root }, 0);
}

/** Runs work of the pool, and says of what the system or git refused that it was about a worktree. */
export async function inWordsOfPool<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw explainFailure(root, cause);
  }
}

function explainFailure(root: string, cause: unknown): unknown {
  if (cause instanceof OrchError) {
    return cause.code === 'ORCH_GIT_FAILED' ? failed(root, cause.what, cause) : cause;
  }
  if (hasErrno(cause, 'ENOSPC', 'EDQUOT', 'EROFS')) return explainFileFailure(root, root, cause);
  const isOfSystem = cause instanceof Error && 'syscall' in cause;
  return isOfSystem ? failed(root, cause.message, cause) : cause;
}

function failed(root: string, words: string, cause: unknown): OrchError {
  return new OrchError('ORCH_WORKTREE_FAILED', `the worktree ${root}: ${words}`, {
    fix: `see what stands in the way there; to have it made anew: rm -r ${JSON.stringify(root)}`,
    cause,
  });
}
