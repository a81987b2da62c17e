/** One in-place run at a time in a work tree: two would trample each other's files. */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Repository } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { acquireLock, type Lock } from './lock.ts';
import { orchFolder } from './run-files.ts';

/** Folder of the lock of a work tree: its path is long and may hold anything, its digest does not. */
export function workTreeLockFolder({ commonDir, worktree }: Repository): string {
  return `${orchFolder(commonDir)}/worktrees/${sha256(worktree).slice(0, 16)}`;
}

/**
 * @param ownRun run whose own processes may still be at work here: it is being resumed
 * @throws OrchError ORCH_LOCKED when another orch is at work here, ORCH_STEPS_RUNNING when the steps
 *   of an interrupted run are
 */
export function lockWorkTree(
  ports: Ports,
  repository: Repository,
  what: string,
  ownRun?: string,
): Lock {
  const folder = workTreeLockFolder(repository);
  const lock = acquireLock(ports.files, ports.processes, { folder, name: 'lock', after: 0, what });
  try {
    const last = ports.files.readText(`${folder}/last-run`)?.trim();
    if (last !== undefined && last !== ownRun) refuseIfStepsRun(ports, last);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  return lock;
}

/** Remembers whose steps may be at work here, for the next that comes. */
export function noteRunOfWorkTree(ports: Ports, repository: Repository, run: string): void {
  ports.files.replace(`${workTreeLockFolder(repository)}/last-run`, `${run}\n`);
}

/** @throws OrchError ORCH_STEPS_RUNNING */
export function refuseIfStepsRun(ports: Ports, run: string, where = ' in this work tree'): void {
  const living = ports.processes.findMarked({ ORCH_RUN: run });
  if (living.length === 0) return;
  const pids = living.map(({ pid }) => pid).join(', ');
  throw new OrchError(
    'ORCH_STEPS_RUNNING',
    `steps of the interrupted run ${run} still run${where} (${pids})`,
    {
      fix: `orch resume ${run}, or orch cancel ${run}`,
    },
  );
}
