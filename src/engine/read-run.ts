/** A run as its files tell it, without taking part in it: for everything that only looks. */
import { OrchError } from '../base/errors.ts';
import type { FilesPort } from '../ports/files.ts';
import { applyEvent } from '../run/apply-event.ts';
import { createState, replacePlan } from '../run/create-state.ts';
import type { RunEvent } from '../run/events.ts';
import type { Journal } from '../run/journal-read.ts';
import type { RunState } from '../run/state.ts';
import { type Frozen, readFrozen } from './frozen.ts';
import { loadJournal } from './journal.ts';
import { type RunFiles, runFiles, runsFolder } from './run-files.ts';

export interface ReadRun {
  readonly files: RunFiles;
  readonly frozen: Frozen;
  readonly journal: Journal;
  readonly state: RunState;
}

/** @throws OrchError when its files are damaged or from a newer orch */
export function readRun(files: FilesPort, commonDir: string, run: string): ReadRun {
  const at = runFiles(commonDir, run);
  const frozen = readFrozen(files, at.frozen);
  const journal = loadJournal(files, at);
  return { files: at, frozen, journal, state: foldJournal(files, at, frozen, journal.events) };
}

export function foldJournal(
  files: Pick<FilesPort, 'readText'>,
  at: Pick<RunFiles, 'folder'>,
  frozen: Frozen,
  events: readonly RunEvent[],
): RunState {
  const state = createState({
    run: frozen.run,
    workflow: frozen.workflow,
    plan: frozen.plan,
    inputs: frozen.inputs,
  });
  for (const event of events) {
    if (event.type === 'plan.changed') {
      replacePlan(state, readFrozen(files, `${at.folder}/${event.frozen}`));
    }
    applyEvent(state, event);
  }
  return state;
}

/** Ids of all runs whose files are here, oldest first by the time of their start. */
export function listRuns(files: FilesPort, commonDir: string): string[] {
  const folder = runsFolder(commonDir);
  return files
    .list(folder)
    .map((run) => ({ run, at: files.modifiedAtMs(`${folder}/${run}/run.json`) }))
    .filter((entry): entry is { run: string; at: number } => entry.at !== undefined)
    .sort((a, b) => a.at - b.at || (a.run < b.run ? -1 : 1))
    .map(({ run }) => run);
}

/**
 * The run that a person means: an id, any unambiguous beginning of one, `@latest`, or nothing for
 * the newest.
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export function findRun(files: FilesPort, commonDir: string, meant: string | undefined): string {
  const runs = listRuns(files, commonDir);
  if (meant === undefined || meant === '@latest') {
    const newest = runs.at(-1);
    if (newest === undefined) {
      throw new OrchError('ORCH_NO_SUCH_RUN', 'there is no run yet', {
        fix: 'orch run <workflow>',
      });
    }
    return newest;
  }
  if (meant.startsWith('@')) {
    throw new OrchError('ORCH_NO_SUCH_RUN', `"${meant}" is no run`, {
      fix: 'did you mean "@latest"?',
    });
  }
  if (runs.includes(meant)) return meant;
  const matching = runs.filter((run) => run.startsWith(meant));
  const [only] = matching;
  if (only === undefined) {
    throw new OrchError('ORCH_NO_SUCH_RUN', `no run begins with "${meant}"`, { fix: 'orch list' });
  }
  if (matching.length > 1) {
    throw new OrchError(
      'ORCH_RUN_AMBIGUOUS',
      `"${meant}" may be ${matching.slice(0, 5).join(', ')}`,
      {
        fix: 'give more of the id',
      },
    );
  }
  return only;
}
