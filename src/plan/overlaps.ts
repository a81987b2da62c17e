/**
 * Steps that may run side by side and say that they produce the same files: in isolated worktrees their
 * merges will conflict. Only a warning, because `produces` are patterns and the files are not there yet.
 *
 * Nothing is said in place, where all steps share the files anyway, nor when one step runs at a time.
 * Pure, and cheap for 10,000 steps: patterns meet in a tree of their parts, and of the steps that meet
 * only neighbours are looked at (see firstParallel).
 */
import { isLeaf, type NodeSkeleton } from './graph.ts';
import { covers, eachMeeting, patternParts } from './path-patterns.ts';
import type { Plan, PlanNode } from './plan.ts';
import { type PointGraph, pointsOf } from './points.ts';

export interface Overlap {
  /** Two ids of the plan; of a matrix its first two instances. */
  readonly steps: readonly [string, string];
  /** The narrower pattern of each two that meet. */
  readonly paths: readonly string[];
}

/** More than anybody reads. */
const MAX_OVERLAPS = 100;
/** How many points may be walked over to see who waits for whom. */
const MAX_STEPS_WALKED = 2_000_000;

/** Steps that say the same; `nodes` has the first instance of a matrix, and the second for itself. */
interface Group {
  readonly pattern: string;
  readonly without: readonly string[];
  readonly nodes: PlanNode[];
}

/** @returns in the order of the plan, a pair once */
export function findOverlaps(plan: Pick<Plan, 'workspace' | 'concurrency' | 'nodes'>): Overlap[] {
  if (plan.workspace !== 'isolated' || plan.concurrency < 2) return [];
  const groups = groupByPattern(plan.nodes);
  if (groups.every(({ nodes }) => nodes.length < 2) && groups.length < 2) return [];
  const found = new Map<string, { nodes: readonly [PlanNode, PlanNode]; paths: Set<string> }>();
  const search = createParallelSearch(plan.nodes);
  const note = (nodes: readonly PlanNode[], path: string): void => {
    for (const pair of search(nodes)) {
      if (found.size >= MAX_OVERLAPS) return;
      const key = `${pair[0].index} ${pair[1].index}`;
      const overlap = found.get(key) ?? { nodes: pair, paths: new Set() };
      overlap.paths.add(path);
      found.set(key, overlap);
    }
  };
  for (const { nodes, pattern } of groups) note(nodes, pattern);
  eachMeeting(
    groups.map(({ pattern }) => patternParts(pattern)),
    (wide, narrow) => {
      const [one, other] = [groups[wide], groups[narrow]];
      if (one === undefined || other === undefined || leavesOut(one.without, other.pattern)) return;
      note(acrossGroups(one.nodes, other.nodes), other.pattern);
    },
  );
  return [...found.values()]
    .sort((a, b) => a.nodes[0].index - b.nodes[0].index || a.nodes[1].index - b.nodes[1].index)
    .map(({ nodes, paths }) => ({ steps: [nodes[0].id, nodes[1].id], paths: [...paths].sort() }));
}

function groupByPattern(nodes: readonly PlanNode[]): Group[] {
  const groups = new Map<string, Group>();
  const instances = new Map<number, number>();
  for (const node of nodes) {
    const { produces } = node.step;
    if (produces.length === 0 || !isLeaf(node)) continue;
    if (node.matrixNode !== undefined) {
      const count = (instances.get(node.matrixNode) ?? 0) + 1;
      instances.set(node.matrixNode, count);
      // What is true of two instances is true of all.
      if (count > 2) continue;
    }
    const without = produces.filter((each) => each.startsWith('!')).map((each) => each.slice(1));
    for (const pattern of new Set(produces)) {
      if (pattern.startsWith('!') || pattern.includes('${{') || leavesOut(without, pattern))
        continue;
      const key = JSON.stringify([pattern, without]);
      const group = groups.get(key) ?? { pattern, without, nodes: [] };
      groups.set(key, group);
      group.nodes.push(node);
    }
  }
  return [...groups.values()];
}

/** An exclusion that is not understood may be about anything. */
function leavesOut(without: readonly string[], pattern: string): boolean {
  const parts = patternParts(pattern);
  return without.some((each) => {
    const excluded = patternParts(each);
    return each === pattern || !excluded || !parts || covers(excluded, parts);
  });
}

/** A step does not meet itself, and two instances of one matrix meet in their own group or not at all. */
function acrossGroups(one: readonly PlanNode[], other: readonly PlanNode[]): PlanNode[] {
  const ids = new Map<string, PlanNode>();
  for (const node of [...one, ...other]) if (!ids.has(node.step.id)) ids.set(node.step.id, node);
  return [...ids.values()];
}

/**
 * Of steps that all meet each other, pairs in which neither waits for the other. They are put in an order
 * in which they can run, and only neighbours are compared: when each waits for the one before, they are a
 * chain, and when one does not, that is a pair. The walks between neighbours do not overlap, so all of
 * them together see every point once.
 */
function createParallelSearch(
  nodes: readonly PlanNode[],
): (meeting: readonly PlanNode[]) => (readonly [PlanNode, PlanNode])[] {
  const graph = pointsOf(nodes as readonly NodeSkeleton[]);
  const order = new Int32Array(graph.count);
  for (const [at, point] of graph.topological.entries()) order[point] = at;
  const placeOf = (node: PlanNode) => order[node.index] ?? 0;
  let left = MAX_STEPS_WALKED;
  return (meeting) => {
    const sorted = [...meeting].sort((a, b) => placeOf(a) - placeOf(b));
    const pairs: (readonly [PlanNode, PlanNode])[] = [];
    for (const [at, after] of sorted.entries()) {
      const before = sorted[at - 1];
      if (before === undefined || left < 0) continue;
      const walked = walkTo(graph, order, before.index, after.index);
      left -= walked.points;
      if (walked.isThere) continue;
      pairs.push(before.index < after.index ? [before, after] : [after, before]);
      if (pairs.length >= MAX_OVERLAPS) break;
    }
    return pairs;
  };
}

/** Whether one point must happen before another; nothing that comes later in the order is walked over. */
function walkTo(
  graph: PointGraph,
  order: Int32Array,
  from: number,
  to: number,
): { readonly isThere: boolean; readonly points: number } {
  const end = order[to] ?? 0;
  const seen = new Set([from]);
  for (const point of seen) {
    const last = graph.successorsFrom[point + 1] ?? 0;
    for (let at = graph.successorsFrom[point] ?? 0; at < last; at += 1) {
      const next = graph.successors[at] ?? 0;
      if (next === to) return { isThere: true, points: seen.size };
      if ((order[next] ?? 0) < end) seen.add(next);
    }
  }
  return { isThere: false, points: seen.size };
}
