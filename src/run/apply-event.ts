/**
 * Folds one event into the state, which it owns and changes. Resume is this function over the
 * journal, and nothing else.
 *
 * An event that cannot follow on what has happened is refused, so that a mistake of the engine stops
 * the run before it is written rather than becomes its history.
 */
import { unreachable } from '../base/errors.ts';
import type { PlanNode } from '../plan/plan.ts';
import { lowerLimit, raiseLimit } from './agent-pools.ts';
import { takesOver, untoldWaitMs } from './agent-turn.ts';
import type {
  CheckpointCreated,
  CheckpointStarted,
  GateFinished,
  GateStarted,
  PlanExpanded,
  RequestReceived,
  RunEvent,
  RunResumed,
  StepFinished,
  StepSkipped,
  StepStarted,
  StepWaiting,
  WaveSealed,
} from './events.ts';
import { expectNext, expectStep, expectWave, misfit } from './expect-event.ts';
import { hasFailedGate } from './judge.ts';
import { finishMerge, finishResolve, queueMerge, startMerge, startResolve } from './merging.ts';
import {
  endStep,
  expandMatrixNode,
  keepWaiting,
  occupy,
  openWave,
  rebuildReadiness,
  requeue,
  restartQueueClocks,
  vacate,
} from './readiness.ts';
import { isRetriable } from './retry.ts';
import { setBackAfterReboot, setBackFailures, setBackWave } from './set-back.ts';
import { addUsage } from './spending.ts';
import {
  type Attempt,
  gateKey,
  gateOf,
  heldUpTo,
  isIsolated,
  nodeOf,
  type RunState,
  stepStateOf,
  type WaveState,
  waveOf,
} from './state.ts';

/** @throws Error when the event does not fit plan and state; the journal's checksums hold, so that is a bug */
export function applyEvent(state: RunState, event: RunEvent): void {
  state.seq = event.seq;
  state.atMs = Math.max(state.atMs, Date.parse(event.at));
  switch (event.type) {
    case 'run.started':
      state.startedAt = event.at;
      state.base = event.base;
      state.epoch = event.epoch;
      state.boot = event.boot;
      waveOf(state, 0).status = 'open';
      return;
    case 'run.resumed':
      return resumeRun(state, event);
    case 'keeper.started':
      state.keepers.set(event.slot, { ...event, boot: state.boot });
      return;
    case 'request.received':
      return receiveRequest(state, event);
    case 'plan.expanded':
      return expandPlan(state, event);
    case 'plan.changed': // The engine has put the new plan in place (create-state.ts, replacePlan).
      return;
    case 'wave.started':
      expectWave(state, event, 'planned');
      waveOf(state, event.wave).startedAt = event.at;
      delete state.redoAfter;
      state.wentBack = false;
      return openWave(state, event.wave);
    case 'step.started':
      return startStep(state, event);
    case 'step.waiting':
      return waitForPerson(state, event);
    case 'step.finished':
      return finishStep(state, event);
    case 'step.skipped':
      return skipStep(state, event);
    case 'wave.sealed':
      return sealWave(state, event);
    case 'gate.started':
      return startGate(state, event);
    case 'gate.finished':
      return finishGate(state, event);
    case 'checkpoint.started':
      return startCheckpoint(state, event);
    case 'checkpoint.created':
      return createCheckpoint(state, event);
    case 'wave.finished':
      waveOf(state, event.wave).status = event.status;
      waveOf(state, event.wave).endedAt = event.at;
      return;
    case 'merge.started':
      return startMerge(state, event);
    case 'merge.finished':
      return finishMerge(state, event);
    case 'resolve.started':
      return startResolve(state, event);
    case 'resolve.finished':
      return finishResolve(state, event);
    case 'merge.probe': // A warning to people, and no more.
      return;
    case 'wave.invalidated':
      delete state.recordedEnd;
      setBackWave(state, event);
      if (event.tip !== undefined && event.tree !== undefined)
        state.tip = { commit: event.tip, tree: event.tree };
      return rebuildReadiness(state);
    case 'rollback.started':
      state.rescues += 1;
      state.rollbackOpen = {
        to: event.to,
        target: event.target,
        rescue: event.rescue,
        rescueCommit: event.rescue_commit,
        by: event.by ?? 'command',
      };
      return;
    case 'rollback.done':
      state.wentBack = state.rollbackOpen?.by === 'on_failure';
      if (state.rollbackOpen) {
        state.lastRescue = state.rollbackOpen.rescue;
        if (event.tip) state.tip = { commit: event.tip, tree: state.rollbackOpen.target };
      }
      delete state.rollbackOpen;
      state.standsAt = event.to;
      state.redoAfter = event.to;
      return;
    case 'run.waiting':
      state.status = 'waiting';
      if (event.detail !== undefined) {
        const { detail, resume_at } = event;
        state.held = { detail, ...(resume_at !== undefined && { resumeAt: resume_at }) };
      }
      return;
    case 'run.interrupted':
      state.status = 'interrupted';
      return;
    case 'run.finished':
      state.status = event.status;
      state.endedAt = event.at;
      return;
    case 'accept.started':
      state.rescues += 1;
      state.acceptOpen = { ...event, rescueCommit: event.rescue_commit };
      return;
    case 'run.accepted': {
      const { at, how, commit, rescue, brought } = event;
      delete state.acceptOpen;
      state.accepted = { at, how, commit, rescue, ...(brought && { brought }) };
      return;
    }
    default:
      return unreachable(event);
  }
}

