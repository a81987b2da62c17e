/**
 * The rules of the schedule said as plainly as possible, for comparison: at every moment all leaves
 * are looked at again. Quadratic, and knows only leaves and their needs spelled out.
 */
import { flattenNeeds } from '../../src/plan/flatten-needs.ts';
import { isLeaf, takesSlot } from '../../src/plan/graph.ts';
import type { Plan } from '../../src/plan/plan.ts';

/** Leaf id -> planned start. */
export function naiveSchedule(
  plan: Plan,
  pools: Readonly<Record<string, number>>,
  hasBarriers: boolean,
): Map<string, number> {
  const needs = flattenNeeds(plan);
  const leaves = plan.nodes.filter(isLeaf);
  const urgent = [...leaves].sort((a, b) => b.remainingMs - a.remainingMs || a.index - b.index);
  const startOf = new Map<string, number>();
  const ended = new Set<string>();
  const running = (): typeof leaves => leaves.filter(({ id }) => startOf.has(id) && !ended.has(id));
  for (let nowMs = 0; ended.size < leaves.length; ) {
    const waveNow = (): number =>
      hasBarriers
        ? Math.min(...leaves.filter(({ id }) => !ended.has(id)).map((l) => l.wave))
        : Infinity;
    const mayStart = (leaf: (typeof leaves)[number]): boolean => {
      if (startOf.has(leaf.id) || leaf.wave > waveNow()) return false;
      if (!(needs.get(leaf.id) ?? []).every((need) => ended.has(need))) return false;
      if (!takesSlot(leaf)) return true;
      const busy = running().filter(takesSlot);
      if (busy.length >= plan.concurrency) return false;
      return Object.entries(leaf.step.uses).every(([pool, units]) => {
        const taken = busy.reduce((sum, other) => sum + (other.step.uses[pool] ?? 0), 0);
        return taken + units <= (pools[pool] ?? 0);
      });
    };
    const endOf = ({ id, estimateMs }: (typeof leaves)[number]): number =>
      (startOf.get(id) ?? 0) + estimateMs;
    const passMoment = (): boolean => {
      const waits = leaves.filter((leaf) => !takesSlot(leaf) && mayStart(leaf));
      for (const leaf of waits) startOf.set(leaf.id, nowMs);
      const ending = running().filter((leaf) => endOf(leaf) === nowMs);
      for (const leaf of ending) ended.add(leaf.id);
      return waits.length + ending.length > 0;
    };
    while (passMoment());
    for (let next = urgent.find(mayStart); next !== undefined; next = urgent.find(mayStart)) {
      startOf.set(next.id, nowMs);
    }
    const ends = running().map(endOf);
    if (ends.length > 0) nowMs = Math.min(...ends);
  }
  return startOf;
}
