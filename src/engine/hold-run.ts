/**
 * A run in the hands of a command that changes it without driving it: its lock and that of its work
 * tree are taken, its journal can be written, no step is started. A checkpoint that a crash cut short
 * is finished first, so that the command finds the record whole.
 */
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { decide } from '../run/decide.ts';
import { isIsolated } from '../run/state.ts';
import { JournalWriter } from './journal.ts';
import { LiveRun, type RunSettings } from './live-run.ts';
import { createCheckpoint } from './make-checkpoint.ts';
import { readRun } from './read-run.ts';
import { lockRun } from './start-run.ts';
import { lockWorkTree, refuseIfStepsRun } from './work-tree-lock.ts';

/** Nothing is run, so nothing of this matters. */
const NO_SETTINGS: RunSettings = {
  useCache: false,
  refresh: [],
  graceMs: 0,
  maxLogBytes: Number.MAX_SAFE_INTEGER,
  environment: {},
};

interface HoldRequest {
  readonly id: string;
  /** What the command does, for whoever is refused meanwhile: `rollback`. */
  readonly what: string;
  /** What it changes of an isolated run: files of the work tree, or only what is recorded of the run. */
  readonly ofIsolated: 'files' | 'record';
}

/**
 * @param git of the work tree that the command changes; usually the one that the run began in
 * @throws OrchError ORCH_LOCKED with who holds it, ORCH_STEPS_RUNNING when steps of an interrupted run
 *   are still at work there
 */
export async function withHeldRun<T>(
  ports: Ports,
  git: GitPort,
  { id, what, ofIsolated }: HoldRequest,
  work: (run: LiveRun) => Promise<T>,
): Promise<T> {
  const { commonDir, worktree } = git.repository;
  const before = readRun(ports.files, commonDir, id);
  const leavesFiles = ofIsolated === 'record' && isIsolated(before.state);
  using _worktree = leavesFiles ? undefined : lockWorkTree(ports, git.repository, `${what} ${id}`);
  using _run = lockRun(ports, before.files, before.state.epoch);
  if (leavesFiles) refuseIfStepsRun(ports, id, '');
  // Read again: what the last holder wrote before it let go counts.
  const { files, frozen, journal, state } = readRun(ports.files, commonDir, id);
  const run = new LiveRun({
    ports,
    git,
    workTree: ports.openWorkTree(worktree),
    files,
    frozen,
    settings: NO_SETTINGS,
    state,
    journal: new JournalWriter(ports.files, files, journal),
    observe: () => {},
  });
  try {
    if (state.checkpointOpen) await finishCheckpoint(run);
    return await work(run);
  } finally {
    run.parts.journal.close();
  }
}

async function finishCheckpoint(run: LiveRun): Promise<void> {
  const created = await createCheckpoint(run);
  const { committedAt } = await run.parts.git.readCommit(created.commit);
  // The commit may be old, as in a clone: what it ends had its end then.
  const atMs = Math.max(run.state.atMs, committedAt * 1000);
  run.record(created, atMs);
  closeWhatIsDone(run, atMs);
  run.flush();
}

/** A crash right after the last checkpoint, or a record rebuilt from it: the run is over, and says so. */
function closeWhatIsDone(run: LiveRun, atMs: number): void {
  for (;;) {
    const command = decide(run.state, { nowMs: atMs, busy: run.busy });
    if (command?.type === 'close-wave')
      run.record({ type: 'wave.finished', wave: command.wave, status: command.status }, atMs);
    else if (command?.type === 'finish')
      run.record({ type: 'run.finished', status: command.status }, atMs);
    else return;
  }
}
