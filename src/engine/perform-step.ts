/** Starts, answers and ends the attempts of steps: what decide() asks for, and the events that say so. */
import { messageOf } from '../base/errors.ts';
import { attemptRef } from '../checkpoint/layout.ts';
import { instanceId, isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { SkipReason } from '../run/agenda.ts';
import type { CacheUse, Failure, PlanExpanded, StepFinished, Usage } from '../run/events.ts';
import { mayRetry } from '../run/judge.ts';
import { retryDelayMs } from '../run/retry.ts';
import { contextOf, nameOf } from '../run/scope.ts';
import { type Attempt, hasEnded, type RunState, stepStateOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import { evaluateTemplate, textOfValue } from '../workflow/expressions.ts';
import { expandMatrix } from '../workflow/matrix.ts';
import type { AttemptSpec, Attempts } from './attempts.ts';
import { findOversized, stepEnvironment, stepMarker } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import { attemptFolder, attemptKey } from './run-files.ts';
import { pinAttempt } from './seal-wave.ts';
import { findStepEntry, type StepCacheKey, saveStepEntry } from './step-cache.ts';
import { missingFile, readOutputs } from './step-evidence.ts';

const NO_USAGE: Usage = { usd: 0, input_tokens: 0, output_tokens: 0 };

export function startStep(run: LiveRun, attempts: Attempts, node: PlanNode, attempt: number): void {
  const { step } = node;
  if (step.kind !== 'run' || step.run === undefined) {
    return failStep(run, node, {
      kind: 'unavailable',
      message: `steps of kind "${step.kind}" cannot be run by this version of orch; use "run"`,
    });
  }
  const folder = attemptFolder(run.parts.files, node.id, attempt);
  let env: Record<string, string>;
  let name: string | undefined;
  try {
    env = stepEnvironment(run.state, node, attempt, folder);
    name = nameOf(run.state, node);
  } catch (error) {
    return failStep(run, node, { kind: 'expression', message: messageOf(error) });
  }
  const oversized = findOversized(env, run.parts.settings.environment);
  if (oversized !== undefined)
    return failStep(run, node, { kind: 'environment', message: oversized });
  const script = step.run;
  const keeper = attempts.take();
  run.record({
    type: 'step.started',
    wave: node.wave,
    step: node.id,
    attempt,
    slot: keeper.slot,
    ...(name !== undefined && { name }),
  });
  const launch = (cacheKey?: StepCacheKey) =>
    attempts.start(keeper, specOf(run, node, attempt, cacheKey), { script, env });
  if (step.cache === undefined) return run.afterwards(() => launch());
  run.afterwards(() =>
    run.task(`cache:${node.index}`, async () => {
      const found = await findStepEntry(run, node, script, env);
      if (found.entry === undefined) return () => launch(found.key);
      const { entry, key } = found;
      return () => {
        attempts.giveBack(keeper);
        run.record({
          ...endOf(node, attempt),
          status: 'passed',
          exit_code: 0,
          outputs: entry.outputs,
          cache: { hit: true, key: key.digest, reason: found.reason },
        });
      };
    }),
  );
}

/** An attempt that an earlier process of orch started. */
export function adoptStep(
  run: LiveRun,
  attempts: Attempts,
  node: PlanNode,
  attempt: Attempt,
): void {
  const keeper = attempt.slot === undefined ? undefined : run.state.keepers.get(attempt.slot);
  const elapsedMs = Math.max(0, run.nowMs() - Date.parse(attempt.startedAt));
  attempts.adopt(keeper, specOf(run, node, attempt.n), elapsedMs);
}

function specOf(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  cacheKey?: StepCacheKey,
): AttemptSpec {
  return {
    key: attemptKey(node.id, attempt),
    folder: attemptFolder(run.parts.files, node.id, attempt),
    marker: stepMarker(run.state, node.id),
    timeout: node.step.timeout,
    ended: (outcome) => {
      run.busy.delete(`stop:${node.index}`);
      attemptEnded(run, node, attempt, outcome, cacheKey);
    },
  };
}

function attemptEnded(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  outcome: Outcome,
  cacheKey?: StepCacheKey,
): void {
  const failure = failureOf(outcome);
  if (failure) return attemptFailed(run, node, attempt, outcome, failure);
  const handed = readOutputs(run, node, attempt);
  if (!handed.ok)
    return attemptFailed(run, node, attempt, outcome, {
      kind: 'bad_output',
      message: handed.problem,
    });
  const passed = (notKept?: string): StepFinished => ({
    ...endOf(node, attempt),
    status: 'passed',
    exit_code: 0,
    duration_s: outcome.durationS,
    resources: outcome.resources,
    outputs: handed.outputs,
    ...(cacheKey && { cache: missOf(cacheKey, notKept) }),
  });
  if (node.step.produces.length === 0 && !cacheKey) return run.record(passed());
  run.task(`evidence:${node.index}`, async () => {
    const missing = await missingFile(run, node);
    if (missing !== undefined) {
      return () =>
        attemptFailed(run, node, attempt, outcome, {
          kind: 'missing_output',
          message: `it did not produce ${missing}`,
        });
    }
    const notKept = cacheKey && (await saveStepEntry(run, node, cacheKey, handed.outputs));
    return () => run.record(passed(notKept));
  });
}

function missOf({ digest, missReason }: StepCacheKey, notKept: string | undefined): CacheUse {
  const reason = notKept === undefined ? missReason : `${missReason}; not kept: ${notKept}`;
  return { hit: false, key: digest, reason };
}

/** Pins the tree that a failed attempt left, then says that it ended and whether another follows. */
function attemptFailed(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  outcome: Outcome,
  failure: Failure,
): void {
  const step = stepStateOf(run.state, node.index);
  const delayMs = retryDelayMs(
    node.step.retry,
    { kind: failure.kind, counted: step.counted, crashes: step.crashes },
    run.parts.ports.clock.random(),
  );
  const end = (pin: { readonly ref: string; readonly commit: string } | undefined) => () =>
    run.record({
      ...endOf(node, attempt),
      status: statusOf(failure),
      exit_code: outcome.exitCode,
      duration_s: outcome.durationS,
      resources: outcome.resources,
      failure,
      ref: pin?.ref ?? null,
      commit: pin?.commit ?? null,
      ...(delayMs !== undefined &&
        mayRetry(run.state, node) && { retry_at: new Date(run.nowMs() + delayMs).toISOString() }),
    });
  if (statusOf(failure) !== 'failed') return end(undefined)();
  const ref = attemptRef(run.state.run, node.id, attempt);
  run.task(`pin:${node.index}`, async () =>
    end({
      ref,
      commit: await pinAttempt(run, ref, `orch: ${node.id} attempt ${attempt} ${failure.kind}`),
    }),
  );
}

/** A step that fails, or is cancelled, without ever having had a process. */
export function failStep(run: LiveRun, node: PlanNode, failure: Failure): void {
  const step = stepStateOf(run.state, node.index);
  let attempt = step.attempts.length;
  if (step.status !== 'waiting') {
    attempt += 1;
    run.record({ type: 'step.started', wave: node.wave, step: node.id, attempt });
  }
  run.record({ ...endOf(node, attempt), status: statusOf(failure), failure });
}

export function askForApproval(run: LiveRun, node: PlanNode): void {
  const { approval } = node.step;
  const text = approval?.message ?? '';
  let message: string;
  try {
    message = textOfValue(evaluateTemplate(text, contextOf(run.state, node, [text])));
  } catch (error) {
    return failStep(run, node, { kind: 'expression', message: messageOf(error) });
  }
  const until =
    approval?.timeoutMs === undefined
      ? undefined
      : new Date(run.nowMs() + approval.timeoutMs).toISOString();
  run.record({
    type: 'step.waiting',
    wave: node.wave,
    step: node.id,
    attempt: stepStateOf(run.state, node.index).attempts.length + 1,
    reason: 'approval',
    message,
    ...(until !== undefined && { until }),
  });
}

export function answerApproval(run: LiveRun, node: PlanNode): void {
  const step = stepStateOf(run.state, node.index);
  const attempt = step.attempts.length;
  if (step.answer?.request === 'approve')
    return run.record({ ...endOf(node, attempt), status: 'passed' });
  const message = step.answer?.message ? `rejected: ${step.answer.message}` : 'rejected';
  run.record({ ...endOf(node, attempt), status: 'failed', failure: { kind: 'rejected', message } });
}

/** Works a matrix out from what its needs handed on; one that turns out to be empty is skipped. */
export function expandStep(run: LiveRun, node: PlanNode): void {
  const { matrix } = node.step;
  if (matrix?.kind !== 'dynamic') throw new Error(`${node.id} has no matrix to expand`);
  let instances: PlanExpanded['instances'];
  try {
    instances = instancesOf(run.state, node, matrix.expression);
  } catch (error) {
    return failStep(run, node, { kind: 'expression', message: `matrix: ${messageOf(error)}` });
  }
  if (instances.length > 0) {
    return run.record({ type: 'plan.expanded', step: node.id, instances });
  }
  run.record({
    type: 'step.skipped',
    wave: node.wave,
    step: node.id,
    reason: 'empty_matrix',
    detail: matrix.expression,
  });
}

function instancesOf(
  state: RunState,
  node: PlanNode,
  expression: string,
): PlanExpanded['instances'] {
  const value = evaluateTemplate(expression, contextOf(state, node, [expression]));
  if (Array.isArray(value) && value.length === 0) return [];
  const instances = expandMatrix(value).map(({ label, values }) => ({
    id: instanceId(node.id, label),
    values,
  }));
  const taken = instances.find(({ id }) => state.indexOf.has(id));
  if (taken) throw new Error(`${taken.id} exists already`);
  return instances;
}

/** The run is over: whatever has not ended is named as skipped, or cancelled when it waited. */
export function skipRest(run: LiveRun, reason: SkipReason, detail: string): void {
  for (const node of run.state.nodes) {
    const step = stepStateOf(run.state, node.index);
    if (!isLeaf(node) || hasEnded(step.status)) continue;
    if (step.status === 'waiting') {
      const failure: Failure = { kind: 'cancelled', message: detail };
      run.record({ ...endOf(node, step.attempts.length), status: 'cancelled', failure });
    } else run.record({ type: 'step.skipped', wave: node.wave, step: node.id, reason, detail });
  }
}

/** The part of step.finished that is alike everywhere; what differs is spread over it. */
function endOf(node: PlanNode, attempt: number): StepFinished {
  return {
    type: 'step.finished',
    wave: node.wave,
    step: node.id,
    attempt,
    status: 'passed',
    exit_code: null,
    duration_s: 0,
    usage: NO_USAGE,
    outputs: {},
    resources: null,
  };
}
