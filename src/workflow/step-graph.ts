/**
 * The graph of needs as numbers: an order in which needs come first, and whether one step comes
 * before another. Made from whatever the file holds, so unknown needs are simply not in it.
 */
import { listAt, type StepDraft } from './draft.ts';

export interface StepGraph {
  /** Indices of the steps each step needs; unknown needs and the step itself are left out. */
  readonly needs: readonly (readonly number[])[];
  /** Position in an order in which needs come first; -1 for steps in or behind a circle. */
  readonly rank: Int32Array;
  /** Ranked steps, needs first. */
  readonly order: readonly number[];
}

/** Kahn's algorithm; time O(steps + needs). */
export function buildGraph(
  steps: readonly StepDraft[],
  stepOf: ReadonlyMap<string, StepDraft>,
): StepGraph {
  const needs = steps.map(({ raw, index }) =>
    listAt(raw, 'needs').flatMap((need) => {
      const found = typeof need === 'string' ? stepOf.get(need) : undefined;
      return found === undefined || found.index === index ? [] : [found.index];
    }),
  );
  const open = Int32Array.from(needs, (list) => list.length);
  const dependents: number[][] = steps.map(() => []);
  for (const [index, list] of needs.entries())
    for (const need of list) dependents[need]?.push(index);
  const order = steps.flatMap(({ index }) => (open[index] === 0 ? [index] : []));
  const rank = new Int32Array(steps.length).fill(-1);
  for (let at = 0; at < order.length; at++) {
    const index = order[at] ?? 0;
    rank[index] = at;
    for (const next of dependents[index] ?? []) {
      const left = (open[next] ?? 0) - 1;
      open[next] = left;
      if (left === 0) order.push(next);
    }
  }
  return { needs, rank, order };
}

/** Answers whether `target` ends before `step` starts; remembers nothing between steps. */
export function ancestryOf(graph: StepGraph): (step: number, target: number) => boolean {
  const seen = new Int32Array(graph.needs.length);
  let walk = 0;
  return (step, target) => {
    if (graph.needs[step]?.includes(target)) return true;
    walk++;
    const floor = graph.rank[target] ?? -1;
    const open = [step];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      for (const need of graph.needs[index] ?? []) {
        if (need === target) return true;
        const rank = graph.rank[need] ?? -1;
        // What stands before the target in the order cannot need it.
        if (seen[need] === walk || (rank >= 0 && rank < floor)) continue;
        seen[need] = walk;
        open.push(need);
      }
    }
    return false;
  };
}
