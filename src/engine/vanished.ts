/** The files of a run are gone while it runs: a step can reach them, and `rm -rf .git/orch` is one word. */
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

export function objectsVanish({ state }: LiveRun): OrchError {
  return new OrchError(
    'ORCH_SNAPSHOT_INCOMPLETE',
    'objects vanish from the repository as they are written',
    {
      fix: `stop the \`git gc\` or \`git prune\` that runs beside orch, then: orch resume ${state.run}`,
    },
  );
}
