/** Which worktrees of the pool go: by age, and beyond the limit the one used longest ago first. */
import { describe, expect, test } from 'vitest';
import {
  beyondLimit,
  judgePool,
  type PooledWorktree,
} from '../../src/checkpoint/pool-retention.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const GB = 1024 ** 3;

function worktree(number: number, daysAgo: number, more: Partial<PooledWorktree> = {}) {
  const usedAtMs = NOW_MS - daysAgo * DAY_MS;
  return { number, exists: true, sizeBytes: GB, usedAtMs, claim: null, ...more };
}

const HELD = { claim: { run: 'x', because: 'run x has not finished' } };
const STALE = { claim: { run: 'x' } };

describe('judgePool', () => {
  test.for([
    { name: 'young ones stay', worktrees: [worktree(1, 1)], diskGb: 20, gone: [] },
    { name: 'old ones go', worktrees: [worktree(1, 8), worktree(2, 6)], diskGb: 20, gone: [1] },
    {
      name: 'one that a run may go on in stays, however old and large',
      worktrees: [worktree(1, 80, HELD)],
      diskGb: 0,
      gone: [],
    },
    {
      name: 'one with a claim that is left over is judged as a free one',
      worktrees: [worktree(1, 8, STALE), worktree(2, 1, STALE)],
      diskGb: 20,
      gone: [1],
    },
    {
      name: 'a record without a folder goes at once',
      worktrees: [worktree(1, 0, { exists: false, sizeBytes: 0 })],
      diskGb: 20,
      gone: [1],
    },
    {
      name: 'beyond the limit those used longest ago go first, and no more than needed',
      worktrees: [worktree(1, 1), worktree(2, 3), worktree(3, 2), worktree(4, 4, HELD)],
      diskGb: 2,
      gone: [2, 3],
    },
    {
      name: 'what is old makes room first',
      worktrees: [worktree(1, 9), worktree(2, 3)],
      diskGb: 1,
      gone: [1],
    },
  ])('$name', ({ worktrees, diskGb, gone }) => {
    const limits = {
      retentionMs: 7 * DAY_MS,
      diskBytes: diskGb * GB,
      otherBytes: 0,
      nowMs: NOW_MS,
    };
    const verdicts = judgePool(worktrees, limits);
    const removed = verdicts.filter(({ verdict }) => verdict.remove);
    expect(removed.map(({ worktree: { number } }) => number)).toEqual(gone);
    for (const { verdict } of verdicts) expect(verdict.why).not.toBe('');
  });

  test('logs and journals count', () => {
    const limits = { retentionMs: 7 * DAY_MS, diskBytes: GB, otherBytes: 1, nowMs: NOW_MS };
    expect(judgePool([worktree(1, 1)], limits)[0]?.verdict.remove).toBe(true);
  });
});

test('beyondLimit names free worktrees in the order in which they go', () => {
  const worktrees = [worktree(1, 1), worktree(2, 3), worktree(3, 2, HELD), worktree(4, 2)];
  expect(beyondLimit(worktrees, GB)).toEqual([2, 4, 1]);
  expect(beyondLimit(worktrees, 3 * GB)).toEqual([2]);
  expect(beyondLimit(worktrees, 4 * GB)).toEqual([]);
});
