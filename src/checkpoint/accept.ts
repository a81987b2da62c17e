/**
 * Decides about bringing a run's result to a branch: whether it may be brought, and which files of
 * the work tree have to be written for it.
 *
 * Normally none: an in-place run has left its files where they are, the branch and the index move to
 * them, and what the user changed since stays as an uncommitted change. Files are written only where
 * the work tree does not have them: a file that the branch changed meanwhile and nobody touched here,
 * or, when the work tree has none of the run's files any more, as after `git stash` or `git reset`,
 * every file that stands as HEAD has it. While some of them are there, a file as HEAD has it was taken
 * back on purpose.
 */
import { OrchError } from '../base/errors.ts';
import { plural, stripControl } from '../base/text.ts';
import type { AcceptHow } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { namePaths, type PathChange, withoutRecords } from './rollback.ts';

/** How trees differ; each list goes from the first to the second. */
export interface AcceptDifferences {
  /** HEAD and the commit to come: what accepting means for the branch. */
  readonly headToCommit: readonly PathChange[];
  readonly workTreeToCommit: readonly PathChange[];
  readonly workTreeToHead: readonly PathChange[];
  /** The work tree and the checkpoint that is brought: what was edited since. */
  readonly workTreeToCheckpoint: readonly PathChange[];
}

/** Paths to be written or deleted in the work tree; all others are left as they are. */
export function choosePathsToWrite(differences: AcceptDifferences): Set<string> {
  const brought = pathsOf(differences.headToCommit);
  const unlikeHead = pathsOf(differences.workTreeToHead);
  const edited = pathsOf(differences.workTreeToCheckpoint);
  const isAsLeft = (path: string) => unlikeHead.has(path) && !edited.has(path);
  const isAbsent = ![...brought].some(isAsLeft);
  const isMissed = (path: string) => isAbsent && brought.has(path) && !unlikeHead.has(path);
  const wanted = [...pathsOf(differences.workTreeToCommit)];
  return new Set(wanted.filter((path) => isMissed(path) || !edited.has(path)));
}

function pathsOf(changes: readonly PathChange[]): Set<string> {
  return new Set(withoutRecords(changes).map(({ path }) => path));
}

/** @throws OrchError ORCH_NOT_ACCEPTABLE */
export function refuseUnlessPassed(state: RunState): void {
  const { run } = state;
  if (state.rollbackOpen !== undefined) {
    throw new OrchError('ORCH_NOT_ACCEPTABLE', `a rollback of run ${run} was cut short`, {
      fix: `orch resume ${run}, then: orch accept ${run}`,
    });
  }
  if (state.status === 'passed') return;
  const isOver = state.status === 'failed' || state.status === 'cancelled';
  throw new OrchError(
    'ORCH_NOT_ACCEPTABLE',
    `run ${run} ${isOver ? state.status : 'has not finished'}; only a run that passed is accepted`,
    {
      fix: isOver
        ? `orch resume ${run} --retry-failed, then: orch accept ${run}`
        : `orch resume ${run}, then: orch accept ${run}`,
    },
  );
}

/** @throws OrchError ORCH_NOT_ACCEPTABLE when the run was taken back to where it began */
export function refuseAtBeginning({ run, checkpoints }: RunState, wave: number): void {
  const last = checkpoints.at(-1)?.wave ?? 0;
  if (wave > 0 || last === 0) return;
  throw new OrchError(
    'ORCH_NOT_ACCEPTABLE',
    `the work tree was taken back to where run ${run} began: there is nothing to bring`,
    { fix: `orch rollback ${run} --to ${last}, then: orch accept ${run}` },
  );
}

export function uncommittedAtStart(
  run: string,
  how: AcceptHow,
  paths: readonly string[],
): OrchError {
  return new OrchError(
    'ORCH_UNCOMMITTED',
    `run ${run} began on uncommitted changes, which would be committed too: ${namePaths(paths)}`,
    { fix: `orch accept ${run} --${how} --include-uncommitted` },
  );
}

export function notFastForward(run: string): OrchError {
  return new OrchError(
    'ORCH_NOT_FAST_FORWARD',
    `the current branch does not stand where run ${run} began, so it cannot be wound forward`,
    { fix: `orch accept ${run} --merge, or --squash` },
  );
}

export function conflicting(run: string, paths: readonly string[]): OrchError {
  const places = paths.length === 0 ? 'they have no common history' : namePaths(paths, 20);
  return new OrchError(
    'ORCH_MERGE_CONFLICT',
    `run ${run} and the current branch do not go together: ${places}; nothing was changed`,
    {
      fix: `git stash --include-untracked && git merge orch/${run}, and settle it there`,
    },
  );
}

export function gitBusy(run: string, what: string): OrchError {
  return new OrchError('ORCH_GIT_BUSY', `${what}; nothing was changed`, {
    fix: `finish it (git status says how), then: orch accept ${run}`,
  });
}

export function acceptInTheWay(run: string, paths: readonly string[]): OrchError {
  return new OrchError(
    'ORCH_IN_THE_WAY',
    `${plural(paths.length, 'file')} that no commit holds would be overwritten: ${namePaths(paths)}; nothing was changed`,
    { fix: `move them away, then: orch accept ${run}` },
  );
}

export function recordsInTheWay(run: string, path: string): OrchError {
  return new OrchError(
    'ORCH_IN_THE_WAY',
    `${path} is a symbolic link, where the record of the run belongs; nothing was changed`,
    { fix: `rm ${path}, then: orch accept ${run}` },
  );
}

export function onOwnBranch(run: string): OrchError {
  return new OrchError(
    'ORCH_NOT_ACCEPTABLE',
    `the current branch is orch/${stripControl(run)}, which the run itself has made`,
    { fix: `git switch <the branch to bring it to>, then: orch accept ${run}` },
  );
}
