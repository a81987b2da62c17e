/**
 * Takes a changed workflow into a run that has begun: for what has not started, or is to be tried again.
 * What runs or has ended keeps the definition it had, and waves keep their places.
 */
import { OrchError } from '../base/errors.ts';
import { adoptPlan } from '../plan/adopt-plan.ts';
import { diffWorkflows } from '../plan/fingerprint.ts';
import { isLeaf } from '../plan/graph.ts';
import type { Plan } from '../plan/plan.ts';
import { replacePlan } from '../run/create-state.ts';
import { type RunState, stepStateOf } from '../run/state.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { encodeFrozen } from './frozen.ts';
import type { LiveRun } from './live-run.ts';

export interface ChangedDefinition {
  readonly workflow: Workflow;
  /** Plans the merged workflow with the run's own strategy and concurrency. */
  readonly plan: (workflow: Workflow) => Plan;
}

export function applyChanges(run: LiveRun, { workflow: current, plan }: ChangedDefinition): void {
  const { state, parts } = run;
  const changes = diffWorkflows(state.workflow, current);
  const { added, removed, changed, settings } = changes;
  if (added.length + removed.length + changed.length + settings.length === 0) return;
  if (state.nodes.length !== state.plan.nodes.length) {
    throw new OrchError(
      'ORCH_CHANGES_REFUSED',
      'a matrix of this run was expanded from outputs, so its plan cannot be changed any more',
      {
        fix: `orch resume ${state.run} goes on with the workflow as it was`,
      },
    );
  }
  const merged = keepStarted(state, current);
  const { frontier } = state;
  const at = state.waves[frontier]?.status ?? 'planned';
  const adopted = adoptPlan(state.plan, plan(merged), merged.gates, {
    frontier,
    gatesFrom: at === 'planned' || at === 'open' ? frontier : frontier + 1,
  });
  const frozen = `run-${state.seq + 1}.json`;
  const text = encodeFrozen({ ...parts.frozen, workflow: merged, plan: adopted });
  parts.ports.files.replace(`${parts.files.folder}/${frozen}`, text);
  replacePlan(state, merged, adopted);
  run.record({
    type: 'plan.changed',
    frozen,
    added,
    removed,
    changed: changed.map(({ id }) => id),
  });
}

/** What runs or has ended stays as it was, also when the file has it no more, and what it lies in. */
function keepStarted(state: RunState, current: Workflow): Workflow {
  const started = new Set<string>();
  for (const node of state.nodes) {
    if (!isLeaf(node) || stepStateOf(state, node.index).status === 'pending') continue;
    started.add(node.step.id);
    for (let at = node.parent; at !== undefined; at = state.nodes[at]?.parent)
      started.add(state.nodes[at]?.step.id ?? '');
  }
  const kept = new Map(
    state.workflow.steps.filter(({ id }) => started.has(id)).map((step) => [step.id, step]),
  );
  const known = new Set(current.steps.map((step) => step.id));
  const steps = [
    ...[...kept.values()].filter((step) => !known.has(step.id)),
    ...current.steps.map((step) => kept.get(step.id) ?? step),
  ];
  const present = new Set(steps.map((step) => step.id));
  return {
    ...current,
    steps: steps.map((step) => ({
      ...step,
      needs: step.needs.filter((need) => present.has(need)),
    })),
  };
}
