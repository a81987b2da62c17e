/** Runs the gates of a sealed wave: a gate is a command that orch runs itself, and its exit code is the evidence. */
import { messageOf } from '../base/errors.ts';
import type { Failure, GateFinished } from '../run/events.ts';
import { retryDelayMs } from '../run/retry.ts';
import { type Attempt, type GateState, gateKey, gateOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import type { Gate } from '../workflow/workflow.ts';
import type { AttemptSpec, Attempts } from './attempts.ts';
import { findOversized, gateEnvironment, gateMarker } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import { gateAttemptKey, gateFolder } from './run-files.ts';
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
  run.record({ type: 'gate.started', wave, gate: gate.name, attempt, slot: keeper.slot });
  const launch = (cacheKey?: GateCacheKey) =>
    attempts.start(keeper, specOf(run, wave, gate, attempt, cacheKey), { script: gate.run, env });
  if (gate.cache === undefined) return run.afterwards(() => launch());
  run.afterwards(() =>
    run.task(`cache:${wave}/${gate.name}`, async () => {
      const found = await findGateEntry(run, wave, gate, env);
      if (!found.hit) return () => launch(found.key);
      return () => {
        attempts.giveBack(keeper);
        run.record({
          ...endOf(wave, gate, attempt),
          exit_code: 0,
          cache: { hit: true, key: found.key.digest, reason: found.reason },
        });
      };
    }),
  );
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
  attempts.adopt(keeper, specOf(run, wave, definitionOf(run, wave, name), attempt.n), elapsedMs);
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
  cacheKey?: GateCacheKey,
): AttemptSpec {
  return {
    key: gateAttemptKey(wave, gate.name, attempt),
    folder: gateFolder(run.parts.files, wave, gate.name, attempt),
    marker: gateMarker(run.state, gate.name),
    timeout: gate.timeout,
    ended: (outcome) => {
      run.busy.delete(`stop-gate:${gateKey(wave, gate.name)}`);
      gateEnded(run, wave, gate, attempt, outcome, cacheKey);
    },
  };
}

function gateEnded(
  run: LiveRun,
  wave: number,
  gate: Gate,
  attempt: number,
  outcome: Outcome,
  cacheKey?: GateCacheKey,
): void {
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
  if (failure || !cacheKey) return run.record(body);
  run.task(`cache:${wave}/${gate.name}`, async () => {
    await saveGateEntry(run, gate, cacheKey);
    return () => run.record(body);
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
