/**
 * Keeps the pool of worktrees below `limits.disk` while a run goes on: when it has grown, free worktrees
 * that were used longest ago go. Measuring takes time, so it is done after a worktree was made, beside
 * the steps, and one at a time.
 */
import { OrchError } from '../base/errors.ts';
import { beyondLimit, type PooledWorktree } from '../checkpoint/pool-retention.ts';
import type { WorktreePool } from '../ports/worktrees.ts';
import type { LiveRun } from './live-run.ts';

/** Runs that have made a worktree since the pool was measured. */
const grown = new WeakSet<LiveRun>();

const TASK = 'trim-pool';

export function notePoolGrowth(run: LiveRun): void {
  grown.add(run);
}

/** To be called when a worktree was freed. */
export function trimPool(run: LiveRun): void {
  const { pool, settings } = run.parts;
  const { diskBytes } = settings;
  if (pool === undefined || diskBytes === undefined || !grown.has(run) || run.busy.has(TASK))
    return;
  grown.delete(run);
  run.task(TASK, async () => {
    // As long as others are in use there may be more to do when they are freed.
    if (await trim(pool, diskBytes)) grown.add(run);
    return () => {};
  });
}

/** @returns whether it is over the limit still */
async function trim(pool: WorktreePool, diskBytes: number): Promise<boolean> {
  const worktrees: PooledWorktree[] = [];
  for (const record of pool.list()) {
    const { number, exists, usedAtMs, run } = record;
    const sizeBytes = exists ? await pool.sizeBytes(record) : 0;
    const claim = run === null ? null : { run, because: 'somebody works there' };
    worktrees.push({ number, exists, sizeBytes, usedAtMs, claim });
  }
  let takenBytes = worktrees.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const number of beyondLimit(worktrees, diskBytes)) {
    const sizeBytes = worktrees.find((one) => one.number === number)?.sizeBytes ?? 0;
    try {
      if (await pool.remove(number)) takenBytes -= sizeBytes;
    } catch (error) {
      // The user has locked it, or something stands in the way: no reason to end a run. `orch gc` tells of it.
      if (!(error instanceof OrchError) || error.code !== 'ORCH_WORKTREE_FAILED') throw error;
    }
  }
  return takenBytes > diskBytes;
}
