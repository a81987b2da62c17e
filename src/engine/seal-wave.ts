/** Writes the work tree as git objects that a ref holds: candidates of waves, and what failures left. */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { committedFolder, mergedRef, sealedRef } from '../checkpoint/layout.ts';
import type { CommitRequest, LeftOut, LeftOutReason, Snapshot } from '../ports/git.ts';
import type { LeftOutFile } from '../run/events.ts';
import { isIsolated, type RunState, stepStateOf, waveOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';

/** The wave's tree, pinned; gates look at it, and the checkpoint will be a commit of it. */
export function sealWave(run: LiveRun, wave: number): void {
  if (wave > 0 && isIsolated(run.state)) return sealTip(run, wave);
  run.task(`seal:${wave}`, async () => {
    const { snapshot, commit } = await run.withIndex(() =>
      pin(
        run,
        sealedRef(run.state.run, wave),
        `orch: ${run.state.workflow.name} wave ${wave}, sealed`,
      ),
    );
    if (isIsolated(run.state)) await beginTip(run, commit);
    return () =>
      run.record({
        type: 'wave.sealed',
        wave,
        commit,
        tree: snapshot.tree,
        left_out: leftOutFiles(snapshot.leftOut),
      });
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

/** @returns the commit that `ref` holds now */
export async function pinWorkTree(run: LiveRun, ref: string, message: string): Promise<Oid> {
  const { commit } = await run.withIndex(() => pin(run, ref, message));
  return commit;
}

async function pin(
  run: LiveRun,
  ref: string,
  message: string,
): Promise<{ snapshot: Snapshot; commit: Oid }> {
  const parent = run.state.checkpoints.at(-1)?.commit ?? run.state.base;
  let snapshot: Snapshot | undefined;
  const commit = await commitComplete(run, ref, async () => {
    // A `git gc --prune=now` beside us took objects that the warm index believed written.
    if (snapshot !== undefined) run.parts.ports.files.remove(run.parts.files.index);
    snapshot = await takeSnapshot(run);
    return { tree: snapshot.tree, parents: parent === null ? [] : [parent], message };
  });
  if (snapshot === undefined || commit === null) throw new Error('no snapshot was taken');
  return { snapshot, commit };
}

/**
 * Commits what `build` gives and lets a ref hold it; builds again when objects have vanished meanwhile.
 * @returns null when there was nothing to commit
 */
export async function commitComplete(
  run: LiveRun,
  ref: string,
  build: () => Promise<CommitRequest | undefined>,
): Promise<Oid | null> {
  const { git } = run.parts;
  for (let attempt = 1; ; attempt++) {
    const request = await build();
    if (request === undefined) return null;
    const commit = await git.commit(request);
    await git.updateRefs([{ ref, to: commit }]);
    if (await git.isComplete(commit, request.parents)) return commit;
    if (attempt === 3) {
      throw new OrchError(
        'ORCH_SNAPSHOT_INCOMPLETE',
        'objects vanish from the repository as they are written',
        {
          fix: 'stop the `git gc` or `git prune` that runs beside orch, then: orch resume',
        },
      );
    }
  }
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
