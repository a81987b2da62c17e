/**
 * What an expression may see: `inputs`, `steps`, `matrix`, `env`, `run`, `wave`. Names are looked up
 * where the step stands: inside a nested workflow `steps.x` is `outer/x` and `inputs` are those that
 * the outer step passed in.
 *
 * Only the steps an expression names are put into its context: with all of them, every evaluation
 * would cost as much as the workflow is large.
 */
import type { PlanNode } from '../plan/plan.ts';
import { evaluateTemplate, referencedSteps, textOfValue } from '../workflow/expressions.ts';
import type { JsonValue } from '../workflow/workflow.ts';
import { type RunState, stepStateOf } from './state.ts';

type Values = Readonly<Record<string, JsonValue>>;

/** @param texts the expressions that will be evaluated in this context */
export function contextOf(
  state: RunState,
  node: PlanNode,
  texts: readonly string[],
): Readonly<Record<string, JsonValue>> {
  return {
    inputs: inputsOf(state, node.parent),
    steps: stepsNamedIn(state, node, texts),
    matrix: node.matrix ?? {},
    run: { id: state.run, workflow: state.workflow.name },
    wave: node.wave,
    env: texts.some((text) => /\benv\b/.test(text)) ? plainEnv(node) : {},
  };
}

/** Environment of a step, evaluated. @throws ExpressionError when a value cannot be evaluated */
export function environmentOf(state: RunState, node: PlanNode): Record<string, string> {
  const { env } = node.step;
  const context = contextOf(state, node, Object.values(env));
  const result: Record<string, string> = {};
  for (const [name, template] of Object.entries(env)) {
    result[name] = textOfValue(evaluateTemplate(template, context));
  }
  return result;
}

/** Inputs by name where the step stands; they arrive as ORCH_INPUT_<NAME>. */
export function inputsOf(state: RunState, parent: number | undefined): Values {
  return parent === undefined ? state.inputs : (state.scopes.get(parent) ?? {});
}

/** Values for a nested workflow's inputs: what `with` says, else their defaults. */
export function evaluateScope(state: RunState, node: PlanNode): Values {
  const nested = node.step.workflow;
  if (nested === undefined) throw new Error(`${node.id} is no nested workflow`);
  const context = contextOf(state, node, Object.values(nested.with).filter(isText));
  const values: Record<string, JsonValue> = {};
  for (const [name, spec] of Object.entries(nested.inputs)) {
    const given = nested.with[name];
    if (given === undefined) values[name] = spec.default ?? '';
    else values[name] = isText(given) ? evaluateTemplate(given, context) : given;
  }
  return values;
}

/** Outputs of a nested workflow, in terms of its own steps. */
export function evaluateNestedOutputs(state: RunState, node: PlanNode): Record<string, string> {
  const outputs = Object.entries(node.step.workflow?.outputs ?? {});
  const inside: PlanNode = { ...node, id: `${node.id}/`, parent: node.index };
  const context = contextOf(
    state,
    inside,
    outputs.map(([, text]) => text),
  );
  return Object.fromEntries(
    outputs.map(([name, text]) => [name, textOfValue(evaluateTemplate(text, context))]),
  );
}

function plainEnv(node: PlanNode): Values {
  return Object.fromEntries(
    Object.entries(node.step.env).filter(([, text]) => !text.includes('${{')),
  );
}

function stepsNamedIn(state: RunState, node: PlanNode, texts: readonly string[]): Values {
  const prefix = node.parent === undefined ? '' : `${state.nodes[node.parent]?.id}/`;
  const visible: Record<string, JsonValue> = {};
  for (const name of texts.flatMap((text) => [...referencedSteps(text)])) {
    if (name === '*') addDirectNeeds(state, node, prefix, visible);
    else addStep(state, `${prefix}${name}`, name, visible);
  }
  return visible;
}

function addDirectNeeds(
  state: RunState,
  node: PlanNode,
  prefix: string,
  visible: Record<string, JsonValue>,
): void {
  for (const need of node.needs) {
    const id = state.nodes[need]?.id ?? '';
    addStep(state, id, id.slice(prefix.length), visible);
  }
}

function addStep(
  state: RunState,
  id: string,
  name: string,
  visible: Record<string, JsonValue>,
): void {
  const index = state.indexOf.get(id);
  if (index !== undefined) visible[name] = describeStep(state, index);
}

/** `{status, outputs}`, and for a matrix every instance, failed ones too, in matrix order. */
function describeStep(state: RunState, index: number): JsonValue {
  const step = stepStateOf(state, index);
  const node = state.nodes[index];
  if (node?.kind !== 'matrix') return { status: step.status, outputs: step.outputs };
  const matrix = node.needs.map((need) => {
    const { status, outputs } = stepStateOf(state, need);
    return { values: state.nodes[need]?.matrix ?? {}, status, outputs };
  });
  return { status: step.status, outputs: step.outputs, matrix };
}

function isText(value: JsonValue): value is string {
  return typeof value === 'string';
}
