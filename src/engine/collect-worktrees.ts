/**
 * The worktrees of the pool in `orch gc`: whose claims still count, which of them go, and that nothing
 * goes with them that was never pinned. What may go is decided in checkpoint/pool-retention.ts.
 */
import { OrchError } from '../base/errors.ts';
import { judgePool, type PooledWorktree, type WorktreeHold } from '../checkpoint/pool-retention.ts';
import { keep, type Verdict } from '../checkpoint/retention.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorktreePool, WorktreeRecord, WorktreeSettings } from '../ports/worktrees.ts';
import { hasFinished } from '../run/decide.ts';
import { findUnpinned, pinUnpinned, type Unpinned } from './pin-worktree.ts';
import { knowRun } from './pinned-work.ts';
import { whoHolds } from './retained-run.ts';
import { orchFolder, runFiles } from './run-files.ts';
import { lockRun } from './start-run.ts';

/** What became of a worktree or of a claim to one, or would. */
export interface CollectedWorktree {
  readonly item: { readonly kind: 'worktree' | 'claim'; readonly name: string };
  readonly verdict: Verdict;
}

export interface PoolRequest {
  /** Asked for only where there is a pool. */
  readonly settings: () => WorktreeSettings;
  readonly diskBytes: number;
  readonly maxFileSizeBytes: number;
}

/** A worktree, and what is to become of it. */
export interface JudgedWorktree {
  readonly record: WorktreeRecord;
  readonly verdict: Verdict;
  /** The run whose claim is left over. */
  readonly staleRun: string | undefined;
  /** What is in it and nowhere else; only looked for when its claim is left over. */
  readonly unpinned: Unpinned | undefined;
  /** Its claim is left over, and nobody can say what is in it. */
  readonly unreadable: boolean;
  readonly pooled: PooledWorktree;
}

export async function collectWorktrees(
  ports: Ports,
  git: GitPort,
  request: PoolRequest,
  { dryRun, ...age }: Age & { readonly dryRun: boolean },
): Promise<CollectedWorktree[]> {
  const pool = openPoolOf(ports, git, request.settings);
  if (pool === undefined) return [];
  const collected: CollectedWorktree[] = [];
  for (const judged of await judgeWorktrees(ports, git, pool, request, age)) {
    const { record, staleRun, unpinned, verdict } = judged;
    const item = { kind: 'worktree', name: record.root } as const;
    const isTaken = dryRun ? undefined : await freeStale(ports, git, pool, judged);
    if (staleRun !== undefined) {
      const what = unpinned ? `; what is in it is pinned as ${unpinned.ref}` : '';
      const claim = { kind: 'claim', name: `${record.root} of run ${staleRun}` } as const;
      const free = { remove: true, why: `its run is over${what}` };
      collected.push({ item: claim, verdict: isTaken ?? free });
    }
    if (isTaken || dryRun || !verdict.remove) collected.push({ item, verdict: isTaken ?? verdict });
    else collected.push({ item, verdict: await removeWorktree(pool, record, verdict) });
  }
  return collected;
}

async function removeWorktree(
  pool: WorktreePool,
  { number }: WorktreeRecord,
  verdict: Verdict,
): Promise<Verdict> {
  try {
    return (await pool.remove(number)) ? verdict : keep('somebody has claimed it just now');
  } catch (error) {
    // The user has locked it, or something stands in the way there.
    if (error instanceof OrchError && error.code === 'ORCH_WORKTREE_FAILED')
      return keep(error.what);
    throw error;
  }
}

/** Opens the pool where there may be one. */
export function openPoolOf(
  ports: Ports,
  git: GitPort,
  settings: () => WorktreeSettings,
): WorktreePool | undefined {
  const isThere = ports.files.exists(`${orchFolder(git.repository.commonDir)}/pool`);
  return git.kind === 'git' && isThere ? ports.openWorktreePool(git, settings()) : undefined;
}

interface Age {
  readonly retentionMs: number;
  readonly nowMs: number;
}

