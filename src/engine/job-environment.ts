/** What a job finds in its environment beyond what orch itself inherited. */
import { OrchError } from '../base/errors.ts';
import type { PlanNode } from '../plan/plan.ts';
import { environmentOf, gateEnvironmentOf, inputsOf } from '../run/scope.ts';
import type { RunState } from '../run/state.ts';
import { textOfValue } from '../workflow/expressions.ts';
import type { Gate, JsonValue } from '../workflow/workflow.ts';

/** Set for every attempt; they name it, and change nothing of its work. */
const OF_ATTEMPT: ReadonlySet<string> = new Set([
  'ORCH_RUN',
  'ORCH_WAVE',
  'ORCH_STEP',
  'ORCH_GATE',
  'ORCH_ATTEMPT',
  'ORCH_OUTPUT',
  'ORCH_EVIDENCE_FILE',
  'ORCH_PROMPT_FILE',
  'ORCH_CONFLICTS_FILE',
  'ORCH_PORT',
]);
const INPUT = 'ORCH_INPUT_';
const MATRIX = 'ORCH_MATRIX_';

export function namesAttempt(variable: string): boolean {
  return OF_ATTEMPT.has(variable);
}

/**
 * What orch says to a job. An orch that runs inside a job inherits it, and its own jobs must not: the
 * inputs and the output file of another run are none of theirs.
 */
export function isSaidToJob(variable: string): boolean {
  return namesAttempt(variable) || variable.startsWith(INPUT) || variable.startsWith(MATRIX);
}

/** @throws OrchError when a value of `env` cannot be evaluated, or no environment can hold a value */
export function stepEnvironment(
  state: RunState,
  node: PlanNode,
  attempt: number,
  folder: string,
): Record<string, string> {
  return withoutNul({
    ...environmentOf(state, node),
    ...upperCased(INPUT, inputsOf(state, node.parent)),
    ...upperCased(MATRIX, node.matrix ?? {}),
    ...stepMarker(state, node.id),
    ORCH_WAVE: String(node.wave),
    ORCH_ATTEMPT: String(attempt),
    ORCH_OUTPUT: `${folder}/output`,
  });
}

/** @throws OrchError as stepEnvironment */
export function gateEnvironment(
  state: RunState,
  wave: number,
  gate: Pick<Gate, 'name' | 'env' | 'parent'>,
): Record<string, string> {
  const { env, inputs } = gateEnvironmentOf(state, wave, gate);
  return withoutNul({
    ...env,
    ...upperCased(INPUT, inputs),
    ...gateMarker(state, gate.name),
    ORCH_WAVE: String(wave),
  });
}

/** Files and the command line are refused with one; what an expression makes is known only now. */
function withoutNul(env: Record<string, string>): Record<string, string> {
  const name = Object.keys(env).find((each) => env[each]?.includes('\0'));
  if (name === undefined) return env;
  throw new OrchError('ORCH_EXPRESSION_FAILED', `the variable ${name} holds a NUL character`, {
    fix: 'remove it: no environment can carry one',
  });
}

/** All processes of a step carry these, so that they are found wherever they have gone. */
export function stepMarker(state: RunState, step: string): Record<string, string> {
  return { ORCH_RUN: state.run, ORCH_STEP: step };
}

export function gateMarker(state: RunState, gate: string): Record<string, string> {
  return { ORCH_RUN: state.run, ORCH_GATE: gate };
}

/** `max-items` -> ORCH_INPUT_MAX_ITEMS. */
function upperCased(
  prefix: string,
  values: Readonly<Record<string, JsonValue>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `${prefix}${name.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`,
      textOfValue(value),
    ]),
  );
}

/** Linux: 32 pages for one string of an environment, its final NUL included. */
const MAX_ENTRY_BYTES = 128 * 1024;

/**
 * Linux: a quarter of the stack's limit, which is 8 MB nearly everywhere, for environment and arguments
 * together; a little is kept for the arguments. Other systems take less, and then say so themselves.
 */
const MAX_ENVIRONMENT_BYTES = 2 * 1024 * 1024 - 32 * 1024;

/**
 * An environment that no program can be started with.
 * @param inherited what the job has besides
 * @returns what is too large, with its size
 */
export function findOversized(
  env: Readonly<Record<string, string>>,
  inherited: Readonly<Record<string, string>>,
): string | undefined {
  const advice = 'hand large values on in a file and pass its path';
  const sizes = Object.entries({ ...inherited, ...env })
    .map(([name, value]) => ({ name, bytes: Buffer.byteLength(`${name}=${value}`) + 1 }))
    .sort((a, b) => b.bytes - a.bytes);
  const [largest] = sizes;
  if (largest === undefined) return undefined;
  const { name, bytes } = largest;
  if (bytes > MAX_ENTRY_BYTES)
    return `the variable ${name} has ${bytes} bytes, and the system takes at most ${MAX_ENTRY_BYTES} in one; ${advice}`;
  const total = sizes.reduce((sum, entry) => sum + entry.bytes + POINTER_BYTES, 0);
  if (total <= MAX_ENVIRONMENT_BYTES) return undefined;
  return `the environment has ${total} bytes, and the system takes at most ${MAX_ENVIRONMENT_BYTES}; the largest variable is ${name} with ${bytes}; ${advice}`;
}

/** The kernel counts the table of pointers too. */
const POINTER_BYTES = 8;
