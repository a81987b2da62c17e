/**
 * The author's own cut: `wave: N` on a step. A pin holds for all instances of a matrix and for all of
 * a nested workflow, where the outermost pin wins. What a pinned step needs can be in no later wave,
 * and what needs it in no earlier one; from that every leaf has a first and a last possible wave.
 */
import { OrchError } from '../base/errors.ts';
import type { Step } from '../workflow/workflow.ts';
import type { PointGraph } from './points.ts';
import type { Work } from './work.ts';

export interface WaveBounds {
  /** For each point the first and the last wave it can be in; the last is MAX_WAVE when open. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Highest pinned wave. */
  readonly highest: number;
}

const MAX_WAVE = 0x7fffffff;

/** @returns undefined when no step is pinned. @throws OrchError ORCH_WAVE when pins contradict needs */
export function boundsOf(graph: PointGraph, work: Work): WaveBounds | undefined {
  const pins = pinsOf(graph);
  const highest = pins.reduce((most, pin, node) => Math.max(most, (work.leaf[node] ?? 0) * pin), 0);
  if (highest === 0) return undefined;
  const first = new Int32Array(graph.count).fill(1);
  const last = new Int32Array(graph.count).fill(MAX_WAVE);
  // For each point the pinned node that `first` comes from, to name it in an error.
  const because = new Int32Array(graph.count).fill(-1);
  for (let place = 0; place < graph.count; place++) {
    const point = graph.topological[place] ?? 0;
    const pin = work.leaf[point] === 1 ? (pins[point] ?? 0) : 0;
    if (pin > 0) {
      if ((first[point] ?? 1) > pin) throw contradiction(graph, pins, point, because[point] ?? -1);
      first[point] = pin;
      because[point] = point;
    }
    eachSuccessor(graph, point, (after) => {
      if ((first[after] ?? 1) >= (first[point] ?? 1)) return;
      first[after] = first[point] ?? 1;
      because[after] = because[point] ?? -1;
    });
  }
  for (let place = graph.count - 1; place >= 0; place--) {
    const point = graph.topological[place] ?? 0;
    let latest = work.leaf[point] === 1 && (pins[point] ?? 0) > 0 ? (pins[point] ?? 0) : MAX_WAVE;
    eachSuccessor(graph, point, (after) => {
      latest = Math.min(latest, last[after] ?? MAX_WAVE);
    });
    last[point] = latest;
  }
  return { first, last, highest };
}

/**
 * Moves leaves into their bounds, and fills waves that stand empty before the highest one. Closed
 * under needs afterwards when it was before, because bounds never fall along an edge.
 * @param order leaves, each behind what it needs
 * @throws OrchError ORCH_WAVE when a wave before the highest pinned one must stay empty
 */
export function keepPins(bounds: WaveBounds, order: Int32Array, waveOf: Int32Array): Int32Array {
  const kept = waveOf.slice();
  let count = bounds.highest;
  for (const leaf of order) {
    const wave = Math.min(
      Math.max(waveOf[leaf] ?? 1, bounds.first[leaf] ?? 1),
      bounds.last[leaf] ?? 1,
    );
    kept[leaf] = wave;
    count = Math.max(count, wave);
  }
  const sizes = new Int32Array(count + 1);
  for (const leaf of order) sizes[kept[leaf] ?? 1] = (sizes[kept[leaf] ?? 1] ?? 0) + 1;
  for (let wave = 1; wave <= count; wave++) {
    if ((sizes[wave] ?? 0) > 0 || fillWave(bounds, order, kept, sizes, wave)) continue;
    if (wave <= bounds.highest) throw emptyWave(wave, bounds.highest);
  }
  return kept;
}

/**
 * Moves one leaf into an empty wave: the first of a later one that may come forward, else the last of
 * an earlier one that may go back, after which that one may have to be filled in the same way. What
 * is moved is the first (or last) that can be, so all it needs stays before it.
 */
function fillWave(
  { first, last, highest }: WaveBounds,
  order: Int32Array,
  waveOf: Int32Array,
  sizes: Int32Array,
  wave: number,
): boolean {
  const move = (leaf: number, to: number): number => {
    const old = waveOf[leaf] ?? 1;
    sizes[old] = (sizes[old] ?? 0) - 1;
    sizes[to] = (sizes[to] ?? 0) + 1;
    waveOf[leaf] = to;
    return old;
  };
  const forward = order.find((leaf) => (waveOf[leaf] ?? 1) > wave && (first[leaf] ?? 1) <= wave);
  if (forward !== undefined) {
    move(forward, wave);
    return true;
  }
  // Nobody asked for this wave and none follows it; what went back to it could leave a gap behind.
  if (wave > highest) return false;
  for (let empty = wave; sizes[empty] === 0; ) {
    const back = order.findLast(
      (leaf) => (waveOf[leaf] ?? 1) < empty && (last[leaf] ?? 1) >= empty,
    );
    if (back === undefined) return false;
    empty = move(back, empty);
  }
  return true;
}

/** For each node the wave it is pinned to, 0 when it is not. */
export function pinsOf({ nodes }: Pick<PointGraph, 'nodes'>): Int32Array {
  const pins = Int32Array.from(nodes, ({ step }) => step.wave ?? 0);
  if (!pins.some((pin) => pin > 0)) return pins;
  for (const node of nodes) {
    for (let around = node.parent; around !== undefined; around = nodes[around]?.parent) {
      const pin = nodes[around]?.step.wave;
      if (pin !== undefined) pins[node.index] = pin;
    }
  }
  return pins;
}

function eachSuccessor(graph: PointGraph, point: number, visit: (after: number) => void): void {
  const end = graph.successorsFrom[point + 1] ?? 0;
  for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) visit(graph.successors[at] ?? 0);
}

function contradiction(
  { nodes }: PointGraph,
  pins: Int32Array,
  later: number,
  earlier: number,
): OrchError {
  const step = nodes[later]?.step;
  const needed = `"${nodes[earlier]?.id}"`;
  const wave = pins[earlier];
  return new OrchError(
    'ORCH_WAVE',
    `step "${step?.id}" is pinned to wave ${pins[later]}, but waits for ${needed} in wave ${wave}`,
    { fix: `set "wave" of "${step?.id}" to ${wave} or higher`, ...spotOf(step) },
  );
}

function spotOf(step: Step | undefined): Pick<Step, 'spot'> | Record<never, never> {
  return step === undefined ? {} : { spot: step.spot };
}

function emptyWave(wave: number, highest: number): OrchError {
  return new OrchError(
    'ORCH_WAVE',
    `a step is pinned to wave ${highest}, but no step can be in wave ${wave}`,
    { fix: `number the waves from 1 without gaps, or pin a step to wave ${wave}` },
  );
}
