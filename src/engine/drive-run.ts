/**
 * The loop: ask what to do, do it, put the events on disk, wait for what happens, again. Used alike
 * by a run that begins and by one that is resumed.
 */
import { unreachable } from '../base/errors.ts';
import type { PlanNode } from '../plan/plan.ts';
import { type Command, decide, hasFinished } from '../run/decide.ts';
import { gateKey, splitGateKey, standingCheckpoint, waveOf } from '../run/state.ts';
import { Attempts } from './attempts.ts';
import { explainDamage } from './damaged-repository.ts';
import type { LiveRun } from './live-run.ts';
import { makeCheckpoint } from './make-checkpoint.ts';
import { adoptGate, startGate } from './perform-gate.ts';
import { finishMerge, startMerge } from './perform-merge.ts';
import { adoptStep, startStep } from './perform-step.ts';
import { leaveIdlePlaces } from './places.ts';
import { watchRequests } from './requests.ts';
import {
  adoptResolve,
  answerConflict,
  heldByPerson,
  pinHalfSettled,
  startResolve,
} from './resolve-conflict.ts';
import { rollBack } from './roll-back.ts';
import { attemptKey, gateAttemptKey, resolveKey } from './run-files.ts';
import { sealWave } from './seal-wave.ts';
import { answerApproval, askForApproval, expandStep, failStep, skipRest } from './settle-step.ts';
import { takeBack } from './take-back.ts';

/** What the process around the run may ask of it. */
export interface RunControl {
  /** First call: stop gracefully and leave a resumable run. Second: no grace. */
  interrupt(signal: string): void;
}

/**
 * Drives a run until it has finished, waits for a person, or was interrupted.
 * @param onControl receives the handle before the first command
 * @throws what the world failed with; the journal is whole then, and the run can be resumed
 */
export async function driveRun(
  run: LiveRun,
  onControl: (control: RunControl) => void,
): Promise<void> {
  const attempts = new Attempts(run);
  onControl(controlOf(run, attempts));
  using _requests = watchRequests(run);
  try {
    takeUpOpenIntents(run, attempts);
    for (;;) {
      const wakeAtMs = performAll(run, attempts);
      run.flush();
      if (hasFinished(run.state) || run.state.status !== 'running') break;
      await run.takeFacts(wakeAtMs);
    }
    await attempts.sweep();
    // Not before what lets go of them is on disk.
    run.afterwards(() => leaveIdlePlaces(run));
  } catch (error) {
    const damage = await explainDamage(run, error);
    if (damage === undefined) throw error;
    await attempts.sweep(); // Nobody could take up what still runs.
    throw damage;
  } finally {
    await run.settle();
    attempts.close();
    run.parts.journal.close();
  }
}

function controlOf(run: LiveRun, attempts: Attempts): RunControl {
  let asked = 0;
  return {
    interrupt(signal) {
      asked += 1;
      // At once and past the queue: the loop may be over, and the last processes still be waited for.
      if (asked > 1) return attempts.hurry();
      run.post(() => {
        run.interrupt = signal;
      });
    },
  };
}

/** Resume is no special case: whatever was begun and has no end yet is taken up where it is. */
function takeUpOpenIntents(run: LiveRun, attempts: Attempts): void {
  const { state } = run;
  leaveIdlePlaces(run);
  if (state.checkpointOpen) makeCheckpoint(run);
  if (state.mergeOpen) finishMerge(run);
  for (const index of state.conflicts) adoptResolve(run, attempts, state.nodes[index] as PlanNode);
  for (const index of state.running) {
    const node = state.nodes[index];
    const attempt = state.steps[index]?.attempts.at(-1);
    if (node && attempt) adoptStep(run, attempts, node, attempt);
  }
  for (const key of state.runningGates) {
    const [wave, name] = splitGateKey(key);
    const attempt = waveOf(state, wave)
      .gates.find((gate) => gate.name === name)
      ?.attempts.at(-1);
    if (attempt) adoptGate(run, attempts, wave, name, attempt);
  }
}

