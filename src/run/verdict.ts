/**
 * What an attempt came to, from evidence: how its process ended, what it was stopped for, what it
 * handed on and what it left behind.
 */
import type { Failure, Resources, StepEndStatus, Usage } from './events.ts';

/** What an agent said of its work, in the words of its own protocol. */
export interface AgentSaid {
  /** Its protocol has a last word; else its exit code says whether it has failed. */
  readonly hasVerdict: boolean;
  readonly failure?: Failure;
  readonly usage: Usage;
  readonly session?: string;
  /** Its last message. */
  readonly summary?: string;
  /** How it votes, where its message ends in a line that says so. */
  readonly verdict?: 'approve' | 'reject';
}

/** How an attempt's process ended. */
export interface Outcome {
  /** 128 + n for a process that signal n killed; null when nobody knows. */
  readonly exitCode: number | null;
  readonly durationS: number;
  readonly resources: Resources | null;
  /** Why orch stopped it; absent when it ended by itself. */
  readonly stopped?: Failure;
  /** Its keeper is gone and left no word. */
  readonly lost: boolean;
  /** Processes that outlived SIGKILL. */
  readonly survivors: number;
  /** Of agents. */
  readonly said?: AgentSaid;
}

/** Undefined: by its process alone, the attempt has passed. */
export function failureOf(outcome: Outcome): Failure | undefined {
  if (outcome.stopped) return withSurvivors(outcome.stopped, outcome.survivors);
  if (outcome.lost) {
    const message = 'its process was lost without an exit code';
    return withSurvivors({ kind: 'crash', message }, outcome.survivors);
  }
  const { said } = outcome;
  if (said?.hasVerdict && said.failure === undefined) return undefined;
  const signal = signalName((outcome.exitCode ?? 0) - 128);
  if (said) return failureOfAgent(said, outcome.exitCode, signal);
  if (outcome.exitCode === 0) return undefined;
  if (signal !== undefined) return { kind: 'signal', message: `ended by ${signal}` };
  return { kind: 'exit', message: `exit code ${outcome.exitCode}` };
}

/** A signal that nobody sent on purpose is a crash of the agent, and another one may have better luck. */
function failureOfAgent(
  { failure, hasVerdict }: AgentSaid,
  exitCode: number | null,
  signal: string | undefined,
): Failure | undefined {
  if (signal !== undefined && (failure === undefined || failure.kind === 'incomplete'))
    return { kind: 'crash', message: `ended by ${signal}` };
  if (!hasVerdict && exitCode === 0) return undefined;
  return failure ?? { kind: 'exit', message: `exit code ${exitCode}` };
}

export function statusOf(failure: Failure | undefined): StepEndStatus {
  if (failure === undefined) return 'passed';
  return failure.kind === 'cancelled' || failure.kind === 'interrupted' ? 'cancelled' : 'failed';
}

function withSurvivors(failure: Failure, survivors: number): Failure {
  if (survivors === 0) return failure;
  return {
    ...failure,
    message: `${failure.message}; ${survivors} of its processes could not be ended`,
  };
}

/** Signals that have the same number on every system that orch runs on. */
const SIGNALS = new Map([
  [1, 'SIGHUP'],
  [2, 'SIGINT'],
  [3, 'SIGQUIT'],
  [4, 'SIGILL'],
  [5, 'SIGTRAP'],
  [6, 'SIGABRT'],
  [8, 'SIGFPE'],
  [9, 'SIGKILL'],
  [11, 'SIGSEGV'],
  [13, 'SIGPIPE'],
  [14, 'SIGALRM'],
  [15, 'SIGTERM'],
]);

/** The other ones up to 31 exist everywhere too, under names that differ from system to system. */
function signalName(number: number): string | undefined {
  if (number < 1 || number > 31) return undefined;
  return SIGNALS.get(number) ?? `signal ${number}`;
}
