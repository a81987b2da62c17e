/**
 * What an expression may see: `inputs`, `steps`, `matrix`, `env`, `run`, `wave`. Names are looked up
 * where the step stands: inside a nested workflow `steps.x` is `outer/x` and `inputs` are those that
 * the outer step passed in.
 *
 * Only the steps an expression names are put into its context: with all of them, every evaluation
 * would cost as much as the workflow is large.
 */
import type { PlanNode } from '../plan/plan.ts';
import {
  type ExpressionContext,
  evaluateTemplate,
  referencedSteps,
  textOfValue,
} from '../workflow/expressions.ts';
import type { Gate, JsonValue } from '../workflow/workflow.ts';
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
    env: texts.some((text) => /\benv\b/.test(text)) ? plainValues(node.step.env) : {},
  };
}

/** A step's name for people, evaluated; undefined where it has none. @throws OrchError as environmentOf */
export function nameOf(state: RunState, node: PlanNode): string | undefined {
  const { name } = node.step;
  if (name === undefined) return undefined;
  return textOfValue(evaluateTemplate(name, contextOf(state, node, [name])));
}

/** Environment of a step, evaluated. @throws OrchError when a value cannot be evaluated */
export function environmentOf(state: RunState, node: PlanNode): Record<string, string> {
  const { env } = node.step;
  return evaluateEach(env, contextOf(state, node, Object.values(env)));
}

/**
 * Environment and inputs of a gate, evaluated where it was written: that of a nested workflow sees the
 * inputs of that workflow. Gates stand for no step, so they see neither steps nor a matrix.
 * @throws OrchError when a value cannot be evaluated
 */
export function gateEnvironmentOf(
  state: RunState,
  wave: number,
  gate: Pick<Gate, 'env' | 'parent'>,
): { readonly env: Record<string, string>; readonly inputs: Values } {
  const parent = gate.parent === undefined ? undefined : state.indexOf.get(gate.parent);
  const inputs = inputsOf(state, parent);
  const run = { id: state.run, workflow: state.workflow.name };
  const context = { inputs, run, wave, env: plainValues(gate.env) };
  return { env: evaluateEach(gate.env, context), inputs };
}

function evaluateEach(
  templates: Readonly<Record<string, string>>,
  context: ExpressionContext,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).map(([name, text]) => [
      name,
      textOfValue(evaluateTemplate(text, context)),
    ]),
  );
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
  return Object.fromEntries(
    Object.entries(nested.inputs).map(([name, spec]) => {
      const given = Object.hasOwn(nested.with, name) ? nested.with[name] : undefined;
      if (given === undefined) return [name, spec.default ?? ''];
      return [name, isText(given) ? evaluateTemplate(given, context) : given];
    }),
  );
}

/**
 * Outputs of a nested workflow, in terms of its own steps. One that cannot be evaluated, because its
 * step was skipped, say, is empty.
 */
export function evaluateNestedOutputs(state: RunState, node: PlanNode): Record<string, string> {
  const templates = node.step.workflow?.outputs ?? {};
  const within = (state.children[node.index] ?? []).filter(
    (child) => state.nodes[child]?.matrixNode === undefined,
  );
  const inside: PlanNode = { ...node, id: `${node.id}/`, parent: node.index, needs: within };
  const context = contextOf(state, inside, Object.values(templates));
  return Object.fromEntries(
    Object.entries(templates).map(([name, text]) => {
      try {
        return [name, textOfValue(evaluateTemplate(text, context))];
      } catch {
        return [name, ''];
      }
    }),
  );
}

/** An environment cannot refer to what is itself to be evaluated: that might go round in circles. */
function plainValues(env: Readonly<Record<string, string>>): Values {
  return Object.fromEntries(Object.entries(env).filter(([, text]) => !text.includes('${{')));
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