/** @returns when to wake at the latest */
function performAll(run: LiveRun, attempts: Attempts): number | undefined {
  for (;;) {
    const command = decide(run.state, {
      nowMs: run.nowMs(),
      busy: run.busy,
      live: attempts.agents.usage(),
      ...(run.interrupt !== undefined && { interrupt: run.interrupt }),
    });
    if (command === undefined) return undefined;
    if (command.type === 'wake') return command.atMs;
    perform(run, attempts, command);
    if (run.state.status !== 'running') return undefined;
  }
}

function perform(
  run: LiveRun,
  attempts: Attempts,
  command: Exclude<Command, { type: 'wake' }>,
): void {
  const { state } = run;
  switch (command.type) {
    case 'open-wave':
      return run.record({
        type: 'wave.started',
        wave: command.wave,
        steps: waveOf(state, command.wave).plan?.steps ?? [],
      });
    case 'start':
      return startStep(run, attempts, command.node, command.attempt);
    case 'skip': {
      const { node, reason, detail } = command;
      return run.record({ type: 'step.skipped', wave: node.wave, step: node.id, reason, detail });
    }
    case 'fail':
      return letGo(run, `resolve:${command.node.index}`, [command.node], () =>
        failStep(run, command.node, command.failure),
      );
    case 'expand':
      return expandStep(run, command.node);
    case 'ask':
      return askForApproval(run, command.node);
    case 'answer':
      if (state.steps[command.node.index]?.conflict) return answerConflict(run, command.node);
      return answerApproval(run, command.node);
    case 'stop': {
      const { node, failure } = command;
      run.busy.add(`stop:${node.index}`);
      const step = state.steps[node.index];
      const attempt = step?.attempts.length ?? 0;
      const rounds = step?.conflict?.rounds;
      const key =
        rounds === undefined ? attemptKey(node.id, attempt) : resolveKey(node.id, attempt, rounds);
      return attempts.stop(key, failure);
    }
    case 'stop-gate': {
      const { wave, gate, failure } = command;
      run.busy.add(`stop-gate:${gateKey(wave, gate)}`);
      const attempt =
        waveOf(state, wave).gates.find(({ name }) => name === gate)?.attempts.length ?? 0;
      return attempts.stop(gateAttemptKey(wave, gate, attempt), failure);
    }
    case 'merge':
      return startMerge(run, command.node);
    case 'resolve':
      return startResolve(run, attempts, command.node, command.by);
    case 'take-back':
      return takeBack(run, command);
    case 'seal':
      return sealWave(run, command.wave);
    case 'gate':
      return startGate(run, attempts, command.wave, command.gate);
    case 'checkpoint':
      return startCheckpoint(run, command);
    case 'skip-rest':
      return letGo(run, 'let-go', state.nodes, () => skipRest(run, command.reason, command.detail));
    case 'roll-back':
      return rollBack(run, command.to);
    case 'close-wave':
      return run.record({ type: 'wave.finished', wave: command.wave, status: command.status });
    case 'finish':
      return run.record({ type: 'run.finished', status: command.status });
    case 'pause':
      return run.record({
        type: 'run.waiting',
        steps: command.steps,
        ...(command.detail !== undefined && { detail: command.detail }),
        ...(command.resumeAtMs !== undefined && {
          resume_at: new Date(command.resumeAtMs).toISOString(),
        }),
      });
    case 'interrupt':
      return run.record({ type: 'run.interrupted', signal: command.signal });
    default:
      return unreachable(command);
  }
}

function startCheckpoint(
  run: LiveRun,
  { wave, status, closing }: Extract<Command, { type: 'checkpoint' }>,
): void {
  const { state } = run;
  const sealed = closing ? standingCheckpoint(state) : waveOf(state, wave).sealed;
  const tree = sealed?.tree;
  if (tree === undefined) throw new Error(`wave ${wave} has no tree`);
  const parent = state.checkpoints.at(-1)?.commit ?? state.base;
  run.record({
    type: 'checkpoint.started',
    wave,
    tree,
    parent,
    status,
    ...(closing && { closing }),
  });
  run.afterwards(() => makeCheckpoint(run));
}

/** Steps end that somebody may be settling a conflict of: what is there so far is pinned first. */
function letGo(run: LiveRun, key: string, nodes: readonly PlanNode[], end: () => void): void {
  const held = heldByPerson(run.state).filter((node) => nodes.includes(node));
  if (held.length === 0) return end();
  run.task(key, async () => {
    await pinHalfSettled(run, held);
    return end;
  });
}
