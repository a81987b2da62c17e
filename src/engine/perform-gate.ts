/** Runs the gates of a sealed wave: a gate is a command that orch runs itself, and its exit code is the evidence. */
import { messageOf } from '../base/errors.ts';
import type { Keeper } from '../ports/processes.ts';
import type { Failure, GateFinished } from '../run/events.ts';
import { retryDelayMs } from '../run/retry.ts';
import { type Attempt, type GateState, gateKey, gateOf, isIsolated, waveOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import type { Gate } from '../workflow/workflow.ts';
import type { AttemptSpec, Attempts } from './attempts.ts';
import { findOversized, gateEnvironment, gateMarker } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import {
  claimPlace,
  leavePlace,
  type Place,
  placeEnvironment,
  userPlace,
  whenInPlace,
} from './places.ts';
import { gateAttemptKey, gateFolder } from './run-files.ts';
import { noteSetup, withSetup } from './setup-script.ts';
import { findGateEntry, type GateCacheKey, saveGateEntry } from './step-cache.ts';

export function startGate(run: LiveRun, attempts: Attempts, wave: number, state: GateState): void {
  const gate = definitionOf(run, wave, state.name);
  const attempt = state.attempts.length + 1;
  let env: Record<string, string>;
  try {
    env = gateEnvironment(run.state, wave, gate);
  } catch (error) {
    const failure: Failure = { kind: 'expression', message: messageOf(error) };
    return failGate(run, wave, gate, attempt, failure);
  }
  const oversized = findOversized(env, run.parts.settings.environment);
  if (oversized !== undefined) {
    const failure: Failure = { kind: 'environment', message: oversized };
    return failGate(run, wave, gate, attempt, failure);
  }
  const keeper = attempts.take();
  const { sealed } = waveOf(run.state, wave);
  const claimed = claimPlace(run, sealed?.commit);
  run.record({
    type: 'gate.started',
    wave,
    gate: gate.name,
    attempt,
    slot: keeper.slot,
    ...(claimed && { worktree: claimed.claim.number }),
  });
  const start: Start = { wave, gate, attempt, env, keeper };
  whenInPlace(run, `prepare:${wave}/${gate.name}`, claimed, (place) =>
    lookUpAndLaunch(run, attempts, start, place),
  );
}

/** All that is known of an attempt when it is recorded. */
interface Start {
  readonly wave: number;
  readonly gate: Gate;
  readonly attempt: number;
  readonly env: Readonly<Record<string, string>>;
  readonly keeper: Keeper;
}

function lookUpAndLaunch(run: LiveRun, attempts: Attempts, start: Start, place: Place): void {
  const { wave, gate, attempt, env, keeper } = start;
  const folder = gateFolder(run.parts.files, wave, gate.name, attempt);
  const launch = (cacheKey?: GateCacheKey) =>
    attempts.start(keeper, specOf(run, wave, gate, attempt, place, cacheKey), {
      script: withSetup(place, folder, gate.run),
      env: { ...env, ...placeEnvironment(place) },
      cwd: place.root,
    });
  if (gate.cache === undefined) return launch();
  run.task(`cache:${wave}/${gate.name}`, async () => {
    const found = await findGateEntry(run, place, wave, gate, env);
    if (!found.hit) return () => launch(found.key);
    return () => {
      attempts.giveBack(keeper);
      run.record({
        ...endOf(wave, gate, attempt),
        exit_code: 0,
        cache: { hit: true, key: found.key.digest, reason: found.reason },
      });
      leavePlace(run, place.claim?.number);
    };
  });
}

/** A gate that fails without ever having had a process. */
function failGate(run: LiveRun, wave: number, gate: Gate, attempt: number, failure: Failure): void {
  run.record({ type: 'gate.started', wave, gate: gate.name, attempt });
  run.record({ ...endOf(wave, gate, attempt), status: 'failed', failure });
}

/** A gate that an earlier process of orch started. */
export function adoptGate(
  run: LiveRun,
  attempts: Attempts,
  wave: number,
  name: string,
  attempt: Attempt,
): void {
  const keeper = attempt.slot === undefined ? undefined : run.state.keepers.get(attempt.slot);
  const elapsedMs = Math.max(0, run.nowMs() - Date.parse(attempt.startedAt));
  const gate = definitionOf(run, wave, name);
  const place = isIsolated(run.state) ? undefined : userPlace(run);
  attempts.adopt(keeper, specOf(run, wave, gate, attempt.n, place), elapsedMs);
}

function definitionOf(run: LiveRun, wave: number, name: string): Gate {
  const gate = run.state.waves[wave]?.plan?.gates.find((candidate) => candidate.name === name);
  if (gate === undefined) throw new Error(`wave ${wave} has no gate ${name}`);
  return gate;
}

function specOf(
  run: LiveRun,
  wave: number,
  gate: Gate,
  attempt: number,
  place: Place | undefined,
  cacheKey?: GateCacheKey,
): AttemptSpec {
  return {
    key: gateAttemptKey(wave, gate.name, attempt),
    folder: gateFolder(run.parts.files, wave, gate.name, attempt),
    marker: gateMarker(run.state, gate.name),
    timeout: gate.timeout,
    ended: (outcome) => {
      run.busy.delete(`stop-gate:${gateKey(wave, gate.name)}`);
      if (place) noteSetup(run, place, gateFolder(run.parts.files, wave, gate.name, attempt));
      gateEnded(run, { wave, gate, attempt, place, cacheKey }, outcome);
    },
  };
}

interface End {
  readonly wave: number;
  readonly gate: Gate;
  readonly attempt: number;
  readonly place: Place | undefined;
  readonly cacheKey: GateCacheKey | undefined;
}

function gateEnded(
  run: LiveRun,
  { wave, gate, attempt, place, cacheKey }: End,
  outcome: Outcome,
): void {
  const { worktree } = gateOf(run.state, wave, gate.name).attempts.at(-1) ?? {};
  const failure = failureOf(outcome);
  const body: GateFinished = {
    ...endOf(wave, gate, attempt),
    status: statusOf(failure),
    exit_code: outcome.exitCode,
    duration_s: outcome.durationS,
    ...(failure && { failure }),
    ...(cacheKey && { cache: { hit: false, key: cacheKey.digest, reason: cacheKey.missReason } }),
    ...retryOf(run, wave, gate, failure),
  };
  const end = () => {
    run.record(body);
    leavePlace(run, worktree);
  };
  if (failure || !cacheKey || !place) return end();
  run.task(`cache:${wave}/${gate.name}`, async () => {
    await saveGateEntry(run, place, gate, cacheKey);
    return end;
  });
}

function retryOf(
  run: LiveRun,
  wave: number,
  gate: Gate,
  failure: Failure | undefined,
): { retry_at?: string } {
  if (failure === undefined || run.state.cancelled) return {};
  const { counted, crashes } = gateOf(run.state, wave, gate.name);
  const delayMs = retryDelayMs(
    gate.retry,
    { kind: failure.kind, counted, crashes },
    run.parts.ports.clock.random(),
  );
  return delayMs === undefined ? {} : { retry_at: new Date(run.nowMs() + delayMs).toISOString() };
}

function endOf(wave: number, gate: Gate, attempt: number): GateFinished {
  return {
    type: 'gate.finished',
    wave,
    gate: gate.name,
    attempt,
    status: 'passed',
    exit_code: null,
    duration_s: 0,
  };
}
