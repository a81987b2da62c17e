/**
 * Where each node stands in time: its wave, its start and end, how much of the run lies behind it.
 * Leaves have that from the schedule; a `matrix` node spans its instances, a `workflow` node all that
 * lies in it.
 */
import type { PlanNode } from './plan.ts';
import type { PointGraph } from './points.ts';
import type { WaveCut } from './waves.ts';
import type { Work } from './work.ts';

export type NodePlace = Pick<PlanNode, 'remainingMs' | 'wave' | 'startMs' | 'endMs' | 'critical'>;

/** @param criticalPath points, as from criticalPoints */
export function placeNodes(
  graph: PointGraph,
  work: Work,
  cut: WaveCut,
  criticalPath: readonly number[],
): (index: number) => NodePlace {
  const { schedule } = cut;
  const waveOf = wavesOfPoints(graph, work, cut.waveOf);
  const startMs = schedule.startMs.slice();
  const remainingMs = work.remainingMs.slice();
  const critical = new Set(criticalPath.map((point) => graph.nodeOf[point] ?? point));
  // A matrix node as a point is only the moment when its last instance has ended.
  const spanned = new Set<number>();
  for (const { index, matrixNode } of graph.nodes) {
    if (matrixNode === undefined) continue;
    const isFirst = !spanned.has(matrixNode);
    spanned.add(matrixNode);
    const start = startMs[index] ?? 0;
    startMs[matrixNode] = isFirst ? start : Math.min(startMs[matrixNode] ?? 0, start);
    remainingMs[matrixNode] = Math.max(remainingMs[matrixNode] ?? 0, remainingMs[index] ?? 0);
  }
  return (index) => {
    const start = graph.startPoint[index] ?? index;
    return {
      remainingMs: remainingMs[start] ?? 0,
      wave: waveOf[index] ?? 1,
      startMs: startMs[start] ?? 0,
      endMs: schedule.endMs[index] ?? 0,
      critical: critical.has(index),
    };
  };
}

/** A point that is no leaf is in the latest wave of what must be done before it. */
function wavesOfPoints(graph: PointGraph, work: Work, waveOfLeaf: Int32Array): Int32Array {
  const waveOf = new Int32Array(graph.count).fill(1);
  for (const point of graph.topological) {
    if (work.leaf[point] === 1) waveOf[point] = waveOfLeaf[point] ?? 1;
    const end = graph.successorsFrom[point + 1] ?? 0;
    for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) {
      const after = graph.successors[at] ?? 0;
      waveOf[after] = Math.max(waveOf[after] ?? 1, waveOf[point] ?? 1);
    }
  }
  return waveOf;
}
