/** Writes the work tree as git objects that a ref holds: candidates of waves, and what failures left. */
import type { Oid } from '../base/ids.ts';
import { committedFolder, mergedRef, sealedRef } from '../checkpoint/layout.ts';
import type { LeftOut, LeftOutReason, Snapshot } from '../ports/git.ts';
import type { SecretFinding } from '../ports/secrets.ts';
import type { LeftOutFile, SecretPlace } from '../run/events.ts';
import { type ForkPoint, isIsolated, type RunState, stepStateOf, waveOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { pathsOf, policyOf, secretFound, secretsIn, withoutPaths } from './scan-secrets.ts';
import { untilWhole } from './vanished.ts';

/** In the journal; of a tree full of test data, for instance, the first ones say enough. */
const MAX_SECRETS_RECORDED = 100;

/**
 * The wave's tree, pinned; gates look at it, and the checkpoint will be a commit of it.
 * @throws OrchError ORCH_SECRET_FOUND for wave 0, from which nothing could be left out: the run would
 *   begin on another tree than the one that is there
 */
export function sealWave(run: LiveRun, wave: number): void {
  const { from } = run.state;
  if (wave > 0 && isIsolated(run.state)) return sealTip(run, wave);
  if (from && isIsolated(run.state)) return sealFork(run, from);
  run.task(`seal:${wave}`, async () => {
    const name = `orch: ${run.state.workflow.name} wave ${wave}, sealed`;
    const pinned = await run.withIndex(() => pinScanned(run, sealedRef(run.state.run, wave), name));
    const { commit, tree, snapshot, secrets, isRefused } = pinned;
    if (isRefused && wave === 0) throw secretFound(secrets);
    const refused = isRefused ? pathsOf(secrets) : [];
    if (isIsolated(run.state)) await beginTip(run, commit);
    return () =>
      run.record({
        type: 'wave.sealed',
        wave,
        commit,
        tree,
        left_out: [
          ...leftOutFiles(snapshot.leftOut),
          ...refused.map((path) => ({ path, reason: 'secret' })),
        ],
        ...(secrets.length > 0 && { secrets: placesOf(secrets) }),
        ...(isRefused && { refused: true as const }),
      });
  });
}

/** Wave 0 of an isolated run that goes on from a checkpoint: what that holds, and nothing of the user's. */
function sealFork(run: LiveRun, { run: other, wave, commit: parent }: ForkPoint): void {
  run.task('seal:0', async () => {
    const { git } = run.parts;
    const { tree } = await git.readCommit(parent);
    // Only to have the list of what is ignored now: no later attempt may bring that into a commit.
    await run.withIndex(() => takeSnapshot(run));
    const message = `orch: ${run.state.workflow.name} wave 0, from wave ${wave} of ${other}`;
    const commit = await holdComplete(run, sealedRef(run.state.run, 0), async () => ({
      commit: await git.commit({ tree, parents: [parent], message }),
      known: [parent],
    }));
    if (commit === null) throw new Error('a commit was made');
    await beginTip(run, commit);
    return () => run.record({ type: 'wave.sealed', wave: 0, commit, tree, left_out: [] });
  });
}

/** All work is merged on top of wave 0. */
async function beginTip(run: LiveRun, commit: Oid): Promise<void> {
  await run.parts.git.updateRefs([{ ref: mergedRef(run.state.run), to: commit }]);
}

/** Isolated runs: what is merged by now. decide() starts no merge meanwhile. */
function sealTip(run: LiveRun, wave: number): void {
  const { state } = run;
  const { tip } = state;
  if (tip === undefined) throw new Error('wave 0 was never sealed');
  run.task(`seal:${wave}`, async () => {
    await run.parts.git.updateRefs([{ ref: sealedRef(state.run, wave), to: tip.commit }]);
    const left_out = state.nodes
      .filter((node) => node.wave === wave)
      .flatMap(({ index }) => stepStateOf(state, index).attempts.at(-1)?.leftOut ?? []);
    return () =>
      run.record({ type: 'wave.sealed', wave, commit: tip.commit, tree: tip.tree, left_out });
  });
}

export function placesOf(findings: readonly SecretFinding[]): SecretPlace[] {
  return findings
    .slice(0, MAX_SECRETS_RECORDED)
    .map(({ path, line, rule }) => ({ path, line, rule }));
}

/**
 * All of the work tree, secrets too: what a rollback is about to replace must be somewhere.
 * @returns the commit that `ref` holds now
 */
export async function pinWorkTree(run: LiveRun, ref: string, message: string): Promise<Oid> {
  const { commit } = await run.withIndex(() => pin(run, ref, message, wholeTree));
  return commit;
}

/** What a failed attempt left, without what may not be committed; its wave says so when it is sealed. */
export async function pinFailed(run: LiveRun, ref: string, message: string): Promise<Oid> {
  const { commit } = await run.withIndex(() => pinScanned(run, ref, message));
  return commit;
}

interface Pinned {
  readonly snapshot: Snapshot;
  /** That of the snapshot, less what was refused. */
  readonly tree: Oid;
  readonly commit: Oid;
}

interface Scanned extends Pinned {
  readonly secrets: readonly SecretFinding[];
  /** They are not in the tree. */
  readonly isRefused: boolean;
}

async function pinScanned(run: LiveRun, ref: string, message: string): Promise<Scanned> {
  const { checkpointOpen, checkpoints, base } = run.state;
  // The checkpoint of the wave before may still be on its way.
  const before = checkpointOpen?.tree ?? checkpoints.at(-1)?.tree ?? base;
  const { git } = run.parts;
  let secrets: readonly SecretFinding[] = [];
  let isRefused = false;
  const pinned = await pin(run, ref, message, async ({ tree }, commitOf) => {
    // The commit mostly waits for the disk; most trees hold no secret, and then it is the right one.
    const [found, whole] = await Promise.all([secretsIn(run, git, before, tree), commitOf(tree)]);
    secrets = found;
    isRefused = found.length > 0 && policyOf(run) === 'refuse';
    if (!isRefused) return { tree, commit: whole };
    const rest = await withoutPaths(git, before, tree, pathsOf(found));
    return { tree: rest, commit: await commitOf(rest) };
  });
  return { ...pinned, secrets, isRefused };
}

type Choose = (
  snapshot: Snapshot,
  commitOf: (tree: Oid) => Promise<Oid>,
) => Promise<{ readonly tree: Oid; readonly commit: Oid }>;

const wholeTree: Choose = async ({ tree }, commitOf) => ({ tree, commit: await commitOf(tree) });

/** @param choose what of a snapshot is committed */
async function pin(run: LiveRun, ref: string, message: string, choose: Choose): Promise<Pinned> {
  const { git } = run.parts;
  const parent = run.state.checkpoints.at(-1)?.commit ?? run.state.base;
  const parents = parent === null ? [] : [parent];
  let pinned: Pinned | undefined;
  await holdComplete(run, ref, async (attempt) => {
    // A `git gc --prune=now` beside us took objects that the warm index believed written.
    if (attempt > 1) run.parts.ports.files.remove(run.parts.files.index);
    const snapshot = await takeSnapshot(run);
    const commitOf = (tree: Oid) => git.commit({ tree, parents, message });
    pinned = { snapshot, ...(await choose(snapshot, commitOf)) };
    return { commit: pinned.commit, known: parents };
  });
  if (pinned === undefined) throw new Error('no snapshot was taken');
  return pinned;
}

/**
 * Lets a ref hold the commit that `build` makes; has it made again when objects have vanished meanwhile.
 * @param build gives the commit and those that are known to be whole; undefined when there is nothing to commit
 * @returns null when there was nothing to commit
 */
export async function holdComplete(
  run: LiveRun,
  ref: string,
  build: (
    attempt: number,
  ) => Promise<{ readonly commit: Oid; readonly known: readonly Oid[] } | undefined>,
): Promise<Oid | null> {
  const { git } = run.parts;
  const { held } = await untilWhole(run, async (attempt) => {
    const built = await build(attempt);
    if (built === undefined) return { held: null };
    await git.updateRefs([{ ref, to: built.commit }]);
    const isWhole = await git.isComplete(built.commit, built.known);
    return isWhole ? { held: built.commit } : undefined;
  });
  return held;
}

/** The tree of the work tree as it is; to be called inside withIndex. */
export async function takeSnapshot(run: LiveRun): Promise<Snapshot> {
  return await run.parts.git.snapshot({
    index: run.parts.files.index,
    exclude: [committedFolder(run.state.run)],
    maxFileSizeBytes: run.state.workflow.checkpoint.maxFileSizeBytes,
    keepOut: keptOut(run.state),
  });
}

/** What wave 0 had left out; the journal knows it, whatever has become of the private index. */
export function keptOut(state: RunState): LeftOut[] {
  return (waveOf(state, 0).leftOut ?? []).map(({ path, reason, size_bytes }) => ({
    path,
    reason: reason as LeftOutReason,
    ...(size_bytes !== undefined && { sizeBytes: size_bytes }),
  }));
}

export function leftOutFiles(leftOut: readonly LeftOut[]): LeftOutFile[] {
  return leftOut.map(({ path, reason, sizeBytes }) => ({
    path,
    reason,
    ...(sizeBytes !== undefined && { size_bytes: sizeBytes }),
  }));
}
