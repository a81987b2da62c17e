/** What a job finds in its environment beyond what orch itself inherited. */
import type { PlanNode } from '../plan/plan.ts';
import { environmentOf, gateEnvironmentOf, inputsOf } from '../run/scope.ts';
import type { RunState } from '../run/state.ts';
import { textOfValue } from '../workflow/expressions.ts';
import type { Gate, JsonValue } from '../workflow/workflow.ts';

/** @throws ExpressionError when a value of `env` cannot be evaluated */
export function stepEnvironment(
  state: RunState,
  node: PlanNode,
  attempt: number,
  folder: string,
): Record<string, string> {
  return {
    ...environmentOf(state, node),
    ...upperCased('ORCH_INPUT_', inputsOf(state, node.parent)),
    ...upperCased('ORCH_MATRIX_', node.matrix ?? {}),
    ...stepMarker(state, node.id),
    ORCH_WAVE: String(node.wave),
    ORCH_ATTEMPT: String(attempt),
    ORCH_OUTPUT: `${folder}/output`,
  };
}

/** @throws OrchError when a value of `env` cannot be evaluated */
export function gateEnvironment(
  state: RunState,
  wave: number,
  gate: Pick<Gate, 'name' | 'env' | 'parent'>,
): Record<string, string> {
  const { env, inputs } = gateEnvironmentOf(state, wave, gate);
  return {
    ...env,
    ...upperCased('ORCH_INPUT_', inputs),
    ...gateMarker(state, gate.name),
    ORCH_WAVE: String(wave),
  };
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
