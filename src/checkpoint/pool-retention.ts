/**
 * Decides which worktrees of the pool `orch gc` removes: free ones that nobody has used for long, and
 * beyond the limit of disk the one used longest ago first. One that a run works in, or may go on in, is
 * never touched.
 */
import { formatSize } from '../base/size.ts';
import { age, keep, remove, type Verdict } from './retention.ts';

export interface PooledWorktree {
  readonly number: number;
  readonly exists: boolean;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly usedAtMs: number;
  /** Null when it is free. */
  readonly claim: WorktreeHold | null;
}

export interface WorktreeHold {
  readonly run: string;
  /** Why the claim counts; absent when it is left over: its run is over, or gone. */
  readonly because?: string;
}

export interface PoolLimits {
  readonly retentionMs: number;
  readonly diskBytes: number;
  /** What orch keeps besides: journals, logs, files that no commit could hold. */
  readonly otherBytes: number;
  readonly nowMs: number;
}

export interface WorktreeVerdict {
  readonly worktree: PooledWorktree;
  readonly verdict: Verdict;
  /** Its claim is left over. */
  readonly isStale: boolean;
}

export function judgePool(
  worktrees: readonly PooledWorktree[],
  { retentionMs, diskBytes, otherBytes, nowMs }: PoolLimits,
): WorktreeVerdict[] {
  const verdicts = new Map(
    worktrees.map((worktree) => [worktree.number, judgeAge(worktree, retentionMs, nowMs)]),
  );
  const stays = ({ number }: PooledWorktree) => verdicts.get(number)?.remove === false;
  let takenBytes = otherBytes + sizeOf(worktrees.filter(stays));
  const idle = worktrees.filter((worktree) => stays(worktree) && !isHeld(worktree));
  for (const { number, sizeBytes } of idle.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (takenBytes <= diskBytes) break;
    const why = `${formatSize(takenBytes)} are taken, the limit is ${formatSize(diskBytes)}; it was used longest ago`;
    verdicts.set(number, remove(why));
    takenBytes -= sizeBytes;
  }
  return worktrees.map((worktree) => ({
    worktree,
    verdict: verdicts.get(worktree.number) as Verdict,
    isStale: worktree.claim !== null && !isHeld(worktree),
  }));
}

/** Free worktrees that have to go so that the pool is below its limit, used longest ago first. */
export function beyondLimit(worktrees: readonly PooledWorktree[], diskBytes: number): number[] {
  const limits = { retentionMs: Number.POSITIVE_INFINITY, diskBytes, otherBytes: 0, nowMs: 0 };
  const found = judgePool(worktrees, limits).filter(({ verdict }) => verdict.remove);
  return found
    .map(({ worktree }) => worktree)
    .sort((a, b) => a.usedAtMs - b.usedAtMs)
    .map(({ number }) => number);
}

function isHeld({ claim }: PooledWorktree): boolean {
  return claim?.because !== undefined;
}

function judgeAge(worktree: PooledWorktree, retentionMs: number, nowMs: number): Verdict {
  const { claim, exists, usedAtMs } = worktree;
  if (claim?.because !== undefined) return keep(claim.because);
  const over = claim === null ? '' : `run ${claim.run} is over; `;
  if (!exists) return remove(`${over}its folder is gone`);
  const used = `${over}used ${age(usedAtMs, nowMs)} ago`;
  return nowMs - usedAtMs < retentionMs ? keep(used) : remove(used);
}

function sizeOf(worktrees: readonly PooledWorktree[]): number {
  return worktrees.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
