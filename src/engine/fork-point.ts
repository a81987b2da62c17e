/** The checkpoint that a new run goes on from: `orch run --from <run>@<wave>`. */
import { OrchError } from '../base/errors.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import { namePaths, withoutRecords } from '../checkpoint/rollback.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { type ForkPoint, isIsolated, latestCheckpoint } from '../run/state.ts';
import { lookAtAnyRun } from './find-known-run.ts';
import type { Frozen } from './frozen.ts';
import { runFiles } from './run-files.ts';

export interface Fork {
  readonly point: ForkPoint;
  /** The other run worked in a work tree of the user, which a rollback brings to the checkpoint. */
  readonly isInPlace: boolean;
}

/**
 * @param meant a run as everywhere (an id, its beginning, `@latest`), then `@` and the number of a wave
 * @throws OrchError ORCH_USAGE, ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS, ORCH_NO_SUCH_CHECKPOINT
 */
export async function findForkPoint(ports: Ports, git: GitPort, meant: string): Promise<Fork> {
  const [, run, wave] = /^(.+)@(\d{1,6})$/.exec(meant) ?? [];
  if (run === undefined) {
    throw new OrchError('ORCH_USAGE', `"${meant}" names no checkpoint`, {
      fix: 'name it as <run>@<wave>: --from @latest@2',
    });
  }
  const { state } = await lookAtAnyRun(ports, git, run);
  const checkpoint = latestCheckpoint(state, Number(wave));
  if (checkpoint && (await git.resolve(checkpoint.commit)) !== null) {
    const point = { run: state.run, wave: checkpoint.wave, commit: checkpoint.commit };
    return { point, isInPlace: !isIsolated(state) };
  }
  const waves = [...new Set(state.checkpoints.map((each) => each.wave))];
  throw new OrchError(
    'ORCH_NO_SUCH_CHECKPOINT',
    checkpoint
      ? `checkpoint ${wave} of run ${state.run} (${checkpoint.commit}) is not in the repository`
      : `run ${state.run} has no checkpoint of wave ${wave}`,
    {
      fix: checkpoint
        ? `fetch orch/${state.run} from where it was pushed`
        : waves.length === 0
          ? `orch resume ${state.run}: it was stopped before its first checkpoint`
          : `--from ${state.run}@<one of ${waves.join(', ')}>`,
    },
  );
}

/**
 * In the user's work tree, steps would work on whatever is there: it must be what the checkpoint holds.
 * @param frozen of the new run, which is given up
 * @throws OrchError ORCH_OTHER_TREE
 */
export async function refuseOtherTree(
  ports: Ports,
  git: GitPort,
  frozen: Frozen,
  { point: { run, wave, commit }, isInPlace }: Fork,
): Promise<void> {
  const { folder, index } = runFiles(git.repository.commonDir, frozen.run);
  const { maxFileSizeBytes } = frozen.workflow.checkpoint;
  const exclude = [committedFolder(frozen.run)];
  const { tree } = await git.snapshot({ index, exclude, maxFileSizeBytes });
  const paths = withoutRecords(await git.diffTrees(commit, tree)).map(({ path }) => path);
  if (paths.length === 0) return;
  ports.files.remove(folder);
  throw new OrchError(
    'ORCH_OTHER_TREE',
    `the work tree is not as wave ${wave} of run ${run} left it: ${namePaths(paths)}`,
    {
      fix: isInPlace
        ? `orch rollback ${run} --to ${wave}, or leave the work tree alone: --workspace isolated`
        : 'leave the work tree alone: --workspace isolated',
    },
  );
}
