/**
 * The graph as the planner walks it: points in time, in flat arrays. Every node is one point; a
 * `workflow` node has two, because its children lie between its start and its end. Everything that
 * must happen before something else is an edge between points, so the algorithms behind it know
 * neither matrices nor nesting.
 *
 * Flat arrays (compressed rows) keep 100,000 steps in a few megabytes; see bench/plan.ts.
 */
import { OrchError } from '../base/errors.ts';
import type { NodeSkeleton } from './graph.ts';

export interface PointGraph {
  readonly nodes: readonly NodeSkeleton[];
  /** Points 0 to nodes.length - 1 are where the node of that index ends; then starts of workflows. */
  readonly count: number;
  /** For each node, the point where it starts: its own, except for a `workflow` node. */
  readonly startPoint: Int32Array;
  /** For each point, its node. */
  readonly nodeOf: Int32Array;
  /** Successors of point p are `successors[successorsFrom[p]]` up to `successorsFrom[p + 1]`. */
  readonly successorsFrom: Int32Array;
  readonly successors: Int32Array;
  readonly predecessorCount: Int32Array;
  /** All points, each after its predecessors; deterministic. */
  readonly topological: Int32Array;
}

/**
 * @throws OrchError ORCH_CYCLE with the cycle in order, when some steps wait for each other
 * @see Kahn, "Topological sorting of large networks", CACM 5(11), 1962
 */
export function pointsOf(nodes: readonly NodeSkeleton[]): PointGraph {
  const startPoint = new Int32Array(nodes.length);
  const workflows: number[] = [];
  for (const node of nodes) {
    startPoint[node.index] = node.index;
    if (node.kind === 'workflow') {
      startPoint[node.index] = nodes.length + workflows.length;
      workflows.push(node.index);
    }
  }
  const count = nodes.length + workflows.length;
  const nodeOf = Int32Array.from({ length: count }, (_, point) =>
    point < nodes.length ? point : (workflows[point - nodes.length] ?? 0),
  );
  const edges = linkPoints(nodes, startPoint, count);
  const topological = sortPoints(count, edges);
  const graph = { nodes, count, startPoint, nodeOf, ...edges, topological };
  if (topological.length < count) throw cycleError(graph);
  return graph;
}

type Edges = Pick<PointGraph, 'successorsFrom' | 'successors' | 'predecessorCount'>;

/** Calls back with each edge (before, after), always in the same order. */
function eachEdge(
  nodes: readonly NodeSkeleton[],
  startPoint: Int32Array,
  edge: (before: number, after: number) => void,
): void {
  for (const { index, needs, parent } of nodes) {
    const start = startPoint[index] ?? index;
    if (start !== index) edge(start, index);
    for (const need of needs) edge(need, start);
    if (parent !== undefined) {
      edge(startPoint[parent] ?? parent, start);
      edge(index, parent);
    }
  }
}

function linkPoints(nodes: readonly NodeSkeleton[], startPoint: Int32Array, count: number): Edges {
  const successorsFrom = new Int32Array(count + 1);
  const predecessorCount = new Int32Array(count);
  eachEdge(nodes, startPoint, (before, after) => {
    successorsFrom[before + 1] = (successorsFrom[before + 1] ?? 0) + 1;
    predecessorCount[after] = (predecessorCount[after] ?? 0) + 1;
  });
  for (let point = 0; point < count; point++) {
    successorsFrom[point + 1] = (successorsFrom[point + 1] ?? 0) + (successorsFrom[point] ?? 0);
  }
  const successors = new Int32Array(successorsFrom[count] ?? 0);
  const next = successorsFrom.slice(0, count);
  eachEdge(nodes, startPoint, (before, after) => {
    const place = next[before] ?? 0;
    successors[place] = after;
    next[before] = place + 1;
  });
  return { successorsFrom, successors, predecessorCount };
}

/** Kahn's algorithm; shorter than `count` when there is a cycle. */
function sortPoints(count: number, edges: Edges): Int32Array {
  const open = edges.predecessorCount.slice();
  const order = new Int32Array(count);
  let placed = 0;
  for (let point = 0; point < count; point++) if (open[point] === 0) order[placed++] = point;
  for (let done = 0; done < placed; done++) {
    const point = order[done] ?? 0;
    const end = edges.successorsFrom[point + 1] ?? 0;
    for (let at = edges.successorsFrom[point] ?? 0; at < end; at++) {
      const after = edges.successors[at] ?? 0;
      const left = (open[after] ?? 0) - 1;
      open[after] = left;
      if (left === 0) order[placed++] = after;
    }
  }
  return order.subarray(0, placed);
}

const NAMED_IN_CYCLE_MAX = 12;

function cycleError(graph: PointGraph): OrchError {
  const cycle = findCycle(graph);
  const steps = cycle.map((index) => graph.nodes[index]?.step);
  const ids = cycle.map((index) => graph.nodes[index]?.id ?? '');
  const named = ids.slice(0, NAMED_IN_CYCLE_MAX);
  const chain = named.map((id, nth) => `"${id}" waits for "${ids[(nth + 1) % ids.length] ?? id}"`);
  const rest = ids.length > named.length ? `, and so on through ${ids.length} steps` : '';
  const spot = steps[0]?.spot;
  return new OrchError('ORCH_CYCLE', `steps wait for each other: ${chain.join(', ')}${rest}`, {
    fix: 'take one of them out of the "needs" of another',
    ...(spot === undefined ? {} : { spot }),
  });
}

/** Node indices of one cycle, each waiting for the next; begins with the one that stands first. */
function findCycle(graph: PointGraph): number[] {
  const sorted = new Set(graph.topological);
  const waitsFor = new Map<number, number>();
  for (let point = 0; point < graph.count; point++) {
    if (sorted.has(point)) continue;
    const end = graph.successorsFrom[point + 1] ?? 0;
    for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) {
      const after = graph.successors[at] ?? 0;
      // The first one found is kept, so that the same workflow always names the same cycle.
      if (!sorted.has(after) && !waitsFor.has(after)) waitsFor.set(after, point);
    }
  }
  const path: number[] = [];
  const seenAt = new Map<number, number>();
  let point: number | undefined = waitsFor.keys().next().value;
  while (point !== undefined && !seenAt.has(point)) {
    seenAt.set(point, path.length);
    path.push(point);
    point = waitsFor.get(point);
  }
  const loop = path.slice(point === undefined ? 0 : seenAt.get(point));
  const nodes = [...new Set(loop.map((at) => graph.nodeOf[at] ?? at))];
  const first = nodes.indexOf(Math.min(...nodes));
  return [...nodes.slice(first), ...nodes.slice(0, first)];
}