export async function judgeWorktrees(
  ports: Ports,
  git: GitPort,
  pool: WorktreePool,
  { diskBytes, maxFileSizeBytes }: PoolRequest,
  { retentionMs, nowMs }: Age,
): Promise<JudgedWorktree[]> {
  const records = pool.list();
  const worktrees: PooledWorktree[] = [];
  for (const record of records) {
    const { number, exists, usedAtMs } = record;
    const sizeBytes = exists ? await pool.sizeBytes(record) : 0;
    worktrees.push({ number, exists, sizeBytes, usedAtMs, claim: holdOf(ports, git, record) });
  }
  const otherBytes = await pool.sizeBytes({ root: orchFolder(git.repository.commonDir) });
  const judged: JudgedWorktree[] = [];
  const limits = { retentionMs, diskBytes, otherBytes, nowMs };
  for (const [index, { worktree: pooled, verdict, isStale }] of judgePool(
    worktrees,
    limits,
  ).entries()) {
    const record = records[index] as WorktreeRecord;
    const plain = { record, pooled, verdict, staleRun: undefined, unpinned: undefined };
    if (!isStale || record.run === null) {
      judged.push({ ...plain, unreadable: false });
      continue;
    }
    const staleRun = record.run;
    const stale = { ...record, run: staleRun };
    const unpinned = await findUnpinned(ports, git, stale, maxFileSizeBytes);
    judged.push(
      unpinned === 'unreadable'
        ? { ...plain, verdict: keep(whyUnreadable(record)), unreadable: true }
        : { record, pooled, verdict, staleRun, unpinned, unreadable: false },
    );
  }
  return judged;
}

function whyUnreadable({ root }: WorktreeRecord): string {
  return `git does not know it as a worktree any more; look at it, then: rm -r ${JSON.stringify(root)}`;
}

/** A claim counts as long as anybody may go on in the worktree. */
function holdOf(ports: Ports, git: GitPort, { run }: WorktreeRecord): WorktreeHold | null {
  const { commonDir } = git.repository;
  if (run === null) return null;
  const holder = whoHolds(ports, commonDir, run);
  if (holder !== undefined) return { run, because: `${holder} is at work on run ${run}` };
  const { folder, frozen } = runFiles(commonDir, run);
  if (!ports.files.exists(folder)) return { run };
  const because = ports.files.exists(frozen)
    ? whyResumable(ports, commonDir, run)
    : `run ${run} is being begun just now, or damaged`;
  return because === undefined ? { run } : { run, because };
}

function whyResumable(ports: Ports, commonDir: string, run: string): string | undefined {
  const known = knowRun(ports, commonDir, run);
  if (known.read === undefined) return `nothing tells whether run ${run} is over: ${known.silence}`;
  const { state } = known.read;
  return hasFinished(state)
    ? undefined
    : `run ${run} has not finished (${state.status}): orch resume ${run}`;
}

/**
 * Pins what is nowhere else, and frees the worktree.
 * @returns why it is kept after all: somebody has taken its run up meanwhile
 */
export async function freeStale(
  ports: Ports,
  git: GitPort,
  pool: WorktreePool,
  { record, staleRun, unpinned }: JudgedWorktree,
): Promise<Verdict | undefined> {
  if (staleRun === undefined) return undefined;
  const files = runFiles(git.repository.commonDir, staleRun);
  using lock = ports.files.exists(files.frozen) ? tryToLock(ports, files) : FREE;
  if (lock === undefined) return keep(`run ${staleRun} was taken up just now`);
  const isKnown = ports.files.exists(files.frozen);
  if (isKnown && whyResumable(ports, git.repository.commonDir, staleRun) !== undefined)
    return keep(`run ${staleRun} was taken up just now`);
  if (unpinned) await pinUnpinned(ports, git, { ...record, run: staleRun }, unpinned);
  const claim = pool.claimed(staleRun, record.number);
  if (claim) pool.release(claim);
  return undefined;
}

const FREE: Disposable = { [Symbol.dispose]: () => {} };

function tryToLock(ports: Ports, files: ReturnType<typeof runFiles>): Disposable | undefined {
  try {
    return lockRun(ports, files, 0);
  } catch (error) {
    if (error instanceof OrchError && error.code === 'ORCH_LOCKED') return undefined;
    throw error;
  }
}
