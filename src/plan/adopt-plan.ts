/**
 * A new plan for a run that has begun: nodes of the new plan, waves of the old one. A step that was
 * there keeps its wave, a new one goes into the first wave it may or the one it is pinned to, and
 * nothing is put into a wave that is behind. Waves whose gates may have begun keep them, the others
 * get those of the new workflow.
 */
import { OrchError } from '../base/errors.ts';
import type { Gate } from '../workflow/workflow.ts';
import { gatesOf } from './gates.ts';
import { childrenOf, isLeaf } from './graph.ts';
import { pinsOf } from './pins.ts';
import type { Plan, PlanNode, PlanWave } from './plan.ts';

/** Waves are counted from 1. */
export interface Ahead {
  /** First wave that may still take steps. */
  readonly frontier: number;
  /** First wave none of whose gates has begun. */
  readonly gatesFrom: number;
}

/**
 * @param gates of the new workflow
 * @throws OrchError ORCH_CHANGES_REFUSED when a new step finds no wave, or not the one it is pinned to
 */
export function adoptPlan(
  old: Plan,
  fresh: Plan,
  gates: readonly Gate[],
  { frontier, gatesFrom }: Ahead,
): Plan {
  const oldWave = new Map(old.nodes.filter(isLeaf).map((node) => [node.id, node.wave]));
  const newPins = newPinsOf(old.nodes, fresh.nodes);
  const waves: number[] = [];
  const needs = neededNodes(fresh.nodes);
  const last = Math.max(1, old.waves.length);
  const waveFor = (leaf: PlanNode, least: number): number => {
    const before = oldWave.get(leaf.id);
    if (before !== undefined && before < frontier) return before; // It has ended, whatever it needs now.
    if (frontier > last) throw tooLate(leaf);
    const pin = newPins[leaf.index] ?? 0;
    const first = Math.max(least, frontier);
    if (pin > 0 && (pin < first || pin > last)) throw outOfReach(leaf, pin, first, last);
    if (pin > 0) return pin;
    return Math.min(last, Math.max(before ?? frontier, least, frontier));
  };
  for (const index of inOrder(needs)) {
    const node = fresh.nodes[index] as PlanNode;
    const least = Math.max(1, ...(needs[index] ?? []).map((need) => waves[need] ?? 1));
    waves[index] = isLeaf(node) ? waveFor(node, least) : least;
  }
  const nodes = spanHolders(
    fresh.nodes.map((node) => ({ ...node, wave: waves[node.index] ?? last })),
  );
  return {
    ...fresh,
    nodes,
    waves: old.waves.map((wave) => {
      const isLast = wave.index === old.waves.length;
      const own = wave.index >= gatesFrom ? gatesOf(gates, wave.validation, isLast) : {};
      return { ...withSteps(wave, nodes), ...own };
    }),
  };
}

/** For each node the wave it is pinned to, where the run did not know that; else 0. */
function newPinsOf(old: readonly PlanNode[], fresh: readonly PlanNode[]): Int32Array {
  const oldPins = pinsOf({ nodes: old });
  const known = new Map(old.map(({ id, index }) => [id, oldPins[index]]));
  return pinsOf({ nodes: fresh }).map((pin, index) =>
    known.get(fresh[index]?.id ?? '') === pin ? 0 : pin,
  );
}

/** A node that stands for others is in the wave of its last part. */
function spanHolders(nodes: readonly PlanNode[]): PlanNode[] {
  const spanned = nodes.map(({ wave }) => wave);
  for (const node of nodes) {
    if (!isLeaf(node)) continue;
    for (const holder of holdersOf(nodes, node))
      spanned[holder] = Math.max(spanned[holder] ?? 1, node.wave);
  }
  return nodes.map((node) => ({ ...node, wave: spanned[node.index] ?? node.wave }));
}

function* holdersOf(nodes: readonly PlanNode[], node: PlanNode): Generator<number> {
  if (node.matrixNode !== undefined) yield node.matrixNode;
  for (let at = node.parent; at !== undefined; at = nodes[at]?.parent) yield at;
}

function tooLate({ id, step }: PlanNode): OrchError {
  return new OrchError(
    'ORCH_CHANGES_REFUSED',
    `step "${id}" is new, and all waves of this run are behind it`,
    { fix: 'resume without --accept-changes, then start a new run', spot: step.spot },
  );
}

function outOfReach({ id, step }: PlanNode, pin: number, first: number, last: number): OrchError {
  const open = first === last ? `wave ${last}` : `waves ${first} to ${last}`;
  return new OrchError(
    'ORCH_CHANGES_REFUSED',
    `step "${id}" is pinned to wave ${pin}, and this run can put it into ${open} only`,
    { fix: `set "wave" of "${step.id}" to ${first}, or remove it`, spot: step.spot },
  );
}

/** What each node must come after: its needs, the parts of a nested workflow it needs, and its own parent. */
function neededNodes(nodes: readonly PlanNode[]): number[][] {
  const children = childrenOf(nodes);
  const partsOf = (index: number): number[] => [
    index,
    ...(nodes[index]?.kind === 'workflow' ? (children[index] ?? []).flatMap(partsOf) : []),
  ];
  return nodes.map((node) => [
    ...node.needs.flatMap(partsOf),
    ...(node.parent === undefined ? [] : [node.parent]),
  ]);
}

/** Every node after all it needs. Kahn's algorithm; the plan has no cycle. */
function inOrder(needs: readonly (readonly number[])[]): number[] {
  const open = needs.map((list) => list.length);
  const next: number[][] = needs.map(() => []);
  for (const [index, list] of needs.entries()) for (const need of list) next[need]?.push(index);
  const order = open.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let at = 0; at < order.length; at++) {
    for (const index of next[order[at] as number] ?? []) {
      open[index] = (open[index] ?? 0) - 1;
      if (open[index] === 0) order.push(index);
    }
  }
  return order;
}

function withSteps(wave: PlanWave, nodes: readonly PlanNode[]): PlanWave {
  const steps = nodes
    .filter((node) => isLeaf(node) && node.wave === wave.index)
    .sort((a, b) => a.startMs - b.startMs || a.index - b.index)
    .map((node) => node.id);
  return { ...wave, steps };
}
