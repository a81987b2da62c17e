/**
 * `orch gc`: deletes what is old and proved to be held elsewhere, and says what it keeps and why. What
 * may go is decided in checkpoint/retention.ts; here it is looked up and done.
 *
 * Each run is taken by its lock while it is looked at, so no process can take it up meanwhile. Refs go
 * before the files that say whether they may. Removing a folder is an intent first (a file `removing`
 * in it), so that a crash half-way is finished by the next gc.
 */
import { OrchError } from '../base/errors.ts';
import {
  judgeCacheEntry,
  judgeIsolated,
  judgeRescue,
  judgeRun,
  UNKNOWN_RUN,
  type Verdict,
} from '../checkpoint/retention.ts';
import { withoutRecords } from '../checkpoint/rollback.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { collectWorktrees, type PoolRequest } from './collect-worktrees.ts';
import { foldersOf, removeStale, staleLockFolders } from './diagnose-files.ts';
import { leftInRefs } from './left-in-refs.ts';
import { type RunToRetain, readRetainedRun, whoHolds } from './retained-run.ts';
import { detachedFolder, runFiles, runsFolder } from './run-files.ts';
import { lockRun } from './start-run.ts';

export interface GcRequest {
  readonly dryRun: boolean;
  /** In place of every retention. */
  readonly olderThanMs?: number;
  /** Of what belongs to no run. */
  readonly retentionMs: number;
  /** The pool of worktrees; absent to leave it alone. */
  readonly pool?: PoolRequest;
}

export interface GcItem {
  readonly kind: 'run' | 'ref' | 'lock' | 'file' | 'worktree' | 'claim';
  readonly name: string;
  readonly why: string;
}

export interface GcReport {
  readonly removed: readonly GcItem[];
  readonly kept: readonly GcItem[];
}

interface Sweep {
  readonly ports: Ports;
  readonly git: GitPort;
  readonly request: GcRequest;
  readonly nowMs: number;
  readonly removed: GcItem[];
  readonly kept: GcItem[];
}

/** @throws what git or the disk fails with; what was reported as removed until then is removed */
export async function collectGarbage(
  ports: Ports,
  git: GitPort,
  request: GcRequest,
): Promise<GcReport> {
  const nowMs = ports.clock.now();
  const sweep: Sweep = { ports, git, request, nowMs, removed: [], kept: [] };
  const folder = runsFolder(git.repository.commonDir);
  const refs = await refsByRun(git);
  // Before runs: their journals say whose work is in which worktree.
  if (request.pool) await sweepPool(sweep, request.pool);
  for (const run of ports.files.list(folder)) {
    await sweepRun(sweep, run, refs.get(run) ?? []);
    refs.delete(run);
  }
  for (const left of refs.values())
    for (const { ref } of left) settle(sweep, { kind: 'ref', name: ref }, UNKNOWN_RUN);
  await sweepCache(sweep);
  sweepFiles(sweep);
  sweepDetached(sweep);
  return { removed: sweep.removed, kept: sweep.kept };
}

/** @returns whether it is to be removed now */
function settle(sweep: Sweep, item: Omit<GcItem, 'why'>, verdict: Verdict): boolean {
  (verdict.remove ? sweep.removed : sweep.kept).push({ ...item, why: verdict.why });
  return verdict.remove && !sweep.request.dryRun;
}

interface RunRef {
  readonly ref: string;
  readonly oid: string;
  readonly kind: string;
}

/** Refs of attempts, sealed waves, merges and rescues, by the run they belong to. */
async function refsByRun(git: GitPort): Promise<Map<string, RunRef[]>> {
  const found = new Map<string, RunRef[]>();
  for (const { ref, oid } of await git.listRefs('refs/orch')) {
    const [, kind, run] = /^refs\/orch\/(attempts|merged|sealed|rescue)\/([^/]+)/.exec(ref) ?? [];
    if (kind === undefined || run === undefined) continue;
    const list = found.get(run) ?? [];
    list.push({ ref, oid, kind });
    found.set(run, list);
  }
  return found;
}