function resumeRun(state: RunState, event: RunResumed): void {
  const rebooted = event.boot !== state.boot;
  state.epoch = event.epoch;
  state.boot = event.boot;
  delete state.held;
  if (rebooted && !isIsolated(state)) setBackAfterReboot(state, event.retry_failed);
  if (event.retry_failed) {
    setBackFailures(state);
    state.wentBack = false;
    delete state.recordedEnd;
  }
  if (rebooted || event.retry_failed) rebuildReadiness(state);
  else restartQueueClocks(state);
  if (state.status === 'waiting' || state.status === 'interrupted' || event.retry_failed) {
    state.status = 'running';
    delete state.endedAt;
  }
}

function receiveRequest(state: RunState, event: RequestReceived): void {
  if (event.request === 'cancel') {
    state.cancelled = true;
    return;
  }
  if (event.step === undefined) return;
  const node = nodeOf(state, event.step);
  const step = stepStateOf(state, node.index);
  if (step.status !== 'waiting' || step.answer) return; // Answered twice: the first answer counts.
  const { request, message } = event;
  step.answer = { request, ...(message !== undefined && { message }) };
  state.agenda.answers.push(node.index);
}

function expandPlan(state: RunState, event: PlanExpanded): void {
  const instances = event.instances.map(({ id, values }) => ({ id, matrix: values }));
  expandMatrixNode(state, nodeOf(state, event.step).index, instances);
}

function startStep(state: RunState, event: StepStarted): void {
  const node = nodeOf(state, event.step);
  const step = stepStateOf(state, node.index);
  expectStep(event, step, 'pending');
  expectNext(event, step);
  step.status = 'running';
  delete step.retryAtMs;
  delete step.startUntilMs;
  step.attempts.push(newAttempt(event));
  occupy(state, node);
}

function newAttempt(event: StepStarted | GateStarted): Attempt {
  const { attempt, at, slot, worktree } = event as (StepStarted | GateStarted) & { at: string };
  const { name, base, agent } = event.type === 'step.started' ? event : {};
  return {
    n: attempt,
    status: 'running',
    startedAt: at,
    ...(slot !== undefined && { slot }),
    ...(name !== undefined && { name }),
    ...(base !== undefined && { base }),
    ...(agent !== undefined && { agent }),
    ...(worktree !== undefined && { worktree }),
  };
}

