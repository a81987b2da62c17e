/**
 * Steps that may start, longest remaining path first, with named pools respected.
 *
 * One heap per combination of pool claims (`uses`): a step that waits for a pool must not hide those
 * behind it, and looking for one that fits must not scan them all. There are as many heaps as
 * different `uses` in the workflow, usually one.
 */
import type { PlanNode } from '../plan/plan.ts';
import { hasRoom, type Pools, type Uses } from './pools.ts';

interface Line {
  readonly uses: Uses;
  readonly heap: PlanNode[];
}

export class ReadyQueue {
  readonly #lines = new Map<string, Line>();

  /** @param uses what it takes of pools while it runs */
  push(node: PlanNode, uses: Uses): void {
    const key = JSON.stringify(uses);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { uses, heap: [] };
      this.#lines.set(key, line);
    }
    pushHeap(line.heap, node, isBefore);
  }

  /**
   * The most urgent step whose pools have room; it stays in the queue.
   * @param isStale true for an entry that does not hold any more; it is dropped here
   */
  peek(pools: Pools, nowMs: number, isStale: (node: PlanNode) => boolean): PlanNode | undefined {
    let best: PlanNode | undefined;
    for (const { uses, heap } of this.#lines.values()) {
      while (heap[0] !== undefined && isStale(heap[0])) popHeap(heap, isBefore);
      const first = heap[0];
      if (first === undefined || !hasRoom(pools, uses, nowMs)) continue;
      if (best === undefined || isBefore(first, best)) best = first;
    }
    return best;
  }
}

/** Longest remaining path first; among equals the order of the file, so that runs are alike. */
function isBefore(a: PlanNode, b: PlanNode): boolean {
  return a.remainingMs > b.remainingMs || (a.remainingMs === b.remainingMs && a.index < b.index);
}

/** Binary heap in an array: children of i are 2i+1 and 2i+2. */
export function pushHeap<T>(heap: T[], item: T, before: (a: T, b: T) => boolean): void {
  let child = heap.length;
  heap.push(item);
  while (child > 0) {
    const parent = (child - 1) >> 1;
    const above = heap[parent] as T;
    if (!before(item, above)) break;
    heap[child] = above;
    child = parent;
  }
  heap[child] = item;
}

export function popHeap<T>(heap: T[], before: (a: T, b: T) => boolean): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return top;
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as T, heap[child] as T)) child += 1;
    if (!before(heap[child] as T, last)) break;
    heap[parent] = heap[child] as T;
    parent = child;
  }
  heap[parent] = last;
  return top;
}