async function sweepRun(sweep: Sweep, run: string, refs: readonly RunRef[]): Promise<void> {
  const { ports, git, request } = sweep;
  const files = runFiles(git.repository.commonDir, run);
  if (!ports.files.exists(files.frozen)) return sweepRemains(sweep, run);
  const first = await judge(sweep, run, refs);
  if (request.dryRun || first.every(({ verdict }) => !verdict.remove)) {
    for (const { item, verdict } of first) settle(sweep, item, verdict);
    return;
  }
  let lock: Disposable;
  try {
    lock = lockRun(ports, files, 0);
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_LOCKED') throw error;
    settle(sweep, { kind: 'run', name: run }, { remove: false, why: error.what });
    return;
  }
  try {
    // Judged again now that nobody can take it up any more.
    for (const { item, verdict, oid } of await judge(sweep, run, refs)) {
      if (!settle(sweep, item, verdict)) continue;
      if (oid === undefined) removeRun(sweep, run);
      else await git.updateRefs([{ ref: item.name, to: null, from: oid }]);
    }
  } finally {
    lock[Symbol.dispose]();
  }
}

interface Judged {
  readonly item: Omit<GcItem, 'why'>;
  readonly verdict: Verdict;
  /** Of a ref; absent for the run's own files. */
  readonly oid?: string;
}

/** The merges go before what they refer to: without its refs nobody could tell what became of it. */
function mergesFirst(refs: readonly RunRef[]): RunRef[] {
  const isMerges = ({ kind }: RunRef) => Number(kind === 'merged');
  return [...refs].sort((a, b) => isMerges(b) - isMerges(a));
}

/** Refs first: the run's files are what says that they may go. */
async function judge(sweep: Sweep, run: string, refs: readonly RunRef[]): Promise<Judged[]> {
  const { ports, git, request, nowMs } = sweep;
  const read = await readRetainedRun(ports, git, run, request.olderThanMs);
  const retained = withoutOurselves(read, ports);
  const judged: Judged[] = [];
  const left = await leftInRefs(git, retained, nowMs);
  for (const { ref, oid, kind } of mergesFirst(refs)) {
    const verdict =
      kind === 'rescue'
        ? judgeRescue(retained, await isHeldElsewhere(sweep, retained, oid), nowMs)
        : judgeIsolated(retained, left.has(ref), nowMs);
    judged.push({ item: { kind: 'ref', name: ref }, verdict, oid });
  }
  return [...judged, { item: { kind: 'run', name: run }, verdict: judgeRun(retained, nowMs) }];
}

/** The lock is ours while we look. */
function withoutOurselves(run: RunToRetain, ports: Ports): RunToRetain {
  const { heldBy, ...rest } = run;
  const { pid } = ports.processes.self();
  return heldBy?.startsWith(`process ${pid} `) ? rest : run;
}

/**
 * Whether a kept commit has the same files as a rescue: one of the run's checkpoints, the commit it
 * began on, or the one that accepted it.
 */
async function isHeldElsewhere(sweep: Sweep, { read }: RunToRetain, oid: string): Promise<boolean> {
  const { git } = sweep;
  if (read === undefined) return false;
  const { state } = read;
  const head = (await git.head()).oid;
  const kept = state.checkpoints.map(({ commit }) => commit);
  if (state.base !== null && kept.length > 0) kept.push(state.base);
  if (head !== null) kept.push(head);
  // The pin of an accept: the index is its tree, the work tree that of its last parent.
  const pinned = [oid];
  const isOfAccept =
    state.accepted?.rescue != null && (await git.resolve(state.accepted.rescue)) === oid;
  if (isOfAccept) pinned.push((await git.readCommit(oid)).parents.at(-1) ?? oid);
  for (const commit of pinned) if (!(await isAmong(git, commit, kept))) return false;
  return true;
}

