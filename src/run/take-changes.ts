/**
 * What of a changed workflow a run that has begun can take: all that concerns steps which have not
 * started. A step that has started keeps the definition it had, and so do settings that the plan was
 * made with, because the waves that are behind were cut by them.
 */
import type { Ahead } from '../plan/adopt-plan.ts';
import { diffWorkflows, type WorkflowChanges } from '../plan/fingerprint.ts';
import { isLeaf } from '../plan/graph.ts';
import type { Step, Workflow } from '../workflow/workflow.ts';
import { hasEnded, type RunState, stepStateOf } from './state.ts';

export interface KeptStep {
  readonly id: string;
  /** Names of fields of Step; none when the file has the step no more. */
  readonly fields: readonly string[];
  readonly because: 'has ended' | 'has begun';
}

export interface TakenChanges {
  /** What the run goes on with. */
  readonly workflow: Workflow;
  readonly taken: WorkflowChanges;
  /** What the file says otherwise, and the run does not take. */
  readonly kept: { readonly steps: readonly KeptStep[]; readonly settings: readonly string[] };
}

const FIXED = ['concurrency', 'strategy', 'waves', 'workspace'] as const;

export function takeChanges(state: RunState, current: Workflow): TakenChanges {
  const before = state.workflow;
  const started = startedSteps(state);
  const workflow = keepSettings(
    state,
    withSteps(
      current,
      before.steps.filter(({ id }) => started.has(id)),
    ),
  );
  const wanted = diffWorkflows(before, current);
  const taken = diffWorkflows(before, workflow);
  const differing = [...wanted.removed.map((id) => ({ id, fields: [] })), ...wanted.changed];
  const steps = differing.flatMap(({ id, fields }): KeptStep[] => {
    const because = started.get(id);
    return because === undefined ? [] : [{ id, fields, because }];
  });
  const settings = wanted.settings.filter((name) => !taken.settings.includes(name));
  return { workflow, taken, kept: { steps, settings } };
}

/** Waves that may still take steps and gates. */
export function aheadOf({ waves, frontier }: RunState): Ahead {
  const at = waves[frontier]?.status ?? 'planned';
  return { frontier, gatesFrom: at === 'planned' || at === 'open' ? frontier : frontier + 1 };
}

/** By id, what lies in a nested workflow counting for it too. */
function startedSteps(state: RunState): Map<string, KeptStep['because']> {
  const started = new Set<string>();
  const open = new Set<string>();
  for (const node of state.nodes) {
    if (!isLeaf(node)) continue;
    const { status } = stepStateOf(state, node.index);
    const ids = [node.step.id];
    for (let at = node.parent; at !== undefined; at = state.nodes[at]?.parent)
      ids.push(state.nodes[at]?.step.id ?? '');
    for (const id of ids) {
      if (status !== 'pending') started.add(id);
      if (!hasEnded(status)) open.add(id);
    }
  }
  return new Map([...started].map((id) => [id, open.has(id) ? 'has begun' : 'has ended']));
}

function withSteps(current: Workflow, kept: readonly Step[]): Workflow {
  const old = new Map(kept.map((step) => [step.id, step]));
  const known = new Set(current.steps.map(({ id }) => id));
  const steps = [
    ...kept.filter(({ id }) => !known.has(id)),
    ...current.steps.map((step) => old.get(step.id) ?? step),
  ];
  const present = new Set(steps.map(({ id }) => id));
  return {
    ...current,
    steps: steps.map((step) => ({
      ...step,
      needs: step.needs.filter((need) => present.has(need)),
    })),
  };
}

function keepSettings(state: RunState, workflow: Workflow): Workflow {
  const { workflow: before } = state;
  const hasGatesAhead = aheadOf(state).gatesFrom < state.waves.length;
  const kept: Record<string, unknown> = { ...workflow };
  for (const name of FIXED) {
    // Absent stays absent, so that the next resume compares like with like.
    if (before[name] === undefined) delete kept[name];
    else kept[name] = before[name];
  }
  return { ...(kept as unknown as Workflow), ...(!hasGatesAhead && { gates: before.gates }) };
}
