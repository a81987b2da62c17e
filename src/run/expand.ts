/**
 * Matrices that are known only when the run has come to them: their instances become nodes behind
 * those of the plan, and are taken away again when the matrix has to be worked out anew.
 */
import type { PlanNode } from '../plan/plan.ts';
import { renumberMerges } from './renumber-merges.ts';
import { newStepState, type RunState, stepStateOf } from './state.ts';

/**
 * Puts the instances of a matrix into the graph; its own node stands for all of them from now on.
 * @returns indices of the new nodes, in matrix order
 */
export function addInstances(
  state: RunState,
  index: number,
  instances: readonly Pick<PlanNode, 'id' | 'matrix'>[],
): number[] {
  const dynamic = state.nodes[index] as PlanNode;
  const indices = instances.map(({ id, matrix }) => {
    const node: PlanNode = {
      ...dynamic,
      index: state.nodes.length,
      id,
      kind: 'step',
      matrixNode: index,
      ...(matrix && { matrix }),
    };
    addNode(state, node, index);
    return node.index;
  });
  state.nodes[index] = { ...dynamic, kind: 'matrix', needs: indices };
  state.openNeeds[index] = indices.length;
  return indices;
}

function addNode(state: RunState, node: PlanNode, dependent: number): void {
  state.nodes.push(node);
  state.dependents.push([dependent]);
  state.children.push([]);
  state.steps.push(state.retired.get(node.id) ?? newStepState());
  state.retired.delete(node.id);
  state.openNeeds.push(0); // What its definition needs has ended.
  state.openChildren.push(0);
  state.indexOf.set(node.id, node.index);
  if (node.parent === undefined) return;
  state.children[node.parent]?.push(node.index);
  state.openChildren[node.parent] = (state.openChildren[node.parent] ?? 0) + 1;
}

/**
 * Undoes the expansion of every matrix none of whose instances has anything to show: what it is made
 * from may be different the next time. Indices change, so everything derived is to be rebuilt after.
 */
export function dropIdleInstances(state: RunState): void {
  const planned = state.plan.nodes.length;
  if (state.nodes.length === planned) return;
  const idle = new Set<number>();
  for (const node of state.nodes.slice(0, planned)) {
    if (node.kind !== 'matrix' || state.plan.nodes[node.index]?.kind !== 'dynamic') continue;
    if (node.needs.every((part) => stepStateOf(state, part).status === 'pending'))
      idle.add(node.index);
  }
  if (idle.size === 0) return;
  const nodes: PlanNode[] = [];
  const steps: RunState['steps'] = [];
  const moved = new Map<number, number>();
  for (const node of state.nodes) {
    const step = stepStateOf(state, node.index);
    if (node.index >= planned && idle.has(node.matrixNode ?? -1)) {
      state.retired.set(node.id, { ...newStepState(), attempts: step.attempts });
      state.indexOf.delete(node.id);
      continue;
    }
    if (idle.has(node.index)) step.status = 'pending'; // Not that of all instances any more.
    const index = nodes.length;
    moved.set(node.index, index);
    nodes.push(
      idle.has(node.index) ? (state.plan.nodes[node.index] as PlanNode) : { ...node, index },
    );
    steps.push(step);
    state.indexOf.set(node.id, index);
  }
  state.nodes = nodes.map((node) => ({
    ...node,
    needs: node.needs.map((need) => moved.get(need) ?? need),
  }));
  state.steps = steps;
  renumberMerges(state, (index) => moved.get(index));
}
