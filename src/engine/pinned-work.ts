/**
 * What refs hold of a run, and whether it is part of the run's result. Works from the refs alone when
 * the journal is damaged or gone. Reads, and changes nothing.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { branchOf, committedFolder, mergedRef } from '../checkpoint/layout.ts';
import { withoutRecords } from '../checkpoint/rollback.ts';
import {
  holdsChanges,
  judgePinned,
  type PinName,
  type Reason,
  readPinName,
  standingMerges,
  type Verdict,
} from '../checkpoint/salvage.ts';
import type { Change, Commit, GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import { isIsolated } from '../run/state.ts';
import { type ReadRun, readRun } from './read-run.ts';
import { runFiles } from './run-files.ts';

export interface PinnedRef {
  readonly ref: string;
  readonly oid: Oid;
  readonly name: PinName;
}

/** Refs that hold work of runs, by run. */
export async function pinnedRefs(git: GitPort): Promise<Map<string, PinnedRef[]>> {
  const found = new Map<string, PinnedRef[]>();
  for (const { ref, oid } of await git.listRefs('refs/orch')) {
    const name = readPinName(ref);
    if (name === undefined) continue;
    const list = found.get(name.run) ?? [];
    list.push({ ref, oid, name });
    found.set(name.run, list);
  }
  return found;
}

/** What is known of a run: what its files tell, or why they tell nothing. */
export type KnownRun =
  | { readonly run: string; readonly read: ReadRun }
  | { readonly run: string; readonly read?: undefined; readonly silence: string };

export function knowRun(ports: Ports, commonDir: string, run: string): KnownRun {
  if (!ports.files.exists(runFiles(commonDir, run).frozen))
    return { run, silence: 'its files are not here' };
  try {
    return { run, read: readRun(ports.files, commonDir, run) };
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    return { run, silence: error.what };
  }
}

/** Work that is not part of the result. */
export interface LeftWork extends PinnedRef {
  /** What it was made from: a commit, or the empty tree. */
  readonly base: Oid;
  readonly reason: Reason;
  /** Against `base`, without records of runs. */
  readonly changes: readonly Change[];
}

export async function findLeftWork(
  git: GitPort,
  known: KnownRun,
  refs: readonly PinnedRef[],
): Promise<LeftWork[]> {
  const judge = await judgeOf(git, known, refs);
  const left: LeftWork[] = [];
  for (const pinned of refs) {
    const verdict = await judge(pinned);
    if (verdict === 'kept') continue;
    const base = await baseOf(git, known, pinned);
    const all = await git.diffTrees(base, pinned.oid);
    if (verdict === 'compare' && (await isHeld(git, known, pinned.oid, all))) continue;
    const changes = withoutRecords(all);
    if (changes.length === 0 && pinned.name.kind !== 'attempt') continue;
    left.push({
      ...pinned,
      base,
      reason: verdict === 'compare' ? reasonOf(known, pinned.name) : verdict,
      changes,
    });
  }
  return left;
}

type Judge = (pinned: PinnedRef) => Promise<Verdict>;

async function judgeOf(git: GitPort, known: KnownRun, refs: readonly PinnedRef[]): Promise<Judge> {
  const { read, run } = known;
  const tip = await git.resolve(mergedRef(run));
  const hasMerges = read ? isIsolated(read.state) : tip !== null;
  if (read) {
    const { state, journal } = read;
    return async ({ name }) => {
      if (name.kind === 'attempt') return judgePinned(state, journal.events, name);
      // The attempts of an isolated run say all that a wave could; what is at work is no leftover.
      const isOfRun = name.kind === 'wave' && (hasMerges || !hasFinished(state));
      return isOfRun ? 'kept' : 'compare';
    };
  }
  const merged = tip === null ? new Set<Oid>() : await mergedCommits(git, run, tip, refs);
  return async ({ name, oid }) =>
    (name.kind === 'wave' && hasMerges) || merged.has(oid) ? 'kept' : 'compare';
}

