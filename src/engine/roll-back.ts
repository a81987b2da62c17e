/**
 * Brings the work tree to a checkpoint's tree. The present state is pinned first and its ref is in
 * the journal before a file changes, so that a crash half-way is finished later and nothing is lost
 * either way. History is not rewritten, and the record of what happened stays.
 *
 * The three parts are used one after the other by the loop (`on_failure: rollback`), by the command
 * (rollback-run.ts) and by a resume that finds a rollback half done.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { committedFolder, RECORDS_FOLDER } from '../checkpoint/layout.ts';
import {
  editedSince,
  inTheWay,
  judgeRestored,
  type MovedSubmodule,
} from '../checkpoint/rollback.ts';
import type { RollbackDone, RollbackStarted } from '../run/events.ts';
import { type Checkpoint, isIsolated, latestCheckpoint, type RunState } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { nextRescueRef } from './rescue-ref.ts';
import { pinWorkTree, takeSnapshot } from './seal-wave.ts';
import { prepareTipRollBack, restoreTip } from './take-back.ts';

/** As a command of the loop: pins, records, restores, records. */
export function rollBack(run: LiveRun, to: number): void {
  run.task('roll-back', async () => {
    const started = await prepareRollBack(run, checkpointOf(run.state, to), 'on_failure');
    return () => {
      run.record(started);
      run.afterwards(() =>
        run.task('roll-back', async () => {
          const { done } = await restoreTarget(run);
          return () => run.record(done);
        }),
      );
    };
  });
}

/**
 * Pins the work tree.
 * @returns the event to be made durable before anything is restored
 * @throws OrchError ORCH_IN_THE_WAY, with nothing changed
 */
export async function prepareRollBack(
  run: LiveRun,
  checkpoint: Checkpoint,
  by: 'command' | 'on_failure',
): Promise<RollbackStarted> {
  const { git } = run.parts;
  const target = await sealedTreeOf(run, checkpoint);
  if (isIsolated(run.state)) return await prepareTipRollBack(run, checkpoint, by);
  const { tree: now } = await run.withIndex(() => takeSnapshot(run));
  const rescue = await nextRescueRef(run, ({ tree }) => tree === now);
  const subject = `orch: ${run.state.run} before rollback to wave ${checkpoint.wave}`;
  const commit = await pinWorkTree(run, rescue, subject);
  const { tree: from } = await git.readCommit(commit);
  const blockers = await git.inTheWay(from, target, [RECORDS_FOLDER]);
  if (blockers.length > 0) {
    await git.updateRefs([{ ref: rescue, to: null, from: commit }]);
    throw inTheWay(run.state.run, checkpoint.wave, blockers);
  }
  const { wave } = checkpoint;
  return { type: 'rollback.started', to: wave, target, rescue, rescue_commit: commit, by };
}

/** Of paths that could not be restored, so many are in the journal. */
const MAX_PATHS_RECORDED = 100;

/** What a restore came to. */
export interface Restored {
  readonly done: RollbackDone;
  readonly tree: Oid;
  /** Ref that holds what was there before. */
  readonly rescue: string;
  /** Paths that are not as in the checkpoint, though they were written. */
  readonly differing: readonly string[];
  /** Left where they stand on purpose. */
  readonly submodules: readonly MovedSubmodule[];
}

/** Writes the files of the open rollback; safe to repeat. */
export async function restoreTarget(run: LiveRun): Promise<Restored> {
  const { git, files } = run.parts;
  const open = openRollBack(run.state);
  const checkpoint = checkpointOf(run.state, open.to);
  const target = await sealedTreeOf(run, checkpoint);
  if (isIsolated(run.state)) {
    const done = await restoreTip(run, checkpoint);
    return { done, tree: target, rescue: open.rescue, differing: [], submodules: [] };
  }
  const { tree: from } = await git.readCommit(open.rescueCommit);
  return await run.withIndex(async () => {
    await git.restoreWorkTree(from, target, [RECORDS_FOLDER], files.index);
    const { tree: now } = await takeSnapshot(run);
    const { differing, submodules } = judgeRestored(await git.diffTrees(now, target));
    const left = [...differing, ...submodules.map(({ path }) => path)];
    const done: RollbackDone = {
      type: 'rollback.done',
      to: open.to,
      restored: checkpoint.commit,
      ...(left.length > 0 && { not_restored: left.slice(0, MAX_PATHS_RECORDED) }),
    };
    return { done, tree: target, rescue: open.rescue, differing, submodules };
  });
}

/**
 * Finishes a rollback that a crash cut short, and records its end. When files were changed since, by
 * whomever, that state is pinned as well: it is nowhere else.
 */
export async function completeRollBack(run: LiveRun): Promise<Restored> {
  const { git } = run.parts;
  const open = openRollBack(run.state);
  const checkpoint = checkpointOf(run.state, open.to);
  const target = await sealedTreeOf(run, checkpoint);
  const { tree: from } = await git.readCommit(open.rescueCommit);
  const before = await git.diffTrees(from, target);
  const now = isIsolated(run.state) ? from : (await run.withIndex(() => takeSnapshot(run))).tree;
  if (editedSince(before, await git.diffTrees(now, target)).length > 0) {
    run.record(await prepareRollBack(run, checkpoint, open.by));
    run.flush();
  }
  const restored = await restoreTarget(run);
  run.record(restored.done);
  run.flush();
  return restored;
}

function openRollBack(state: RunState): NonNullable<RunState['rollbackOpen']> {
  if (state.rollbackOpen === undefined) throw new Error('no rollback was started');
  return state.rollbackOpen;
}

/** The journal names the wave, so its checkpoint is there. */
function checkpointOf(state: RunState, wave: number): Checkpoint {
  const found = latestCheckpoint(state, wave);
  if (found === undefined) throw new Error(`run ${state.run} has no checkpoint of wave ${wave}`);
  return found;
}

/**
 * The tree as it was sealed, taken from the checkpoint that holds it together with the run's record:
 * nothing else refers to the sealed tree itself, and a `git gc` may have deleted it since.
 */
export async function sealedTreeOf(run: LiveRun, { commit, tree, wave }: Checkpoint): Promise<Oid> {
  const { git } = run.parts;
  const { base } = run.state;
  if (!(await git.isComplete(commit, base === null ? [] : [base])))
    throw incomplete(run.state.run, wave, commit);
  const records = await git.listFiles(commit, committedFolder(run.state.run));
  const without = new Map(records.map(({ path }) => [path, null]));
  const sealed = await git.treeWithFiles((await git.readCommit(commit)).tree, without);
  if (sealed !== tree) throw incomplete(run.state.run, wave, commit);
  return sealed;
}

function incomplete(run: string, wave: number, commit: Oid): OrchError {
  return new OrchError(
    'ORCH_CHECKPOINT_DAMAGED',
    `checkpoint ${wave} of run ${run} (${commit}) is not in the repository as it was made; nothing was changed`,
    { fix: `orch audit ${run}, and fetch orch/${run} from where it was pushed` },
  );
}
