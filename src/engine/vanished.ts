/**
 * What others take away while a run is at work: its files, which a step can reach (`rm -rf .git/orch` is
 * one word), and git's objects, which a `git gc` removes as long as no ref holds them.
 */
import { OrchError } from '../base/errors.ts';
import type { LiveRun } from './live-run.ts';

export function vanished({ parts, state }: LiveRun): OrchError {
  const { run, checkpoints } = state;
  const last = checkpoints.at(-1);
  return new OrchError(
    'ORCH_RUN_DAMAGED',
    `the files of run ${run} have vanished while it ran: ${parts.files.folder}`,
    {
      fix:
        last === undefined
          ? 'see which step deletes them, then start anew: orch run'
          : `see which step deletes them; orch rollback ${run} --to ${last.wave} makes them again from the branch`,
    },
  );
}

/** Of somebody who collects garbage all the time, one try in two may fail. */
const TRIES = 12;

/**
 * Makes objects and lets a ref hold them. A `git gc --prune=now` beside us may take what no ref holds
 * yet: git then fails on what it has just written, or the proof finds a gap, and all is made again.
 * @param make undefined: some of it was missing when it was looked at
 * @throws what git failed with the last time, or OrchError ORCH_SNAPSHOT_INCOMPLETE
 */
export async function untilWhole<T>(
  run: LiveRun,
  make: (attempt: number) => Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const made = await make(attempt);
      if (made !== undefined) return made;
    } catch (error) {
      if (attempt === TRIES || !isAboutObjects(error)) throw error;
    }
    if (attempt === TRIES) throw objectsVanish(run);
  }
}

/** What git says of other things than its objects, and would say again. */
const OTHERWISE = /external filter|clean filter|ended by SIG/;

export function isAboutObjects(error: unknown): boolean {
  if (!(error instanceof OrchError)) return false;
  if (error.code === 'ORCH_REPOSITORY_DAMAGED') return true;
  return error.code === 'ORCH_GIT_FAILED' && !OTHERWISE.test(error.what);
}

function objectsVanish({ state }: LiveRun): OrchError {
  return new OrchError(
    'ORCH_SNAPSHOT_INCOMPLETE',
    'objects vanish from the repository as they are written',
    {
      fix: `stop the \`git gc\` or \`git prune\` that runs beside orch, then: orch resume ${state.run}`,
    },
  );
}

/** As objectsVanish, before anything was changed for the sake of which they were written. */
export function vanishedBeforeChange(): OrchError {
  return new OrchError(
    'ORCH_SNAPSHOT_INCOMPLETE',
    'objects vanish from the repository as they are written; nothing was changed',
    { fix: 'stop the `git gc` or `git prune` that runs beside orch, then try again' },
  );
}
