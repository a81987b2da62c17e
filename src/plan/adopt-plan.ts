/**
 * A new plan for a run that has begun: nodes of the new plan, waves of the old one. A step that was
 * there keeps its wave, a new one goes into the first wave it may, and nothing is put into a wave that
 * is behind.
 */
import { childrenOf, isLeaf } from './graph.ts';
import type { Plan, PlanNode, PlanWave } from './plan.ts';

/** @param frontier first wave that may still take steps, from 1 */
export function adoptPlan(old: Plan, fresh: Plan, frontier: number): Plan {
  const oldWave = new Map(old.nodes.map((node) => [node.id, node.wave]));
  const waves: number[] = [];
  const needs = neededNodes(fresh.nodes);
  const last = Math.max(1, old.waves.length);
  for (const index of inOrder(needs)) {
    const node = fresh.nodes[index] as PlanNode;
    const least = Math.max(1, ...(needs[index] ?? []).map((need) => waves[need] ?? 1));
    const before = oldWave.get(node.id);
    const isBehind = before !== undefined && before < frontier;
    waves[index] = isBehind
      ? before
      : Math.min(last, Math.max(before ?? frontier, least, frontier));
  }
  const nodes = fresh.nodes.map((node) => ({ ...node, wave: waves[node.index] ?? last }));
  return { ...fresh, nodes, waves: old.waves.map((wave) => withSteps(wave, nodes)) };
}

/** What each node must come after: its needs, the parts of a nested workflow it needs, and its own parent. */
function neededNodes(nodes: readonly PlanNode[]): number[][] {
  const children = childrenOf(nodes);
  const partsOf = (index: number): number[] => [
    index,
    ...(nodes[index]?.kind === 'workflow' ? (children[index] ?? []).flatMap(partsOf) : []),
  ];
  return nodes.map((node) => [
    ...node.needs.flatMap(partsOf),
    ...(node.parent === undefined ? [] : [node.parent]),
  ]);
}

/** Every node after all it needs. Kahn's algorithm; the plan has no cycle. */
function inOrder(needs: readonly (readonly number[])[]): number[] {
  const open = needs.map((list) => list.length);
  const next: number[][] = needs.map(() => []);
  for (const [index, list] of needs.entries()) for (const need of list) next[need]?.push(index);
  const order = open.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let at = 0; at < order.length; at++) {
    for (const index of next[order[at] as number] ?? []) {
      open[index] = (open[index] ?? 0) - 1;
      if (open[index] === 0) order.push(index);
    }
  }
  return order;
}

function withSteps(wave: PlanWave, nodes: readonly PlanNode[]): PlanWave {
  const steps = nodes
    .filter((node) => isLeaf(node) && node.wave === wave.index)
    .sort((a, b) => a.startMs - b.startMs || a.index - b.index)
    .map((node) => node.id);
  return { ...wave, steps };
}
