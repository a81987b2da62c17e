/** The state of a run before its first event: everything pending, nothing open. */
import type { Plan, PlanWave } from '../plan/plan.ts';
import type { JsonValue, Workflow } from '../workflow/workflow.ts';
import { newAgenda } from './agenda.ts';
import { newPools } from './pools.ts';
import { rebuildReadiness } from './readiness.ts';
import { renumberMerges } from './renumber-merges.ts';
import { NO_USAGE } from './spending.ts';
import {
  type ForkPoint,
  type GateState,
  newStepState,
  type RunState,
  type WaveState,
} from './state.ts';

export interface RunDefinition {
  readonly run: string;
  readonly workflow: Workflow;
  readonly plan: Plan;
  readonly inputs: Readonly<Record<string, JsonValue>>;
  readonly from?: ForkPoint;
  /** Of agent steps; see RunState. */
  readonly agents?: RunState['agents'];
  readonly personas?: RunState['personas'];
}

export function createState(definition: RunDefinition): RunState {
  const { plan } = definition;
  const state: RunState = {
    ...definition,
    agents: definition.agents ?? {},
    personas: definition.personas ?? {},
    status: 'running',
    seq: 0,
    atMs: 0,
    epoch: 0,
    boot: '',
    base: null,
    startedAt: '',
    nodes: [...plan.nodes],
    steps: plan.nodes.map(newStepState),
    dependents: [],
    children: [],
    openNeeds: [],
    openChildren: [],
    retired: new Map(),
    indexOf: new Map(plan.nodes.map((node) => [node.id, node.index])),
    scopes: new Map(),
    waves: [newWave(null), ...plan.waves.map(newWave)],
    frontier: 0,
    running: new Set(),
    runningGates: new Set(),
    waiting: new Set(),
    pools: newPools(),
    usage: NO_USAGE,
    agenda: newAgenda(plan.waves.length + 1),
    cleanupOpen: 0,
    leaves: 0,
    failing: false,
    gateFailed: false,
    cancelled: false,
    keepers: new Map(),
    checkpoints: [],
    rescues: 0,
    wentBack: false,
    counts: { passed: 0, failed: 0, skipped: 0, cancelled: 0 },
    mergeQueue: [],
    conflicts: new Set(),
  };
  rebuildReadiness(state);
  return state;
}

/** Takes another plan into a state whose journal says so; ended steps keep what they have. */
export function replacePlan(
  state: RunState,
  definition: Pick<RunDefinition, 'workflow' | 'plan' | 'inputs' | 'agents' | 'personas'>,
): void {
  const { workflow, plan, inputs } = definition;
  const before = new Map(state.nodes.map((node) => [node.id, state.steps[node.index]]));
  const ids = state.nodes.map(({ id }) => id);
  const waves = state.waves;
  state.workflow = workflow;
  state.plan = plan;
  state.inputs = inputs;
  state.agents = definition.agents ?? {};
  state.personas = definition.personas ?? {};
  state.nodes = [...plan.nodes];
  state.steps = plan.nodes.map(({ id }) => before.get(id) ?? newStepState());
  state.indexOf.clear();
  for (const { id, index } of plan.nodes) state.indexOf.set(id, index);
  renumberMerges(state, (index) => state.indexOf.get(ids[index] ?? ''));
  state.waves = [null, ...plan.waves].map((wave, index) => {
    const old = waves[index];
    if (old === undefined) return newWave(wave);
    const gates = newGates(wave);
    const known = new Map(old.gates.map((gate) => [gate.name, gate]));
    return { ...old, plan: wave, gates: gates.map((gate) => known.get(gate.name) ?? gate) };
  });
  rebuildReadiness(state);
}

function newWave(plan: PlanWave | null): WaveState {
  const gates = newGates(plan);
  return { plan, status: 'planned', open: 0, failed: false, behind: false, gates };
}

function newGates(plan: PlanWave | null): GateState[] {
  return (plan?.gates ?? []).map(({ name }) => ({
    name,
    status: 'pending',
    attempts: [],
    counted: 0,
    crashes: 0,
  }));
}
