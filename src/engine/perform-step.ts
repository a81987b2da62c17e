/** Starts the attempts of steps and ends those in the user's work tree; steps without a process are settle-step.ts. */
import { messageOf } from '../base/errors.ts';
import { attemptRef } from '../checkpoint/layout.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { Oid } from '../ports/git.ts';
import type { Keeper } from '../ports/processes.ts';
import type { Failure, StepFinished } from '../run/events.ts';
import { nameOf } from '../run/scope.ts';
import { type Attempt, isIsolated, stepStateOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import {
  type AgentWork,
  agentJob,
  agentOf,
  agentTimeout,
  goesOn,
  type JobWork,
} from './agent-step.ts';
import type { AttemptSpec, Attempts } from './attempts.ts';
import { endIsolated, pinnedFields, pinStep } from './end-isolated.ts';
import { writeEvidence } from './evidence.ts';
import { findOversized, stepEnvironment, stepMarker } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import {
  type ClaimedPlace,
  claimPlace,
  leavePlace,
  type Place,
  placeEnvironment,
  poolOf,
  userPlace,
  whenInPlace,
} from './places.ts';
import { attemptFolder, attemptKey } from './run-files.ts';
import { pinFailed } from './seal-wave.ts';
import { failStep } from './settle-step.ts';
import { withSetup } from './setup-script.ts';
import { findStepEntry, type StepCacheKey, saveStepEntry } from './step-cache.ts';
import { endOf, missOf, retryOf } from './step-events.ts';
import { missingFile, readOutputs } from './step-evidence.ts';

export function startStep(run: LiveRun, attempts: Attempts, node: PlanNode, attempt: number): void {
  const folder = attemptFolder(run.parts.files, node.id, attempt);
  const claimed = claimNext(run, node);
  const refuse = (failure: Failure, more?: Parameters<typeof failStep>[3]) => {
    if (claimed) poolOf(run).release(claimed.claim);
    failStep(run, node, failure, more);
  };
  let env: Record<string, string>;
  let name: string | undefined;
  let work: JobWork | { readonly failure: Failure };
  try {
    env = stepEnvironment(run.state, node, attempt, folder);
    name = nameOf(run.state, node);
    const evidence = writeEvidence(run, node, folder);
    if (evidence !== undefined) env['ORCH_EVIDENCE_FILE'] = evidence;
    work = workOf(run, { node, folder, evidence, worktree: claimed?.claim.number });
  } catch (error) {
    return refuse({ kind: 'expression', message: messageOf(error) });
  }
  if ('failure' in work) {
    const { failure } = work;
    return refuse(failure, { again: retryOf(run, node, failure) });
  }
  env = { ...work.env, ...env };
  const inherited = passedOn(run.parts.settings.environment, work.pass);
  const oversized = findOversized(env, inherited);
  if (oversized !== undefined) return refuse({ kind: 'environment', message: oversized });
  const start: Start = { node, attempt, work, env, keeper: attempts.take() };
  run.record({
    type: 'step.started',
    wave: node.wave,
    step: node.id,
    attempt,
    slot: start.keeper.slot,
    ...(name !== undefined && { name }),
    ...(claimed && { base: claimed.base, worktree: claimed.claim.number }),
    ...(claimed && claimed.commit !== claimed.base && { from: claimed.commit }),
    ...(work.agent && { agent: work.agent }),
  });
  whenInPlace(run, `prepare:${node.index}`, claimed, (place) =>
    lookUpAndLaunch(run, attempts, start, place),
  );
}

function workOf(
  run: LiveRun,
  work: Omit<AgentWork, 'call' | 'definition'>,
): JobWork | { readonly failure: Failure } {
  const { step } = work.node;
  if (step.agent !== undefined) {
    const definition = agentOf(run, work.node, step.agent);
    return agentJob(run, { ...work, call: step.agent, definition });
  }
  if (step.run === undefined) throw new Error(`${step.id} has nothing to run`);
  return { script: step.run };
}

function passedOn(
  environment: Readonly<Record<string, string>>,
  pass: readonly string[] | undefined,
): Readonly<Record<string, string>> {
  if (pass === undefined) return environment;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => pass.includes(name)));
}

/** Where the attempt works, and what its work is measured from. */
function claimNext(
  run: LiveRun,
  node: PlanNode,
): (ClaimedPlace & { readonly base: Oid }) | undefined {
  const { tip } = run.state;
  const last = stepStateOf(run.state, node.index).attempts.at(-1);
  const claimed = claimPlace(run, tip?.commit);
  if (claimed === undefined) return undefined;
  // An agent that takes over, or goes on after a limit, does so where the one before it stopped.
  const isContinued = node.step.agent !== undefined && goesOn(run, node);
  if (!isContinued || !last?.commit || !last.base) return { ...claimed, base: claimed.commit };
  return { claim: claimed.claim, commit: last.commit, base: last.base };
}

/** All that is known of an attempt when it is recorded. */
interface Start {
  readonly node: PlanNode;
  readonly attempt: number;
  readonly work: JobWork;
  readonly env: Readonly<Record<string, string>>;
  readonly keeper: Keeper;
}