function waitForPerson(state: RunState, event: StepWaiting & { readonly at: string }): void {
  const node = nodeOf(state, event.step);
  const step = stepStateOf(state, node.index);
  expectStep(event, step, 'pending');
  expectNext(event, step);
  step.status = 'waiting';
  step.waitingFor = event.message;
  if (event.until !== undefined) step.waitingUntilMs = Date.parse(event.until);
  step.attempts.push({ n: event.attempt, status: 'waiting', startedAt: event.at });
  keepWaiting(state, node.index);
}

function finishStep(state: RunState, event: StepFinished & { readonly at: string }): void {
  const node = nodeOf(state, event.step);
  const step = stepStateOf(state, node.index);
  expectStep(event, step, 'running', 'waiting');
  vacate(state, node);
  state.waiting.delete(node.index);
  closeAttempt(step.attempts.at(-1), event);
  const failure = event.failure?.kind;
  const isTaken = endTurn(state, node, event);
  if (failure === 'crash') step.crashes += isTaken ? 0 : 1;
  else if (failure !== 'interrupted' && !isTaken) step.counted += 1;
  if (event.retry_at !== undefined || failure === 'interrupted') {
    step.status = 'pending';
    step.outputs = {};
    if (event.retry_at !== undefined) step.retryAtMs = Date.parse(event.retry_at);
    return requeue(state, node.index);
  }
  if (event.status === 'passed' && event.commit) return queueMerge(state, node.index, event);
  step.status = event.status;
  step.outputs = event.outputs;
  endStep(state, node.index);
}

/** Passes the turn on among the agents of a step. @returns whether the attempt counts for nothing because of that */
function endTurn(
  state: RunState,
  node: PlanNode,
  { failure, retry_at, usage }: StepFinished,
): boolean {
  state.usage = addUsage(state.usage, usage);
  if (node.step.agent === undefined) return false;
  if (failure === undefined) raiseLimit(state, node);
  const step = stepStateOf(state, node.index);
  const at = step.agentAt ?? 0;
  if (failure?.kind === 'rate_limit') {
    const resumeAtMs = failure.resume_at === undefined ? undefined : Date.parse(failure.resume_at);
    lowerLimit(state, node, Date.parse(step.attempts.at(-1)?.startedAt ?? ''), resumeAtMs);
    const untilMs = resumeAtMs ?? state.atMs + untoldWaitMs(step.limits ?? 0);
    step.limits = (step.limits ?? 0) + 1;
    step.limitedUntilMs = Math.min(step.limitedUntilMs ?? untilMs, untilMs);
  }
  const next = failure && takesOver(node.step, at, failure.kind);
  if (next !== undefined && retry_at !== undefined) {
    step.agentAt = next;
    return true;
  }
  if (failure?.kind === 'interrupted') return false;
  const isWaiting = failure !== undefined && step.limitedUntilMs !== undefined;
  delete step.agentAt;
  delete step.limitedUntilMs;
  return isWaiting && retry_at !== undefined && !isRetriable(failure.kind);
}

function closeAttempt(
  attempt: Attempt | undefined,
  event: (StepFinished | GateFinished) & { readonly at: string },
): void {
  if (attempt === undefined || attempt.n !== event.attempt)
    throw misfit(event, `the last attempt is ${attempt?.n ?? 'none'}`);
  attempt.status = event.status;
  attempt.endedAt = event.at;
  attempt.exitCode = event.exit_code;
  attempt.durationS = event.duration_s;
  if (event.failure) attempt.failure = event.failure;
  if (event.cache) attempt.cache = event.cache;
  if (event.retry_at !== undefined) attempt.retryAt = event.retry_at;
  if (event.type !== 'step.finished') return;
  if (event.ref) attempt.ref = event.ref;
  if (event.commit) attempt.commit = event.commit;
  if (event.left_out) attempt.leftOut = event.left_out;
  if (event.session !== undefined) attempt.session = event.session;
  if (attempt.agent) attempt.usage = event.usage;
}

