/**
 * The run that a command means which goes on with a run or changes one. Without a name it is one of
 * this work tree: in another, the command would change files that nobody looks at.
 */
import { OrchError } from '../base/errors.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import { findCommitted } from './find-known-run.ts';
import { hasClearlyEnded } from './look-at-run.ts';
import { isPlaceOf } from './place-of-run.ts';
import { findRun, listRuns, readRun } from './read-run.ts';
import { runFiles } from './run-files.ts';

/**
 * What is looked for when no run is named: the newest that is not over, or the newest that did not pass;
 * the newest of all where there is none.
 */
export type Wanted = 'unfinished' | 'not-passed' | 'newest';

/** @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS */
export async function chooseRun(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
  wanted: Wanted,
): Promise<string> {
  const { commonDir } = git.repository;
  if (meant !== undefined) return await findLiveRun(ports, git, meant);
  const here = listRuns(ports.files, commonDir)
    .reverse()
    .filter((run) => isPlaceOf(ports.files, git.repository, run));
  const run = here.find((one) => isWanted(ports, commonDir, one, wanted)) ?? here[0];
  if (run !== undefined) return run;
  const elsewhere = await findLiveRun(ports, git, undefined);
  throw new OrchError('ORCH_NO_SUCH_RUN', 'no run was made in this work tree', {
    fix: `orch list, and name the run: ${elsewhere} is the newest`,
  });
}

/**
 * As findRun; of a run that only git knows it is said that its files are elsewhere.
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export async function findLiveRun(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<string> {
  try {
    return findRun(ports.files, git.repository.commonDir, meant);
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_NO_SUCH_RUN') throw error;
    const known = await findCommitted(git, meant);
    if (known === undefined) throw error;
    throw new OrchError(
      'ORCH_NO_SUCH_RUN',
      `run ${known.run} was made elsewhere: only its checkpoints are here (${known.where}), not its processes and logs`,
      { fix: `orch show ${known.run}, or go on where it was run`, cause: error },
    );
  }
}

/** A damaged run is nobody's choice, and whoever names it hears why. */
function isWanted(ports: Ports, commonDir: string, run: string, wanted: Wanted): boolean {
  if (wanted === 'newest') return true;
  const files = runFiles(commonDir, run);
  if (wanted === 'unfinished' && hasClearlyEnded(ports, files)) return false;
  try {
    const { state } = readRun(ports.files, commonDir, run);
    return wanted === 'unfinished' ? !hasFinished(state) : state.status !== 'passed';
  } catch (error) {
    if (error instanceof OrchError) return false;
    throw error;
  }
}
