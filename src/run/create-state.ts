/** The state of a run before its first event: everything pending, nothing open. */
import { childrenOf, dependentsOf } from '../plan/graph.ts';
import type { Plan, PlanWave } from '../plan/plan.ts';
import type { JsonValue, Workflow } from '../workflow/workflow.ts';
import { rebuildReadiness } from './readiness.ts';
import { newAgenda, newStepState, type RunState, type WaveState } from './state.ts';

export interface RunDefinition {
  readonly run: string;
  readonly workflow: Workflow;
  readonly plan: Plan;
  readonly inputs: Readonly<Record<string, JsonValue>>;
}

export function createState(definition: RunDefinition): RunState {
  const { workflow, plan } = definition;
  const state: RunState = {
    ...definition,
    status: 'running',
    seq: 0,
    epoch: 0,
    boot: '',
    base: null,
    startedAt: '',
    ...graphOf(plan),
    indexOf: new Map(plan.nodes.map((node) => [node.id, node.index])),
    scopes: new Map(),
    waves: [newWave(null), ...plan.waves.map(newWave)],
    frontier: 0,
    running: new Set(),
    runningGates: new Set(),
    waiting: new Set(),
    pools: { free: new Map(Object.entries(workflow.pools)) },
    agenda: newAgenda(plan.waves.length + 1),
    cleanupOpen: 0,
    leaves: 0,
    failing: false,
    cancelled: false,
    keepers: new Map(),
    checkpoints: [],
    rescues: 0,
    wentBack: false,
    counts: { passed: 0, failed: 0, skipped: 0, cancelled: 0 },
  };
  rebuildReadiness(state);
  return state;
}

/** Takes another plan into a state whose journal says so; ended steps keep what they have. */
export function replacePlan(state: RunState, workflow: Workflow, plan: Plan): void {
  const before = new Map(state.nodes.map((node) => [node.id, state.steps[node.index]]));
  const waves = state.waves;
  state.workflow = workflow;
  state.plan = plan;
  Object.assign(state, graphOf(plan));
  state.indexOf.clear();
  for (const node of plan.nodes) {
    state.indexOf.set(node.id, node.index);
    state.steps[node.index] = before.get(node.id) ?? newStepState();
  }
  state.waves = [null, ...plan.waves].map((wave, index) => {
    const old = waves[index];
    if (old === undefined) return newWave(wave);
    return {
      ...old,
      plan: wave,
      gates: old.status === 'planned' ? newWave(wave).gates : old.gates,
    };
  });
  rebuildReadiness(state);
}

function newWave(plan: PlanWave | null): WaveState {
  const gates = (plan?.gates ?? []).map((gate) => ({
    name: gate.name,
    status: 'pending' as const,
    attempts: [],
    counted: 0,
    crashes: 0,
  }));
  return { plan, status: 'planned', open: 0, failed: false, behind: false, gates };
}

function graphOf(
  plan: Plan,
): Pick<RunState, 'nodes' | 'dependents' | 'children' | 'steps' | 'openNeeds' | 'openChildren'> {
  return {
    nodes: [...plan.nodes],
    dependents: dependentsOf(plan.nodes),
    children: childrenOf(plan.nodes),
    steps: plan.nodes.map(newStepState),
    openNeeds: plan.nodes.map(() => 0),
    openChildren: plan.nodes.map(() => 0),
  };
}
