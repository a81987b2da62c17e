/**
 * What the points of a graph cost: time, a slot, units of pools, and how urgent they are. Computed
 * once for a plan and read by every schedule that is tried for it.
 */
import { OrchError } from '../base/errors.ts';
import type { Step } from '../workflow/workflow.ts';
import type { Estimate } from './estimates.ts';
import { isLeaf, takesSlot } from './graph.ts';
import type { PointGraph } from './points.ts';

/** A combination of pools that steps ask for; all steps that ask for the same share one. */
export interface Demand {
  /** Indices into `poolSizes`. */
  readonly pools: readonly number[];
  /** As many as `pools`. */
  readonly units: readonly number[];
}

export interface Work {
  /** For each point; 0 unless it is a leaf. */
  readonly durationMs: Float64Array;
  /** For each point: the longest path from its start to the end of the run. */
  readonly remainingMs: Float64Array;
  /** For each point its place in the order of urgency: longest remaining path, then place in the file. */
  readonly rank: Int32Array;
  /** The inverse of `rank`. */
  readonly byRank: Int32Array;
  /** For each point 1 when it is a leaf. */
  readonly leaf: Uint8Array;
  readonly leafCount: number;
  /** For each point: -1 takes no slot, 0 takes a slot and no pool, else 1 + index into `demands`. */
  readonly demandOf: Int32Array;
  readonly demands: readonly Demand[];
  readonly poolSizes: readonly number[];
  /** Sum over all leaves that take a slot: waiting for a person is not work. */
  readonly workMs: number;
}

/** @throws OrchError ORCH_POOL when a step could never start: no such pool, or too small */
export function workOf(
  graph: PointGraph,
  estimates: readonly Estimate[],
  pools: Readonly<Record<string, number>>,
): Work {
  const durationMs = new Float64Array(graph.count);
  const leaf = new Uint8Array(graph.count);
  let leafCount = 0;
  let workMs = 0;
  for (const node of graph.nodes) {
    if (!isLeaf(node)) continue;
    const estimateMs = estimates[node.index]?.estimateMs ?? 0;
    durationMs[node.index] = estimateMs;
    leaf[node.index] = 1;
    leafCount++;
    if (takesSlot(node)) workMs += estimateMs;
  }
  const remainingMs = remainingOf(graph, durationMs);
  const byRank = Int32Array.from({ length: graph.count }, (_, point) => point).sort(
    (left, right) => (remainingMs[right] ?? 0) - (remainingMs[left] ?? 0) || left - right,
  );
  const rank = new Int32Array(graph.count);
  for (let place = 0; place < byRank.length; place++) rank[byRank[place] ?? 0] = place;
  const demanded = demandsOf(graph, pools);
  return { durationMs, remainingMs, rank, byRank, leaf, leafCount, workMs, ...demanded };
}

function remainingOf(graph: PointGraph, durationMs: Float64Array): Float64Array {
  const remainingMs = new Float64Array(graph.count);
  for (let place = graph.count - 1; place >= 0; place--) {
    const point = graph.topological[place] ?? 0;
    let longest = 0;
    const end = graph.successorsFrom[point + 1] ?? 0;
    for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) {
      longest = Math.max(longest, remainingMs[graph.successors[at] ?? 0] ?? 0);
    }
    remainingMs[point] = longest + (durationMs[point] ?? 0);
  }
  return remainingMs;
}

function demandsOf(
  graph: PointGraph,
  pools: Readonly<Record<string, number>>,
): Pick<Work, 'demandOf' | 'demands' | 'poolSizes'> {
  const names = Object.keys(pools);
  const poolIndex = new Map(names.map((name, index) => [name, index]));
  const poolSizes = names.map((name) => pools[name] ?? 0);
  const known = new Map<string, number>();
  const demands: Demand[] = [];
  const demandOf = new Int32Array(graph.count).fill(-1);
  for (const node of graph.nodes) {
    if (!takesSlot(node)) continue;
    const wanted = Object.entries(node.step.uses).filter(([, units]) => units > 0);
    wanted.sort(([left], [right]) => (left < right ? -1 : 1));
    if (wanted.length === 0) {
      demandOf[node.index] = 0;
      continue;
    }
    const key = JSON.stringify(wanted);
    const seen = known.get(key);
    if (seen !== undefined) {
      demandOf[node.index] = seen;
      continue;
    }
    const units = wanted.map(([, count]) => count);
    const indices = wanted.map(([name, count]) => {
      const index = poolIndex.get(name);
      if (index === undefined) throw poolError(node.step, `there is no pool "${name}"`);
      const size = poolSizes[index] ?? 0;
      if (count > size) throw poolError(node.step, `pool "${name}" has only ${size} of ${count}`);
      return index;
    });
    demands.push({ pools: indices, units });
    known.set(key, demands.length);
    demandOf[node.index] = demands.length;
  }
  return { demandOf, demands, poolSizes };
}

function poolError(step: Step, why: string): OrchError {
  return new OrchError('ORCH_POOL', `step "${step.id}" could never start: ${why}`, {
    fix: 'give the pool that size under "pools", or lower the "uses" of the step',
    spot: step.spot,
  });
}
