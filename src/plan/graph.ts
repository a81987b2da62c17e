/**
 * From the steps of a workflow to the nodes of its graph: matrices unfolded, nested workflows as
 * nodes that hold others. Costs O(steps + instances + edges): whoever needs a matrix needs its one
 * `matrix` node, so nothing is multiplied out.
 *
 * What a node costs is estimates.ts, in which order nodes can run points.ts, and needs spelled out
 * instance by instance, for people and JSON, flatten-needs.ts.
 */
import { OrchError } from '../base/errors.ts';
import type { Step } from '../workflow/workflow.ts';
import type { PlanNode } from './plan.ts';

/** A node before it has an estimate, a wave and a place in the schedule. */
export type NodeSkeleton = Pick<
  PlanNode,
  'index' | 'id' | 'kind' | 'step' | 'matrix' | 'needs' | 'parent' | 'matrixNode'
>;

/** What stands for work: nodes that are started, take time and belong to a wave. */
export function isLeaf(node: Pick<PlanNode, 'kind'>): boolean {
  return node.kind === 'step' || node.kind === 'dynamic';
}

/** False for nodes that hold others, and for an approval: a person's decision occupies no slot. */
export function takesSlot(node: Pick<PlanNode, 'kind' | 'step'>): boolean {
  return isLeaf(node) && node.step.kind !== 'approval';
}

/**
 * The nodes of a workflow in the order of the file; instances of a matrix stand before their
 * `matrix` node. A matrix without instances is a `matrix` node with the needs of its definition.
 * @throws OrchError ORCH_DUPLICATE_KEY, ORCH_UNKNOWN_STEP (a need or a parent that is not there) or
 * ORCH_NESTED (a nested workflow with a matrix); the parser has looked before, this is the last defence
 */
export function graphOf(steps: readonly Step[]): NodeSkeleton[] {
  const indexOf = placeNodes(steps);
  const nodes: NodeSkeleton[] = [];
  for (const step of steps) {
    const parent = step.parent === undefined ? undefined : lookUp(indexOf, step, step.parent);
    const within = parent === undefined ? {} : { parent };
    const needs = [...new Set(step.needs)].map((need) => lookUp(indexOf, step, need));
    const own = { id: step.id, step, ...within };
    if (step.kind === 'workflow') {
      nodes.push({ ...own, index: nodes.length, kind: 'workflow', needs });
    } else if (step.matrix === undefined) {
      nodes.push({ ...own, index: nodes.length, kind: 'step', needs });
    } else if (step.matrix.kind === 'dynamic') {
      nodes.push({ ...own, index: nodes.length, kind: 'dynamic', needs });
    } else {
      const { instances } = step.matrix;
      const first = nodes.length;
      const matrixNode = first + instances.length;
      for (const { label, values } of instances) {
        const id = instanceId(step.id, label);
        const index = nodes.length;
        nodes.push({ ...own, id, index, kind: 'step', matrix: values, needs, matrixNode });
      }
      const parts = instances.map((_, nth) => first + nth);
      const held = parts.length > 0 ? parts : needs;
      nodes.push({ ...own, index: matrixNode, kind: 'matrix', needs: held });
    }
  }
  return nodes;
}

/** `implement(index)`: the id of one instance of a matrix step. */
export function instanceId(stepId: string, label: string): string {
  return `${stepId}(${label})`;
}

/** For each node, the nodes that list it among their needs. O(nodes + edges). */
export function dependentsOf(nodes: readonly Pick<PlanNode, 'index' | 'needs'>[]): number[][] {
  const dependents: number[][] = nodes.map(() => []);
  for (const node of nodes) for (const need of node.needs) dependents[need]?.push(node.index);
  return dependents;
}

/** For each node, the nodes whose `parent` it is; empty for all but `workflow` nodes. */
export function childrenOf(nodes: readonly Pick<PlanNode, 'index' | 'parent'>[]): number[][] {
  const children: number[][] = nodes.map(() => []);
  for (const { index, parent } of nodes) if (parent !== undefined) children[parent]?.push(index);
  return children;
}

/** Step id -> index of the node that others need: of a matrix its `matrix` node. */
function placeNodes(steps: readonly Step[]): Map<string, number> {
  const indexOf = new Map<string, number>();
  const instanceIds = new Set<string>();
  let index = 0;
  for (const step of steps) {
    if (indexOf.has(step.id) || instanceIds.has(step.id)) throw takenTwice(step, step.id);
    if (step.matrix?.kind === 'static') {
      if (step.kind === 'workflow') throw matrixOfWorkflow(step);
      for (const { label } of step.matrix.instances) {
        const id = instanceId(step.id, label);
        if (indexOf.has(id) || instanceIds.has(id)) throw takenTwice(step, id);
        instanceIds.add(id);
        index++;
      }
    } else if (step.matrix !== undefined && step.kind === 'workflow') {
      throw matrixOfWorkflow(step);
    }
    indexOf.set(step.id, index++);
  }
  return indexOf;
}

function lookUp(indexOf: ReadonlyMap<string, number>, step: Step, id: string): number {
  const index = indexOf.get(id);
  if (index !== undefined) return index;
  throw new OrchError(
    'ORCH_UNKNOWN_STEP',
    `step "${step.id}" refers to "${id}", which is not there`,
    {
      fix: `define a step "${id}", or take it out of "${step.id}"`,
      spot: step.spot,
    },
  );
}

function takenTwice(step: Step, id: string): OrchError {
  return new OrchError('ORCH_DUPLICATE_KEY', `two steps have the id "${id}"`, {
    fix: 'give one of them another id',
    spot: step.spot,
  });
}

function matrixOfWorkflow(step: Step): OrchError {
  return new OrchError(
    'ORCH_NESTED',
    `step "${step.id}" is a nested workflow and cannot have a matrix`,
    { fix: 'put the matrix on the steps of the nested workflow', spot: step.spot },
  );
}
