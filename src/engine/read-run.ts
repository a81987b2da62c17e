/** A run as its files tell it, without taking part in it: for everything that only looks. */
import { OrchError } from '../base/errors.ts';
import { isRunId } from '../base/ids.ts';
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
  const frozen = readFrozen(files, at.frozen, run);
  const journal = loadJournal(files, at);
  return { files: at, frozen, journal, state: foldJournal(files, at, frozen, journal.events) };
}

/** @throws OrchError ORCH_JOURNAL_DAMAGED for events that do not follow each other in this run */
export function foldJournal(
  files: Pick<FilesPort, 'readText'>,
  at: Pick<RunFiles, 'folder'>,
  frozen: Frozen,
  events: readonly RunEvent[],
): RunState {
  try {
    return fold(files, at, frozen, events);
  } catch (cause) {
    if (cause instanceof OrchError) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new OrchError(
      'ORCH_JOURNAL_DAMAGED',
      `the journal in ${at.folder} does not fit its run: ${detail}`,
      { fix: `orch audit ${frozen.run}`, cause },
    );
  }
}

function fold(
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
    ...(frozen.from && { from: frozen.from }),
    ...(frozen.agents && { agents: frozen.agents }),
    ...(frozen.personas && { personas: frozen.personas }),
  });
  for (const event of events) {
    if (event.type === 'plan.changed') {
      const path = `${at.folder}/${event.frozen}`;
      replacePlan(state, readFrozen(files, path, frozen.run));
    }
    applyEvent(state, event);
  }
  return state;
}

interface Listed {
  readonly run: string;
  /** `261121`, from the id. */
  readonly day: string;
  readonly path: string;
  readonly modifiedAtMs: number;
}

/**
 * Ids of all runs whose files are here, oldest first by the time of their start. The time of a file
 * says when it was written, which for a run that was rebuilt or restored is another matter.
 */
export function listRuns(files: FilesPort, commonDir: string): string[] {
  const folder = runsFolder(commonDir);
  const days = new Map<string, Listed[]>();
  for (const run of files.list(folder).filter(isRunId)) {
    const path = `${folder}/${run}/run.json`;
    const modifiedAtMs = files.modifiedAtMs(path);
    if (modifiedAtMs === undefined) continue;
    const day = /-(\d{6})-[^-]+$/.exec(run)?.[1] ?? '';
    const listed = { run, day, path, modifiedAtMs };
    const others = days.get(day);
    if (others === undefined) days.set(day, [listed]);
    else others.push(listed);
  }
  return [...days.keys()].sort().flatMap((day) => orderOfDay(files, days.get(day) ?? []));
}

/** Only what began on the same day has to be looked into. */
function orderOfDay(files: FilesPort, listed: readonly Listed[]): string[] {
  if (listed.length < 2) return listed.map(({ run }) => run);
  return listed
    .map(({ run, path, modifiedAtMs }) => ({ run, at: createdAtMs(files, path) ?? modifiedAtMs }))
    .sort((a, b) => a.at - b.at || (a.run < b.run ? -1 : 1))
    .map(({ run }) => run);
}

/** More than stands before `created_at` in a run.json. */
const HEAD_BYTES = 512;

/** Undefined for a file that is damaged or was written in another order. */
function createdAtMs(files: FilesPort, path: string): number | undefined {
  try {
    const head = new TextDecoder().decode(files.readPart(path, 0, HEAD_BYTES));
    const at = Date.parse(/"created_at":"([^"]*)"/.exec(head)?.[1] ?? '');
    return Number.isNaN(at) ? undefined : at;
  } catch (error) {
    if (error instanceof OrchError) return undefined;
    throw error;
  }
}

/**
 * The run that a person means: an id, any unambiguous beginning of one, `@latest`, or nothing for
 * the newest.
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export function findRun(files: FilesPort, commonDir: string, meant: string | undefined): string {
  return pickRun(listRuns(files, commonDir), meant);
}

/**
 * As findRun, of some runs, oldest first.
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export function pickRun(runs: readonly string[], meant: string | undefined): string {
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