/** Without a journal: what the merges hold, and attempts whose conflict was settled in one of them. */
async function mergedCommits(
  git: GitPort,
  run: string,
  tip: Oid,
  refs: readonly PinnedRef[],
): Promise<Set<Oid>> {
  const branch = await git.resolve(branchOf(run));
  const checkpoint = branch === null ? undefined : await treeWithoutRecord(git, run, branch);
  const merged = standingMerges(await mergesOf(git, run, tip), checkpoint);
  for (const { oid, name } of refs) {
    if (name.kind !== 'attempt' || name.round === undefined || !merged.has(oid)) continue;
    for (const parent of (await git.readCommit(oid)).parents) merged.add(parent);
  }
  return merged;
}

/** Whether everything that was ever merged, taken back since or not, has a ref of its own. */
export async function haveRefs(
  git: GitPort,
  run: string,
  refs: readonly PinnedRef[],
): Promise<boolean> {
  const tip = await git.resolve(mergedRef(run));
  if (tip === null) return true;
  const held = new Set(refs.map(({ oid }) => oid));
  const merges = await mergesOf(git, run, tip);
  return merges.every(({ parents }) => parents.slice(1).every((parent) => held.has(parent)));
}

/** From the newest merge down to wave 0, which is the first commit that does not name the run. */
async function mergesOf(git: GitPort, run: string, tip: Oid): Promise<Commit[]> {
  const chain: Commit[] = [];
  for (let at: Oid | undefined = tip; at !== undefined; ) {
    const commit: Commit = await git.readCommit(at);
    chain.push(commit);
    at = commit.message.includes(`\nOrch-Run: ${run}\n`) ? commit.parents[0] : undefined;
  }
  return chain;
}

async function treeWithoutRecord(git: GitPort, run: string, commit: Oid): Promise<Oid> {
  const records = await git.listFiles(commit, committedFolder(run));
  const without = new Map(records.map(({ path }) => [path, null]));
  return await git.treeWithFiles((await git.readCommit(commit)).tree, without);
}

/** The first parent; of what a rollback of merges has taken back, what it went back to. */
async function baseOf(git: GitPort, { read }: KnownRun, { ref, oid, name }: PinnedRef) {
  if (name.kind === 'rescue' && read && isIsolated(read.state)) {
    const begun = read.journal.events.findLast(
      (event) => event.type === 'rollback.started' && event.rescue === ref,
    );
    const target =
      begun?.type === 'rollback.started' &&
      read.state.checkpoints.findLast(({ tree }) => tree === begun.target);
    if (target) return target.commit;
  }
  const [parent] = (await git.readCommit(oid)).parents;
  return parent ?? (await git.emptyTree());
}

/** Whether the newest checkpoint or HEAD has all that was changed. */
async function isHeld(
  git: GitPort,
  { run, read }: KnownRun,
  commit: Oid,
  changes: readonly Change[],
): Promise<boolean> {
  const newest = read?.state.checkpoints.at(-1)?.commit ?? (await git.resolve(branchOf(run)));
  for (const kept of [newest, (await git.head()).oid]) {
    if (kept === null || kept === undefined) continue;
    if (holdsChanges(changes, await git.diffTrees(kept, commit))) return true;
  }
  return false;
}

function reasonOf(known: KnownRun, name: PinName): Reason {
  if (name.kind === 'rescue')
    return { kind: 'rescue', message: 'what was there before a rollback, an accept or a salvage' };
  if (name.kind === 'wave') {
    const message = `wave ${name.wave} as it was left: it has no checkpoint`;
    return { kind: 'not_checkpointed', message };
  }
  if (known.read === undefined) return { kind: 'unknown', message: known.silence };
  const { indexOf, steps, retired } = known.read.state;
  const step = steps[indexOf.get(name.step) ?? -1] ?? retired.get(name.step);
  const attempt = step?.attempts.find(({ n }) => n === name.attempt);
  return attempt?.failure ?? { kind: 'unknown', message: 'nothing tells how it ended' };
}
