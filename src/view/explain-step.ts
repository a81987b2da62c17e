/**
 * `orch why`: the reason for what a step did or did not do, from the journal alone. Data here, so
 * that scripts get the same answer as people; the sentences are in explain-text.ts.
 */
import { messageOf } from '../base/errors.ts';
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import { contextOf } from '../run/scope.ts';
import { hasEnded, type RunState, type StepState, stepStateOf } from '../run/state.ts';
import { describeAttempt } from '../run/summary.ts';
import {
  evaluateCondition,
  evaluateTemplate,
  referencedValues,
  textOfValue,
} from '../workflow/expressions.ts';
import type { RunFacts } from './run-facts.ts';

export interface StepExplanation {
  readonly run: string;
  readonly step: string;
  readonly kind: string;
  readonly wave: number;
  readonly status: string;
  /** In words; the first says the most. */
  readonly because: readonly string[];
  readonly needs: readonly NamedStatus[];
  readonly trigger_rule: string;
  readonly when: WhenExplanation | null;
  /** What holds back a step that has not started. */
  readonly waits_for: readonly string[];
  readonly needed_by: readonly NamedStatus[];
  /** Instances of a matrix, or steps of a nested workflow. */
  readonly parts: readonly NamedStatus[];
  readonly attempts: readonly ReturnType<typeof describeAttempt>[];
  readonly max_attempts: number;
  readonly outputs: Readonly<Record<string, string>>;
  /** Last lines of the newest attempt. */
  readonly last_lines: { readonly out: readonly string[]; readonly err: readonly string[] };
  readonly next: string | null;
}

export interface NamedStatus {
  readonly step: string;
  readonly status: string;
}

export interface WhenExplanation {
  readonly text: string;
  /** Null while it cannot be asked, because a need has not ended. */
  readonly holds: boolean | null;
  /** What it looked at: `steps.lint.status` -> `failed`. */
  readonly values: Readonly<Record<string, string>>;
  readonly error: string | null;
}

/** The facts of an explanation; `because`, `waits_for` and `next` are put into words elsewhere. */
export type StepFacts = Omit<StepExplanation, 'because' | 'waits_for' | 'next'> & {
  readonly node: PlanNode;
  readonly state: StepState;
};

export function stepFacts(
  { state }: Pick<RunFacts, 'state'>,
  node: PlanNode,
  lastLines: StepExplanation['last_lines'],
): StepFacts {
  const step = stepStateOf(state, node.index);
  const needs = needsOf(state, node);
  return {
    node,
    state: step,
    run: state.run,
    step: node.id,
    kind: node.kind === 'step' || node.kind === 'dynamic' ? node.step.kind : node.kind,
    wave: node.wave,
    status: step.status,
    needs: named(state, needs),
    trigger_rule: node.step.triggerRule,
    when: explainWhen(state, node, needs),
    needed_by: named(state, state.dependents[node.index] ?? []),
    parts: named(state, partsOf(state, node)),
    attempts: step.attempts.map(describeAttempt),
    max_attempts: node.step.retry.maxAttempts,
    outputs: step.outputs,
    last_lines: lastLines,
  };
}

/** What the definition needs: a matrix node lists its instances among its own needs. */
function needsOf(state: RunState, node: PlanNode): readonly number[] {
  if (node.kind !== 'matrix') return node.needs;
  const first = state.nodes[node.needs[0] ?? -1];
  return first?.matrixNode === node.index ? first.needs : node.needs;
}

function partsOf(state: RunState, node: PlanNode): readonly number[] {
  if (isLeaf(node)) return [];
  if (node.kind === 'workflow') return state.children[node.index] ?? [];
  return node.needs.filter((need) => state.nodes[need]?.matrixNode === node.index);
}

function named(state: RunState, indices: readonly number[]): NamedStatus[] {
  return indices.flatMap((index) => {
    const node = state.nodes[index];
    return node === undefined ? [] : [{ step: node.id, status: stepStateOf(state, index).status }];
  });
}

/** Asked again with what is known now: the needs have ended, so the answer is the one it got then. */
function explainWhen(
  state: RunState,
  node: PlanNode,
  needs: readonly number[],
): WhenExplanation | null {
  const text = node.step.when;
  if (text === undefined) return null;
  const isOpen = needs.some((need) => !hasEnded(stepStateOf(state, need).status));
  if (isOpen) return { text, holds: null, values: {}, error: null };
  const context = contextOf(state, node, [text]);
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of referencedValues(text)) {
    try {
      values[name] = textOfValue(evaluateTemplate(`\${{ ${name} }}`, context));
    } catch (error) {
      values[name] = `(${messageOf(error)})`;
    }
  }
  try {
    return { text, holds: evaluateCondition(text, context), values, error: null };
  } catch (error) {
    return { text, holds: null, values, error: messageOf(error) };
  }
}
