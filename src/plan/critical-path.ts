/**
 * The critical path: the chain of leaves that no number of slots makes shorter, and the bound below
 * which no schedule can come.
 */
import type { PointGraph } from './points.ts';
import type { Work } from './work.ts';

/**
 * Points from first to last, holders of others among them. Of equal chains the one whose points come
 * first in topological order, so that a leaf without length (an approval) is not passed by.
 */
export function criticalPoints(graph: PointGraph, work: Work): number[] {
  const { remainingMs, durationMs } = work;
  let longest = -1;
  let first = -1;
  for (let point = 0; point < graph.count; point++) {
    const remaining = remainingMs[point] ?? 0;
    if (graph.predecessorCount[point] === 0 && remaining > longest) {
      longest = remaining;
      first = point;
    }
  }
  const placeOf = new Int32Array(graph.count);
  for (let place = 0; place < graph.count; place++) placeOf[graph.topological[place] ?? 0] = place;
  const path: number[] = [];
  for (let point = first; point >= 0; ) {
    path.push(point);
    const restMs = (remainingMs[point] ?? 0) - (durationMs[point] ?? 0);
    const end = graph.successorsFrom[point + 1] ?? 0;
    let next = -1;
    // Estimates are whole milliseconds, so the rest of the path compares exactly.
    for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) {
      const after = graph.successors[at] ?? 0;
      if (remainingMs[after] !== restMs) continue;
      if (next < 0 || (placeOf[after] ?? 0) < (placeOf[next] ?? 0)) next = after;
    }
    point = next;
  }
  return path;
}

/** Milliseconds that the critical path takes; 0 for an empty graph. */
export function criticalPathMs(work: Work): number {
  const first = work.byRank[0];
  return first === undefined ? 0 : (work.remainingMs[first] ?? 0);
}

/** No schedule is shorter: max(critical path, work / concurrency). */
export function lowerBoundMs(work: Work, concurrency: number): number {
  return Math.max(criticalPathMs(work), work.workMs / concurrency);
}
