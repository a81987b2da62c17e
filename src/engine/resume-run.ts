/**
 * Goes on with a run: takes it over from a dead process, adopts what still runs, and drives it. A
 * finished run is left as it is.
 */
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import { wavesToRedo } from '../run/set-back.ts';
import { isIsolated, type RunState, standingCheckpoint } from '../run/state.ts';
import { applyChanges, type ChangedDefinition } from './accept-changes.ts';
import { refuseIfBranchStrayed } from './check-branch.ts';
import { driveRun } from './drive-run.ts';
import { JournalWriter } from './journal.ts';
import { LiveRun, type RunSettings } from './live-run.ts';
import { clearStaleLocks } from './lock.ts';
import { pinOpenWork } from './pin-open-work.ts';
import { openPool } from './places.ts';
import { readRun } from './read-run.ts';
import { isRequestLeft } from './requests.ts';
import { completeRollBack } from './roll-back.ts';
import type { RunFiles } from './run-files.ts';
import { lockRun, type RunHooks } from './start-run.ts';
import { lockWorkTree, noteRunOfWorkTree, workTreeLockFolder } from './work-tree-lock.ts';

export interface ResumeRequest {
  readonly run: string;
  /** Starts failed and cancelled steps of a finished run anew. */
  readonly retryFailed: boolean;
  /** A changed workflow to take for steps that have not started. */
  readonly changed?: ChangedDefinition;
  readonly settings: RunSettings;
}

/** @returns the state in which the run was left; `resumed` is false when it had finished before */
export async function resumeRun(
  ports: Ports,
  git: GitPort,
  request: ResumeRequest,
  hooks: RunHooks,
): Promise<{ readonly state: RunState; readonly resumed: boolean }> {
  const { commonDir } = git.repository;
  const before = readRun(ports.files, commonDir, request.run);
  if (isDone(before.state, request)) {
    clearLocks(ports, git, before.files);
    return { state: before.state, resumed: false };
  }
  const isolated = before.frozen.plan.workspace === 'isolated';
  using _worktree = isolated
    ? undefined
    : lockWorkTree(ports, git.repository, `resume ${request.run}`, request.run);
  using lock = lockRun(ports, before.files, before.state.epoch);
  // Read again: what the last holder wrote before it let go counts.
  const { files, frozen, journal, state } = readRun(ports.files, commonDir, request.run);
  if (isDone(state, request)) return { state, resumed: false };
  const isToEnd = state.cancelled || isRequestLeft(ports.files, files, 'cancel');
  // A run can be given up whatever became of the user's branch.
  if (!(isToEnd && frozen.commit_to === 'current')) await refuseIfBranchStrayed(git, frozen, state);
  const run = new LiveRun({
    ports,
    git,
    workTree: ports.openWorkTree(git.repository.worktree),
    ...(isolated && { pool: openPool(ports, git, request.settings) }),
    files,
    frozen,
    settings: request.settings,
    state,
    journal: new JournalWriter(ports.files, files, journal),
    observe: hooks.observe,
    ...(hooks.progress && { progress: hooks.progress }),
  });
  if (!isolated) noteRunOfWorkTree(ports, git.repository, request.run);
  hooks.begun(request.run);
  if (state.seq === 0) {
    // Killed between freezing the run and its first event.
    const begun = { run: frozen.run, workflow: frozen.workflow.name, base: frozen.base };
    run.record({
      type: 'run.started',
      ...begun,
      epoch: lock.epoch,
      boot: ports.processes.bootId(),
    });
  } else {
    const retryFailed = request.retryFailed && hasFinished(state);
    run.record({
      type: 'run.resumed',
      // The lock was asked for with what the journal said before another process came and went.
      epoch: Math.max(lock.epoch, state.epoch + 1),
      boot: ports.processes.bootId(),
      retry_failed: retryFailed,
    });
    await finishRollBack(run);
    await invalidateAfterRollback(run);
  }
  if (hasFinished(state)) {
    // Only its rollback was half done.
    run.parts.journal.close();
    return { state, resumed: true };
  }
  if (request.changed) applyChanges(run, request.changed);
  await driveRun(run, hooks.control);
  return { state: run.state, resumed: true };
}

/** A process that was killed between its last event and letting go leaves its locks. */
function clearLocks({ files, processes }: Ports, git: GitPort, run: RunFiles): void {
  for (const folder of [run.folder, workTreeLockFolder(git.repository)])
    clearStaleLocks(files, processes, { folder, name: 'lock', what: `clear up after ${run.run}` });
}

/** Before anything else happens in the work tree: its files are not what any step expects. */
async function finishRollBack(run: LiveRun): Promise<void> {
  if (run.state.rollbackOpen === undefined) return;
  run.flush();
  await completeRollBack(run);
}

/** Nothing to go on with: the run is over, and no rollback calls for parts of it again. */
function isDone(state: RunState, request: ResumeRequest): boolean {
  if (state.rollbackOpen || !hasFinished(state)) return false;
  return !(request.retryFailed && state.status !== 'passed') && wavesToRedo(state).length === 0;
}

/** The work tree was taken back before some waves: they are to be done again. */
async function invalidateAfterRollback(run: LiveRun): Promise<void> {
  const { state } = run;
  const waves = wavesToRedo(state);
  // Their worktrees are freed then, and whatever lies there would be nowhere else.
  if (isIsolated(state) && waves.length > 0) await pinOpenWork(run);
  const kept_until = isIsolated(state) ? standingCheckpoint(state)?.upTo : undefined;
  const kept = kept_until === undefined ? {} : { kept_until };
  for (const wave of waves) run.record({ type: 'wave.invalidated', wave, ...kept });
}
