/** What `orch accept` says when it does not bring a run: why, and the next thing to type. */
import { OrchError } from '../base/errors.ts';
import { plural, stripControl } from '../base/text.ts';
import type { AcceptHow } from '../run/events.ts';
import { namePaths } from './rollback.ts';

/** @param canLeaveThem a squash brings the run without them */
export function uncommittedAtStart(
  run: string,
  how: AcceptHow,
  paths: readonly string[],
  canLeaveThem: boolean,
): OrchError {
  const without = canLeaveThem ? `, or without them: orch accept ${run} --squash` : '';
  return new OrchError(
    'ORCH_UNCOMMITTED',
    `run ${run} began on uncommitted changes, which would be committed too: ${namePaths(paths)}`,
    { fix: `orch accept ${run} --${how} --include-uncommitted${without}` },
  );
}

/** What the run changed cannot be told from what was uncommitted when it began. */
export function notApart(run: string, paths: readonly string[]): OrchError {
  return new OrchError(
    'ORCH_MERGE_CONFLICT',
    `what run ${run} changed builds on uncommitted changes, or does not go with the current branch: ${namePaths(paths, 20)}; nothing was changed`,
    { fix: `orch accept ${run} --squash --include-uncommitted` },
  );
}

/** Files that the user and the run have both changed. */
export function changedByBoth(run: string, how: AcceptHow, paths: readonly string[]): OrchError {
  return new OrchError(
    'ORCH_IN_THE_WAY',
    `${plural(paths.length, 'file')} with uncommitted changes would be overwritten by what run ${run} brings: ${namePaths(paths, 20)}; nothing was changed`,
    {
      fix: `commit them, or: git stash --include-untracked, then: orch accept ${run} --${how}, then: git stash pop`,
    },
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