async function isAmong(git: GitPort, commit: string, kept: readonly string[]): Promise<boolean> {
  for (const other of kept)
    if (withoutRecords(await git.diffTrees(commit, other)).length === 0) return true;
  return false;
}

/** Without run.json it is no run any more, so what is left is removed without a second proof. */
function removeRun({ ports, git }: Sweep, run: string): void {
  const files = runFiles(git.repository.commonDir, run);
  ports.files.replace(`${files.folder}/removing`, 'proved to be held elsewhere\n');
  ports.files.remove(files.frozen);
  ports.files.remove(files.folder);
}

/** A folder without run.json: half removed, or of a run that was never begun, or not ours to judge. */
function sweepRemains(sweep: Sweep, run: string): void {
  const { ports, git } = sweep;
  const { commonDir } = git.repository;
  const files = runFiles(commonDir, run);
  const item = { kind: 'run', name: run } as const;
  const holder = whoHolds(ports, commonDir, run);
  const hasMark = ports.files.exists(`${files.folder}/removing`);
  const verdict: Verdict =
    holder !== undefined
      ? { remove: false, why: `${holder} is at work on it` }
      : hasMark
        ? { remove: true, why: 'an earlier gc was removing it' }
        : { remove: false, why: 'it has no run.json: being begun just now, or damaged' };
  if (settle(sweep, item, verdict)) ports.files.remove(files.folder);
}

async function sweepPool(sweep: Sweep, pool: PoolRequest): Promise<void> {
  const { ports, git, request, nowMs } = sweep;
  const { dryRun } = request;
  const retentionMs = request.olderThanMs ?? request.retentionMs;
  const found = await collectWorktrees(ports, git, pool, { retentionMs, nowMs, dryRun });
  for (const { item, verdict } of found) settle(sweep, item, verdict);
}

async function sweepCache(sweep: Sweep): Promise<void> {
  const { git, request, nowMs } = sweep;
  const retentionMs = request.olderThanMs ?? request.retentionMs;
  for (const { ref, oid } of await git.listRefs('refs/orch/cache')) {
    const madeAtMs = (await git.readCommit(oid)).committedAt * 1000;
    const verdict = judgeCacheEntry(madeAtMs, retentionMs, nowMs);
    if (settle(sweep, { kind: 'ref', name: ref }, verdict))
      await git.updateRefs([{ ref, to: null, from: oid }]);
  }
}

function sweepFiles(sweep: Sweep): void {
  const { ports, git } = sweep;
  for (const { folder, stale } of staleLockFolders(ports, git.repository)) {
    const verdict = { remove: true, why: 'its holder is gone' };
    const now = stale.map((name) => settle(sweep, { kind: 'lock', name }, verdict));
    if (now.some(Boolean)) removeStale(ports, { folder, name: 'lock' });
  }
  for (const path of foldersOf(ports.files, git.repository).flatMap((at) =>
    ports.files.leftovers(at),
  )) {
    const verdict = { remove: true, why: 'a crash left it half written' };
    if (settle(sweep, { kind: 'file', name: path }, verdict)) ports.files.remove(path);
  }
}

/** What detached processes of orch printed, as long as there is a run to ask it of. */
function sweepDetached(sweep: Sweep): void {
  const { ports, git, request, nowMs } = sweep;
  const { commonDir } = git.repository;
  const folder = detachedFolder(commonDir);
  for (const name of ports.files.list(folder)) {
    const path = `${folder}/${name}`;
    const run = ports.files.readText(`${path}/run`)?.trim();
    if (run && ports.files.exists(runFiles(commonDir, run).folder)) continue;
    const ageMs = nowMs - (ports.files.modifiedAtMs(path) ?? nowMs);
    if (ageMs < (request.olderThanMs ?? request.retentionMs)) continue;
    const verdict = { remove: true, why: 'the output of a detached run that is gone' };
    if (settle(sweep, { kind: 'file', name: path }, verdict)) ports.files.remove(path);
  }
}
