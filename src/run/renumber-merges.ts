/** What waits to be merged is told by the numbers of its nodes, and these change when nodes come and go. */
import type { RunState } from './state.ts';

/** @param moved undefined for a node that is gone: there is nothing of it to merge any more */
export function renumberMerges(
  state: RunState,
  moved: (index: number) => number | undefined,
): void {
  const known = (index: number | undefined): index is number => index !== undefined;
  state.mergeQueue = state.mergeQueue.map(moved).filter(known);
  const conflicts = [...state.conflicts].map(moved).filter(known);
  state.conflicts.clear();
  for (const index of conflicts) state.conflicts.add(index);
  if (state.mergeOpen === undefined) return;
  const node = moved(state.mergeOpen.node);
  if (node === undefined) delete state.mergeOpen;
  else state.mergeOpen = { ...state.mergeOpen, node };
}
