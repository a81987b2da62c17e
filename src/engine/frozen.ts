/**
 * run.json: what a run was started with, written once and committed with every checkpoint. A resume
 * reads this and never the workflow file, so that a run goes on as it began. It is committed as it is,
 * so nothing of the machine stands in it: the path of the work tree has a file of its own. It ends in a
 * checksum, because a flipped bit in it would be a command that nobody wrote.
 */
import { decodeChecked, encodeChecked } from '../base/checked-json.ts';
import { OrchError } from '../base/errors.ts';
import { canonicalJson } from '../base/hash.ts';
import type { Oid } from '../base/ids.ts';
import type { Plan, PlanNode, PlanWave } from '../plan/plan.ts';
import type { FilesPort } from '../ports/files.ts';
import type { ForkPoint, FrozenPersona } from '../run/state.ts';
import type { AgentDefinition } from '../workflow/agents.ts';
import type { Gate, JsonValue, Workflow } from '../workflow/workflow.ts';
import { hasFrozenShape } from './frozen-shape.ts';

const FROZEN_VERSION = 1;

export interface Frozen {
  readonly v: number;
  readonly run: string;
  readonly orch_version: string;
  readonly created_at: string;
  /** Commit the run began on; null in a repository without commits. */
  readonly base: Oid | null;
  /** The checkpoint that it goes on from, whose commit is `base`; absent for most runs. */
  readonly from?: ForkPoint;
  /** Branch it began on; null when HEAD was detached. */
  readonly branch: string | null;
  /** Tree of the user's index at the start; null when it could not be written. */
  readonly index_tree: Oid | null;
  readonly commit_to: 'branch' | 'current';
  readonly inputs: Readonly<Record<string, JsonValue>>;
  readonly workflow: Workflow;
  readonly plan: Plan;
  /** Who does its agent steps, by the names that they use; absent where there are none, as is `personas`. */
  readonly agents?: Readonly<Record<string, AgentDefinition>>;
  readonly personas?: Readonly<Record<string, FrozenPersona>>;
}

/**
 * Steps and gates stand once in the file, under `workflow`; the plan names them. A gate that the
 * workflow has no more, or otherwise, since a changed one was accepted, stands whole in its wave.
 */
type FrozenPlan = Omit<Plan, 'nodes' | 'waves'> & {
  readonly nodes: readonly (Omit<PlanNode, 'step'> & { readonly step: string })[];
  readonly waves: readonly (Omit<PlanWave, 'gates'> & {
    readonly gates: readonly (string | Gate)[];
  })[];
};

export function encodeFrozen(frozen: Frozen): string {
  const known = new Map(frozen.workflow.gates.map((gate) => [gate.name, canonicalJson(gate)]));
  const nameOf = (gate: Gate): string | Gate =>
    known.get(gate.name) === canonicalJson(gate) ? gate.name : gate;
  const plan: FrozenPlan = {
    ...frozen.plan,
    nodes: frozen.plan.nodes.map((node) => ({ ...node, step: node.step.id })),
    waves: frozen.plan.waves.map((wave) => ({
      ...wave,
      gates: wave.gates.map(nameOf),
    })),
  };
  return `${encodeChecked({ ...frozen, v: FROZEN_VERSION, plan })}\n`;
}

/** @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_DAMAGED, ORCH_JOURNAL_NEWER */
export function readFrozen(files: Pick<FilesPort, 'readText'>, path: string, run: string): Frozen {
  const text = files.readText(path);
  if (text === undefined) {
    throw new OrchError('ORCH_NO_SUCH_RUN', `${path} does not exist`, { fix: 'orch list' });
  }
  return decodeFrozen(text, path, run);
}

/** @param run whose record it is meant to be: it is printed and typed, and names refs and folders */
export function decodeFrozen(text: string, path: string, run: string): Frozen {
  const value = parse(text, path);
  if (value.v > FROZEN_VERSION) {
    throw new OrchError('ORCH_JOURNAL_NEWER', `${path} was written by a newer orch`, {
      fix: 'npm install --global git-orch@latest',
    });
  }
  if (!hasFrozenShape(value)) throw damaged(path, 'it is not the record of a run');
  if (value.run !== run) throw damaged(path, `it is the record of run ${value.run}, not of ${run}`);
  return { ...value, plan: resolvePlan(value, path) };
}

function resolvePlan({ workflow, plan }: StoredFrozen, path: string): Plan {
  const steps = new Map(workflow.steps.map((step) => [step.id, step]));
  const gates = new Map(workflow.gates.map((gate) => [gate.name, gate]));
  return {
    ...plan,
    nodes: plan.nodes.map((node) => ({ ...node, step: known(steps, node.step, path) })),
    waves: plan.waves.map((wave) => ({
      ...wave,
      gates: wave.gates.map((gate) => (typeof gate === 'string' ? known(gates, gate, path) : gate)),
    })),
  };
}

type StoredFrozen = Omit<Frozen, 'plan'> & { readonly plan: FrozenPlan };

function parse(text: string, path: string): StoredFrozen {
  const value = decodeChecked(text.trimEnd());
  if (typeof value !== 'object' || value === null)
    throw damaged(path, 'its checksum does not fit its text');
  return value as StoredFrozen;
}

function known<T>(map: ReadonlyMap<string, T>, key: string, path: string): T {
  const value = map.get(key);
  if (value === undefined)
    throw damaged(path, `its plan names ${key}, which its workflow does not have`);
  return value;
}

function damaged(path: string, detail: string): OrchError {
  return new OrchError('ORCH_RUN_DAMAGED', `${path} is damaged: ${detail}`, {
    fix: "take the file from the run's last checkpoint: git show orch/<run>:.orch/runs/<run>/run.json",
  });
}
