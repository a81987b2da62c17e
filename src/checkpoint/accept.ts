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
 *
 * An isolated run has left no file there: all that the commit changes is written, and where the user
 * has changed it as well nothing is.
 */
import { OrchError } from '../base/errors.ts';
import { isIsolated, type RunState } from '../run/state.ts';
import { type PathChange, withoutRecords } from './rollback.ts';

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

/** As AcceptDifferences, for an isolated run; without its own record, which is always written. */
export interface IsolatedDifferences {
  readonly headToCommit: readonly PathChange[];
  readonly workTreeToCommit: readonly PathChange[];
  readonly workTreeToHead: readonly PathChange[];
  /** The work tree and wave 0: what was edited since the run began. */
  readonly workTreeToStart: readonly PathChange[];
  readonly indexToCommit: readonly PathChange[];
  readonly indexToHead: readonly PathChange[];
  readonly indexToStart: readonly PathChange[];
  /**
   * Only when the commit leaves out what was uncommitted when the run began: the work tree and the same
   * with what the commit brings.
   */
  readonly workTreeToMerged?: readonly PathChange[];
}

export interface IsolatedChoice {
  /** Paths to be written or deleted in the work tree; all others are left as they are. */
  readonly written: ReadonlySet<string>;
  /** Paths that hold work of the user which would be overwritten: nothing can be brought. */
  readonly blocked: readonly string[];
}

/** Overwritten is only what HEAD or the run itself holds. */
export function choosePathsOfIsolated(differences: IsolatedDifferences): IsolatedChoice {
  const { headToCommit, workTreeToCommit, workTreeToMerged } = differences;
  const toWrite = all(workTreeToMerged ?? workTreeToCommit);
  const brought = all([...headToCommit, ...(workTreeToMerged ?? [])]);
  const editedHere = all(differences.workTreeToHead);
  const editedSince = all(differences.workTreeToStart);
  const unlikeCommit = all(differences.indexToCommit);
  const staged = all(differences.indexToHead);
  const stagedSince = all(differences.indexToStart);
  const isHeldInFile = (path: string) =>
    !toWrite.has(path) || !editedHere.has(path) || !editedSince.has(path);
  const isHeldInIndex = (path: string) => {
    if (!unlikeCommit.has(path) || !staged.has(path)) return true;
    // What stays uncommitted is taken from the file, so both have to be as they were.
    return !stagedSince.has(path) && (workTreeToMerged === undefined || !editedSince.has(path));
  };
  const blocked = [...brought].filter((path) => !isHeldInFile(path) || !isHeldInIndex(path));
  const kept = [...workTreeToCommit, ...differences.indexToCommit].filter(
    ({ path, oldMode }) => oldMode !== ABSENT && !brought.has(path),
  );
  const places = headToCommit.filter(({ newMode }) => newMode !== ABSENT);
  return {
    written: new Set([...brought].filter((path) => toWrite.has(path))),
    blocked: [...new Set([...blocked, ...findInPlaces(kept, places)])].sort(),
  };
}

/** Mode of a path that a tree does not have. */
const ABSENT = '000000';

/** Kept files where a folder belongs, and those in a folder where a file belongs. */
function findInPlaces(kept: readonly PathChange[], places: readonly PathChange[]): string[] {
  const files = all(places);
  const folders = new Set([...files].flatMap(foldersAbove));
  return [...all(kept)].filter(
    (path) => folders.has(path) || foldersAbove(path).some((folder) => files.has(folder)),
  );
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function all(changes: readonly PathChange[]): Set<string> {
  return new Set(changes.map(({ path }) => path));
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
export function refuseAtBeginning(state: RunState, wave: number): void {
  const { run, checkpoints } = state;
  const last = checkpoints.at(-1)?.wave ?? 0;
  if (wave > 0 || last === 0) return;
  throw new OrchError(
    'ORCH_NOT_ACCEPTABLE',
    isIsolated(state)
      ? `run ${run} was taken back to where it began: there is nothing to bring`
      : `the work tree was taken back to where run ${run} began: there is nothing to bring`,
    { fix: `orch rollback ${run} --to ${last}, then: orch accept ${run}` },
  );
}
