/**
 * Waits until nobody works on a run any more: it has finished, waits for a person, was stopped, or
 * its process died. The end of the process counts, not the last event, so that what is typed next
 * finds the locks free.
 */
import type { Ports } from '../ports/ports.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { JournalFollower } from './follow-journal.ts';
import type { Frozen } from './frozen.ts';
import { holderOf, settleStatus } from './look-at-run.ts';
import { runFiles } from './run-files.ts';
import { WakeUp } from './wake-up.ts';

export interface WaitHooks {
  /** Once, with what had happened before, when somebody works on the run. */
  readonly begun: (state: RunState) => Promise<void>;
  /** Every event from then on. */
  readonly observe: (event: RunEvent, state: RunState) => void;
}

export interface WaitResult {
  readonly state: RunState;
  /** The process that held the run is gone without a word. */
  readonly isAbandoned: boolean;
  /** The signal that stopped the run's last process. */
  readonly signal: string | undefined;
  readonly frozen: Frozen;
}

/** A change wakes at once; this often the process is looked for that a SIGKILL gave no time to write. */
const LOOK_MS = 1_000;

/** @throws OrchError when the run's files are damaged or from a newer orch */
export async function waitForRun(
  ports: Ports,
  commonDir: string,
  run: string,
  hooks: WaitHooks,
): Promise<WaitResult> {
  const files = runFiles(commonDir, run);
  using wakeUp = new WakeUp(ports);
  for (const folder of [files.folder, files.events]) wakeUp.watch(folder);
  const follower = new JournalFollower(ports.files, files);
  const { state, frozen } = follower;
  let signal: string | undefined;
  const note = (event: RunEvent) => {
    if (event.type === 'run.interrupted') signal = event.signal;
    if (event.type === 'run.resumed') signal = undefined; // What stopped an earlier process is past.
  };
  follower.read(note);
  if (holderOf(ports, files) !== undefined) await hooks.begun(state);
  const observe = (event: RunEvent) => {
    note(event);
    hooks.observe(event, state);
  };
  while (holderOf(ports, files) !== undefined) {
    await wakeUp.sleep(LOOK_MS);
    follower.read(observe);
  }
  follower.read(observe); // What it wrote before it let go.
  const isAbandoned = settleStatus(state, frozen, undefined);
  return { state, frozen, isAbandoned, signal };
}
