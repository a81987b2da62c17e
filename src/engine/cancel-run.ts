/**
 * Ends a run for good. A living orch is asked to, and waited for; a run that no process works on is
 * taken over and driven to its end as cancelled: its processes are stopped, its steps recorded, its
 * tree pinned.
 */
import { OrchError } from '../base/errors.ts';
import { sealedRef } from '../checkpoint/layout.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import type { RunState } from '../run/state.ts';
import type { RunSettings } from './live-run.ts';
import type { LockHolder } from './lock.ts';
import { holderOf } from './look-at-run.ts';
import { openPlace } from './place-of-run.ts';
import { readRun } from './read-run.ts';
import { leaveRequest, withdrawRequest } from './requests.ts';
import { resumeRun } from './resume-run.ts';
import type { RunFiles } from './run-files.ts';
import type { RunHooks } from './start-run.ts';
import { waitUntil } from './wait-until.ts';

export interface CancelHooks extends Pick<RunHooks, 'observe'> {
  /** Called now and then while another process ends the run. */
  readonly waiting: (holder: LockHolder, stepsRunning: number) => void;
}

export interface Cancelled {
  readonly state: RunState;
  /** It had been cancelled before. */
  readonly already: boolean;
}

const REQUEST = 'cancel';
/** Beside the grace that its steps have: to be killed, and for the tree of a large repository to be pinned. */
const WAIT_LIMIT_MS = 60_000;
const PROGRESS_EVERY_MS = 2_000;
/** A run changes hands once or twice while it is cancelled, when others resume it at the same time. */
const MAX_ROUNDS = 5;

/**
 * @throws OrchError ORCH_RUN_ENDED when it passed or failed, ORCH_CANCEL_PENDING when its process does
 *   not end it in time, ORCH_LOCKED when another run works in its work tree
 */
export async function cancelRun(
  ports: Ports,
  here: GitPort,
  { run, settings }: { readonly run: string; readonly settings: RunSettings },
  hooks: CancelHooks,
): Promise<Cancelled> {
  const { commonDir } = here.repository;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { files, state } = readRun(ports.files, commonDir, run);
    // It may have ended just before the request came: a later retry must not find it.
    if (hasFinished(state)) withdrawRequest(ports.files, files, REQUEST);
    if (state.status === 'cancelled') return { state, already: round === 0 };
    if (hasFinished(state)) throw endedBefore(state);
    leaveRequest(ports.files, files, REQUEST, { request: 'cancel' });
    const holder = holderOf(ports, files);
    if (holder !== undefined) await waitForHolder(ports, commonDir, files, settings.graceMs, hooks);
    else await endHere(ports, here, files, settings, hooks);
  }
  throw stillPending(run, 'what held the run has let go of it');
}

/** What holds the tree of a run that was cancelled in the middle of a wave. */
export function pinnedTree(
  state: RunState,
): { readonly ref: string; readonly commit: string } | null {
  const wave = state.waves.findLastIndex(({ status }) => status === 'cancelled');
  const commit = state.waves[wave]?.sealed?.commit;
  return commit === undefined ? null : { ref: sealedRef(state.run, wave), commit };
}

async function waitForHolder(
  ports: Ports,
  commonDir: string,
  files: RunFiles,
  graceMs: number,
  hooks: CancelHooks,
): Promise<void> {
  let holder = holderOf(ports, files);
  for (let waitedMs = 0; holder !== undefined; waitedMs += PROGRESS_EVERY_MS) {
    if (waitedMs >= WAIT_LIMIT_MS + graceMs) {
      const who = `process ${holder.pid} (${holder.what}) has been asked`;
      throw stillPending(files.run, who);
    }
    hooks.waiting(holder, readRun(ports.files, commonDir, files.run).state.running.size);
    await waitUntil(ports.clock, PROGRESS_EVERY_MS, () => holderOf(ports, files) === undefined);
    holder = holderOf(ports, files);
  }
}

async function endHere(
  ports: Ports,
  here: GitPort,
  files: RunFiles,
  settings: RunSettings,
  { observe }: CancelHooks,
): Promise<void> {
  try {
    const git = await openPlace(ports, here, files.run);
    const request = { run: files.run, retryFailed: false, settings };
    await resumeRun(ports, git, request, { begun: () => {}, control: () => {}, observe });
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    // Someone else has just taken this run up; it will find the request.
    if (error.code === 'ORCH_LOCKED' && holderOf(ports, files) !== undefined) return;
    // Refused: a later resume must not find that the run was to be cancelled after all.
    withdrawRequest(ports.files, files, REQUEST);
    throw error;
  }
}

function endedBefore(state: RunState): OrchError {
  return new OrchError('ORCH_RUN_ENDED', `run ${state.run} is over: it ${state.status}`, {
    fix: `orch show ${state.run}`,
  });
}

function stillPending(run: string, who: string): OrchError {
  return new OrchError('ORCH_CANCEL_PENDING', `${who}, and run ${run} has not ended yet`, {
    fix: `orch doctor, then: orch cancel ${run}`,
  });
}
