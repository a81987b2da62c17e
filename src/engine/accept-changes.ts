/**
 * Takes a changed workflow into a run that has begun: for what has not started, or is to be tried again.
 * What runs or has ended keeps the definition it had, and waves keep their places.
 */
import { OrchError } from '../base/errors.ts';
import { adoptPlan } from '../plan/adopt-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { replacePlan } from '../run/create-state.ts';
import { aheadOf, type TakenChanges, takeChanges } from '../run/take-changes.ts';
import { completeInputs } from '../workflow/inputs.ts';
import type { Workflow } from '../workflow/workflow.ts';
import type { Cast } from './cast.ts';
import { encodeFrozen } from './frozen.ts';
import type { LiveRun } from './live-run.ts';

export interface ChangedDefinition {
  readonly workflow: Workflow;
  /** Plans the merged workflow with the run's own strategy and concurrency. */
  readonly plan: (workflow: Workflow) => Plan;
  /** Finds who does the agent steps of the merged workflow. */
  readonly cast: (workflow: Workflow) => Cast;
  /** Told once it is clear what the run takes of the file. */
  readonly tell: (changes: TakenChanges) => void;
}

/** @throws OrchError ORCH_CHANGES_REFUSED, and what no plan can be made of; the run is as it was then */
export function applyChanges(
  run: LiveRun,
  { workflow: current, plan, cast, tell }: ChangedDefinition,
) {
  const { state, parts } = run;
  const changes = takeChanges(state, current);
  const { workflow, taken, kept } = changes;
  const { added, removed, changed, settings } = taken;
  if (added.length + removed.length + changed.length + settings.length === 0) return tell(changes);
  if (state.nodes.length !== state.plan.nodes.length) {
    throw new OrchError(
      'ORCH_CHANGES_REFUSED',
      'a matrix of this run was expanded from outputs, so its plan cannot be changed any more',
      {
        fix: `orch resume ${state.run} goes on with the workflow as it was`,
      },
    );
  }
  const inputs = completeInputs(workflow.inputs, state.inputs);
  const who = cast(workflow);
  const adopted = adoptPlan(state.plan, plan(workflow), workflow.gates, aheadOf(state));
  tell(changes);
  const frozen = `run-${state.seq + 1}.json`;
  const text = encodeFrozen({ ...parts.frozen, inputs, workflow, plan: adopted, ...who });
  parts.ports.files.replace(`${parts.files.folder}/${frozen}`, text);
  replacePlan(state, { workflow, plan: adopted, inputs, ...who });
  run.record({
    type: 'plan.changed',
    frozen,
    added,
    removed,
    changed: changed.map(({ id }) => id),
    kept: kept.steps.map(({ id }) => id),
  });
}
