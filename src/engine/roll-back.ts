/**
 * Brings the work tree to a checkpoint's tree. The present state is pinned first and its ref is in
 * the journal before a file changes, so that a crash half-way is finished by a resume and nothing is
 * lost either way. History is not rewritten, and the record of what happened stays.
 */
import { OrchError } from '../base/errors.ts';
import { committedFolder, rescueRef } from '../checkpoint/layout.ts';
import type { LiveRun } from './live-run.ts';
import { pinWorkTree } from './seal-wave.ts';

/** As a command of the loop: pins, records, restores, records. */
export function rollBack(run: LiveRun, to: number): void {
  const target = checkpointOf(run, to).tree;
  run.task('roll-back', async () => {
    const rescue = rescueRef(run.state.run, run.state.rollbacks + 1);
    const rescueCommit = await pinWorkTree(
      run,
      rescue,
      `orch: ${run.state.run} before rollback to wave ${to}`,
    );
    await refuseIfInTheWay(run, rescueCommit, target);
    return () => {
      run.record({ type: 'rollback.started', to, target, rescue, rescue_commit: rescueCommit });
      run.afterwards(() => finishRollBack(run));
    };
  });
}

/** Restores the tree that rollback.started names; also after a crash. */
export function finishRollBack(run: LiveRun): void {
  const open = run.state.rollbackOpen;
  if (open === undefined) throw new Error('no rollback was started');
  run.task('roll-back', async () => {
    const { tree: from } = await run.parts.git.readCommit(open.rescueCommit);
    await run.withIndex(() =>
      run.parts.git.restoreWorkTree(
        from,
        open.target,
        [committedFolder(run.state.run)],
        run.parts.files.index,
      ),
    );
    const restored = checkpointOf(run, open.to).commit;
    return () => run.record({ type: 'rollback.done', to: open.to, restored });
  });
}

function checkpointOf(run: LiveRun, wave: number) {
  const found = run.state.checkpoints.findLast((checkpoint) => checkpoint.wave === wave);
  if (found === undefined) {
    const waves = [...new Set(run.state.checkpoints.map((checkpoint) => checkpoint.wave))].join(
      ', ',
    );
    throw new OrchError(
      'ORCH_NO_SUCH_CHECKPOINT',
      `run ${run.state.run} has no checkpoint of wave ${wave}`,
      {
        fix:
          waves === ''
            ? `orch show ${run.state.run}`
            : `orch rollback ${run.state.run} --to <one of ${waves}>`,
      },
    );
  }
  return found;
}

async function refuseIfInTheWay(run: LiveRun, rescueCommit: string, target: string): Promise<void> {
  const { tree: from } = await run.parts.git.readCommit(rescueCommit);
  const paths = await run.parts.git.inTheWay(from, target, [committedFolder(run.state.run)]);
  if (paths.length === 0) return;
  const named =
    paths.slice(0, 5).join(', ') + (paths.length > 5 ? ` and ${paths.length - 5} more` : '');
  throw new OrchError(
    'ORCH_IN_THE_WAY',
    `files that no checkpoint holds are in the way: ${named}`,
    {
      fix: `move them away, then: orch rollback ${run.state.run} --to <wave>`,
    },
  );
}
