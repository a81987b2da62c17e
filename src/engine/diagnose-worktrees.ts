/**
 * What isolated runs have left in the pool of worktrees: claims of runs that are over, changes that were
 * never pinned, records without a folder, more than the limit. `--fix` mends it as `orch gc` does.
 */
import { formatSize } from '../base/size.ts';
import { beyondLimit, type PooledWorktree } from '../checkpoint/pool-retention.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { problem } from '../view/environment-findings.ts';
import type { Finding } from '../view/finding.ts';
import {
  collectWorktrees,
  type JudgedWorktree,
  judgeWorktrees,
  openPoolOf,
  type PoolRequest,
} from './collect-worktrees.ts';

const FIX = 'orch doctor --fix';

export async function findInWorktrees(
  ports: Ports,
  git: GitPort,
  request: PoolRequest,
  fix: boolean,
): Promise<Finding[]> {
  const pool = openPoolOf(ports, git, request.settings);
  if (pool === undefined) return [];
  // Age is the business of gc.
  const age = { retentionMs: Number.POSITIVE_INFINITY, nowMs: ports.clock.now() };
  const judged = await judgeWorktrees(ports, git, pool, request, age);
  const found = judged.flatMap(findingsOf);
  const over = overLimit(judged, request.diskBytes);
  if (over !== undefined) found.push(over);
  if (!fix || found.length === 0) return found;
  await collectWorktrees(ports, git, request, { ...age, dryRun: false });
  const after = await judgeWorktrees(ports, git, pool, request, age);
  const left = [...after.flatMap(findingsOf), overLimit(after, request.diskBytes)];
  return found.map((finding) => ({
    ...finding,
    fixed: finding.fixable && !left.some((other) => other?.what === finding.what),
  }));
}

function findingsOf({ record, staleRun, unpinned, unreadable }: JudgedWorktree): Finding[] {
  const { root, exists, run } = record;
  const check = 'worktree';
  const findings: Finding[] = [];
  if (unreadable) {
    const what = `git does not know ${root} as a worktree any more, and run ${run} had it`;
    const why = 'nobody can tell whether something in it was never pinned, so it is kept';
    const remedy = `look at it, then: rm -r ${JSON.stringify(root)}`;
    return [problem({ check, what, why, fix: remedy })];
  }
  if (staleRun !== undefined) {
    const what = `run ${staleRun} is over and still claims the worktree ${root}`;
    const why = 'nobody else can work there';
    findings.push(problem({ check, what, why, fix: FIX }, true));
  }
  if (unpinned) {
    const what = `the worktree ${root} holds changes of run ${staleRun} that were never pinned`;
    const why = `they are nowhere else; mending gives them the ref ${unpinned.ref}`;
    findings.push(problem({ check, what, why, fix: FIX }, true));
  }
  if (!exists && (run === null || staleRun !== undefined)) {
    const what = `the folder of the worktree ${root} is gone`;
    const why = 'what git and orch remember of it is of no use';
    findings.push(problem({ check, what, why, fix: FIX }, true));
  }
  return findings;
}

function overLimit(judged: readonly JudgedWorktree[], diskBytes: number): Finding | undefined {
  const worktrees: PooledWorktree[] = judged.map(({ pooled }) => pooled);
  const takenBytes = worktrees.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (takenBytes <= diskBytes) return undefined;
  return problem(
    {
      check: 'disk',
      what: `worktrees take ${formatSize(takenBytes)}, the limit is ${formatSize(diskBytes)}`,
      why: 'worktrees that a run works in are never removed, free ones are made again when they are missed',
      fix: 'orch gc, or raise limits.disk in .orch/config.yaml',
    },
    beyondLimit(worktrees, diskBytes).length > 0,
  );
}
