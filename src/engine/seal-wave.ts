/** Writes the work tree as git objects that a ref holds: candidates of waves, and what failures left. */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { committedFolder, sealedRef } from '../checkpoint/layout.ts';
import type { LeftOut, LeftOutReason, Snapshot } from '../ports/git.ts';
import type { LeftOutFile } from '../run/events.ts';
import { type RunState, waveOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';

/** The wave's tree, pinned; gates look at it, and the checkpoint will be a commit of it. */
export function sealWave(run: LiveRun, wave: number): void {
  run.task(`seal:${wave}`, async () => {
    const { snapshot, commit } = await run.withIndex(() =>
      pin(
        run,
        sealedRef(run.state.run, wave),
        `orch: ${run.state.workflow.name} wave ${wave}, sealed`,
      ),
    );
    return () =>
      run.record({
        type: 'wave.sealed',
        wave,
        commit,
        tree: snapshot.tree,
        left_out: leftOut(snapshot),
      });
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
  const { git, files } = run.parts;
  const parent = run.state.checkpoints.at(-1)?.commit ?? run.state.base;
  for (let attempt = 1; ; attempt++) {
    const snapshot = await takeSnapshot(run);
    const commit = await git.commit({
      tree: snapshot.tree,
      parents: parent === null ? [] : [parent],
      message,
    });
    await git.updateRefs([{ ref, to: commit }]);
    if (await git.isComplete(commit, parent === null ? [] : [parent])) return { snapshot, commit };
    // A `git gc --prune=now` beside us took objects that the warm index believed written.
    run.parts.ports.files.remove(files.index);
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

function leftOut(snapshot: Snapshot): LeftOutFile[] {
  return snapshot.leftOut.map(({ path, reason, sizeBytes }) => ({
    path,
    reason,
    ...(sizeBytes !== undefined && { size_bytes: sizeBytes }),
  }));
}