/** Starts the process, unless the cache has what it would come to. */
function lookUpAndLaunch(run: LiveRun, attempts: Attempts, start: Start, place: Place): void {
  const { node, attempt, work, env, keeper } = start;
  const launch = (cacheKey?: StepCacheKey) => {
    const spec = specOf(run, node, attempt, place, cacheKey);
    const ended = (outcome: Outcome) => {
      attempts.probes.forget(node);
      spec.ended(outcome);
    };
    if (place.claim) attempts.probes.watch(node, place);
    attempts.start(
      keeper,
      { ...spec, ended },
      {
        script: withSetup(place, attemptFolder(run.parts.files, node.id, attempt), work.script),
        env: { ...env, ...placeEnvironment(place) },
        cwd: place.root,
        ...(work.pass && { pass: work.pass }),
      },
    );
  };
  if (node.step.cache === undefined) return launch();
  run.task(`cache:${node.index}`, async () => {
    const found = await findStepEntry(run, place, node, work.identity ?? work.script, env);
    if (found.entry === undefined) return () => launch(found.key);
    const { entry, key } = found;
    const passed: StepFinished = {
      ...endOf(node, attempt),
      exit_code: 0,
      outputs: entry.outputs,
      cache: { hit: true, key: key.digest, reason: found.reason },
    };
    const pin = place.claim && (await pinStep(run, node, attempt, place));
    return () => {
      attempts.giveBack(keeper);
      // Asked for while it was looked up; there is no process to stop.
      run.busy.delete(`stop:${node.index}`);
      const why = pin?.problem;
      run.record({
        ...passed,
        ...(pin && pinnedFields(pin, attemptRef(run.state.run, node.id, attempt))),
        ...(why && { status: statusOf(why), failure: why, ...retryOf(run, node, why) }),
      });
      leavePlace(run, place.claim?.number);
    };
  });
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
  const place = isIsolated(run.state) ? undefined : userPlace(run);
  attempts.adopt(keeper, specOf(run, node, attempt.n, place), elapsedMs);
}

/** @param place undefined when an earlier process of orch started it in a worktree: that is opened at the end */
function specOf(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  place: Place | undefined,
  cacheKey?: StepCacheKey,
): AttemptSpec {
  return {
    key: attemptKey(node.id, attempt),
    folder: attemptFolder(run.parts.files, node.id, attempt),
    marker: stepMarker(run.state, node.id),
    ...agentPart(run, node, attempt),
    ended: (outcome) => {
      run.busy.delete(`stop:${node.index}`);
      if (isIsolated(run.state)) endIsolated(run, { node, attempt, outcome, place, cacheKey });
      else attemptEnded(run, node, attempt, outcome, cacheKey);
    },
  };
}

/** Of an attempt that has been recorded: its agent is the one that the record names. */
function agentPart(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
): Pick<AttemptSpec, 'timeout' | 'agent'> {
  const { timeout, agent } = node.step;
  if (agent === undefined) return { timeout };
  const definition = agentOf(run, node, agent);
  return {
    timeout: agentTimeout(definition, timeout),
    agent: { node, attempt, definition },
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
  const handed = readOutputs(run, node, attempt, outcome.said);
  if (!handed.ok)
    return attemptFailed(run, node, attempt, outcome, {
      kind: 'bad_output',
      message: handed.problem,
    });
  const passed = (notKept?: string): StepFinished => ({
    ...endOf(node, attempt, outcome),
    outputs: handed.outputs,
    ...(cacheKey && { cache: missOf(cacheKey, notKept) }),
  });
  if (node.step.produces.length === 0 && !cacheKey) return run.record(passed());
  run.task(`evidence:${node.index}`, async () => {
    const missing = await missingFile([userPlace(run).workTree], node);
    if (missing !== undefined) {
      return () =>
        attemptFailed(run, node, attempt, outcome, {
          kind: 'missing_output',
          message: `it did not produce ${missing}`,
        });
    }
    const notKept =
      cacheKey && (await saveStepEntry(run, userPlace(run), node, cacheKey, handed.outputs));
    return () => run.record(passed(notKept));
  });
}

/** Pins the tree that a failed attempt left, then says that it ended and whether another follows. */
function attemptFailed(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  outcome: Outcome,
  failure: Failure,
): void {
  const again = retryOf(run, node, failure);
  const end = (pin: { readonly ref: string; readonly commit: string } | undefined) => () =>
    run.record({
      ...endOf(node, attempt, outcome),
      status: statusOf(failure),
      failure,
      ref: pin?.ref ?? null,
      commit: pin?.commit ?? null,
      ...again,
    });
  if (statusOf(failure) !== 'failed') return end(undefined)();
  const ref = attemptRef(run.state.run, node.id, attempt);
  run.task(`pin:${node.index}`, async () =>
    end({
      ref,
      commit: await pinFailed(run, ref, `orch: ${node.id} attempt ${attempt} ${failure.kind}`),
    }),
  );
}
