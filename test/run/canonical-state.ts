/**
 * A state as text, equal for states that mean the same. The agenda is left out: taking an entry up
 * drops stale ones, and how the rest is kept is nobody's business; what a state with another agenda
 * decides is compared instead.
 */
import type { RunState } from '../../src/run/state.ts';

export function canonicalState(state: RunState): string {
  const { agenda: _agenda, workflow: _workflow, plan: _plan, nodes, ...rest } = state;
  const kept = nodes.map(({ id, index, kind, needs, parent, matrix, matrixNode, wave }) => {
    return { id, index, kind, needs, parent, matrix, matrixNode, wave };
  });
  return JSON.stringify({ ...rest, nodes: kept }, (_key, value: unknown) => {
    if (value instanceof Set) return [...value].sort();
    if (value instanceof Map)
      return [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    return value;
  });
}