function skipStep(state: RunState, event: StepSkipped): void {
  const node = nodeOf(state, event.step);
  const step = stepStateOf(state, node.index);
  expectStep(event, step, 'pending');
  delete step.retryAtMs;
  delete step.startUntilMs;
  step.status = 'skipped';
  step.skipped = { reason: event.reason, detail: event.detail };
  endStep(state, node.index);
}

function sealWave(state: RunState, event: WaveSealed): void {
  expectWave(state, event, 'open');
  const wave = waveOf(state, event.wave);
  wave.status = 'sealed';
  wave.sealed = { commit: event.commit, tree: event.tree, seq: state.seq };
  if (event.wave === 0) state.tip = { commit: event.commit, tree: event.tree };
  wave.leftOut = event.left_out;
  if (event.secrets) wave.secrets = event.secrets;
  if (!event.refused) return;
  wave.refused = true;
  failWave(state, wave);
}

/** Nothing can make it good: as after a failed gate, only clean-up is started any more. */
function failWave(state: RunState, wave: WaveState): void {
  wave.failed = true;
  state.failing = true;
  state.gateFailed = true;
}

function startGate(state: RunState, event: GateStarted): void {
  const gate = gateOf(state, event.wave, event.gate);
  if (gate.status !== 'pending') throw misfit(event, `the gate is ${gate.status}`);
  expectNext(event, gate);
  gate.status = 'running';
  delete gate.retryAtMs;
  gate.attempts.push(newAttempt(event));
  state.runningGates.add(gateKey(event.wave, event.gate));
}

function finishGate(state: RunState, event: GateFinished & { readonly at: string }): void {
  const gate = gateOf(state, event.wave, event.gate);
  if (gate.status !== 'running') throw misfit(event, `the gate is ${gate.status}`);
  closeAttempt(gate.attempts.at(-1), event);
  state.runningGates.delete(gateKey(event.wave, event.gate));
  const failure = event.failure?.kind;
  if (failure === 'crash') gate.crashes += 1;
  else if (failure !== 'interrupted') gate.counted += 1;
  // A lost process says nothing of the wave.
  if (event.status === 'failed' && failure !== 'crash') gate.failedSeq = state.seq;
  const again = event.retry_at !== undefined || failure === 'interrupted';
  gate.status = again ? 'pending' : event.status;
  if (event.retry_at !== undefined) gate.retryAtMs = Date.parse(event.retry_at);
  const wave = waveOf(state, event.wave);
  if (hasFailedGate(wave)) failWave(state, wave);
}

function startCheckpoint(state: RunState, event: CheckpointStarted): void {
  const { wave, tree, parent, status, closing } = event;
  if (state.checkpointOpen) throw misfit(event, `that of ${state.checkpointOpen.wave} is open`);
  if (!closing) {
    expectWave(state, event, 'sealed');
    waveOf(state, wave).status = 'checkpointing';
    waveOf(state, wave).behind = true;
    state.frontier = wave + 1;
  }
  const events = state.seq;
  state.checkpointOpen = { wave, tree, parent, status, events, ...(closing && { closing }) };
}

function createCheckpoint(
  state: RunState,
  event: CheckpointCreated & { readonly at: string },
): void {
  const open = state.checkpointOpen;
  if (open?.wave !== event.wave) throw misfit(event, `the open one is ${open?.wave ?? 'none'}`);
  const { wave, commit, at } = event;
  const upTo = heldUpTo(state, open);
  state.checkpoints.push({ wave, commit, tree: open.tree, at, upTo });
  delete state.checkpointOpen;
  if (open.status === 'running') delete state.recordedEnd;
  else state.recordedEnd = open.status;
  // Unless it was begun before a rollback, and finished after it.
  const isOfWave = !open.closing && waveOf(state, event.wave).status === 'checkpointing';
  if (isOfWave) delete state.standsAt;
}
