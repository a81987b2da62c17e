/**
 * Where to cut a list schedule into waves so that the barriers cost least.
 *
 * Leaves stand in the order in which they start without any barrier. Every beginning of that order
 * is closed under needs, so every place between two leaves is a possible cut. A cut costs at most the
 * time from when the next leaf could have started until the last leaf before it ends: moving all that
 * follows by that much gives a valid schedule again. So the sum over the cuts bounds what the
 * barriers cost, and dynamic programming finds the least sum exactly.
 *
 * With the minimum of a sliding window, O(waves * leaves) for one number of waves. That the waves
 * also hold like shares of the work breaks ties, and weighs little against waiting.
 */

export interface CutProfile {
  readonly leafCount: number;
  /** Item k: what a cut before leaf k costs at most; leafCount + 1 items. */
  readonly delayMs: Float64Array;
  /** Item k: share of all work (0 to 1) in the leaves before k; leafCount + 1 items. */
  readonly share: Float64Array;
  /** Price of a cut that is off its even place by the whole of the work. */
  readonly imbalanceMs: number;
}

export interface CutLimits {
  readonly waveCount: number;
  /** Leaves in each wave. */
  readonly minSize: number;
  readonly maxSize: number;
}

export interface Cuts {
  /** Place of the first leaf of each wave but the first, ascending; one fewer than waves. */
  readonly places: readonly number[];
  /** Upper bound of what these barriers add to the makespan. */
  readonly delayMs: number;
}

/** Share of the makespan that perfect balance is worth. */
const IMBALANCE_WEIGHT = 0.002;

/** @param durationMs by leaf; start and end as in the schedule without barriers */
export function profileOf(
  order: Int32Array,
  startMs: Float64Array,
  endMs: Float64Array,
  makespanMs: number,
): CutProfile {
  const leafCount = order.length;
  const delayMs = new Float64Array(leafCount + 1);
  const share = new Float64Array(leafCount + 1);
  let latestEndMs = 0;
  let doneMs = 0;
  for (let place = 0; place < leafCount; place++) {
    const leaf = order[place] ?? 0;
    const start = startMs[leaf] ?? 0;
    const end = endMs[leaf] ?? 0;
    delayMs[place] = Math.max(0, latestEndMs - start);
    share[place] = doneMs;
    latestEndMs = Math.max(latestEndMs, end);
    doneMs += end - start;
  }
  share[leafCount] = doneMs;
  for (let place = 0; place <= leafCount; place++) {
    share[place] = doneMs > 0 ? (share[place] ?? 0) / doneMs : place / Math.max(1, leafCount);
  }
  // At least a millisecond, so that cuts without any cost are still spread evenly.
  const imbalanceMs = Math.max(1, IMBALANCE_WEIGHT * makespanMs);
  return { leafCount, delayMs, share, imbalanceMs };
}

/** @returns undefined when no cut keeps the limits */
export function bestCuts(profile: CutProfile, limits: CutLimits): Cuts | undefined {
  const { leafCount, delayMs } = profile;
  const { waveCount, minSize, maxSize } = limits;
  if (waveCount * minSize > leafCount || waveCount * maxSize < leafCount) return undefined;
  const from: Int32Array[] = [];
  let cost = new Float64Array(leafCount + 1).fill(Number.POSITIVE_INFINITY);
  cost[0] = 0;
  for (let wave = 1; wave <= waveCount; wave++) {
    // A wave that begins at place j is wave number `wave`, so the cut before it is number wave - 1.
    const opened = wave === 1 ? cost : addCutCost(profile, cost, (wave - 1) / waveCount);
    const step = extendWaves(opened, minSize, maxSize);
    from.push(step.from);
    cost = step.cost;
  }
  if (cost[leafCount] === Number.POSITIVE_INFINITY) return undefined;
  const places: number[] = [];
  let place = leafCount;
  for (let wave = waveCount; wave > 1; wave--) {
    place = from[wave - 1]?.[place] ?? 0;
    places.unshift(place);
  }
  return { places, delayMs: places.reduce((sum, at) => sum + (delayMs[at] ?? 0), 0) };
}

function addCutCost(profile: CutProfile, cost: Float64Array, evenShare: number): Float64Array {
  const { delayMs, share, imbalanceMs } = profile;
  return cost.map(
    (before, place) =>
      before + (delayMs[place] ?? 0) + imbalanceMs * Math.abs((share[place] ?? 0) - evenShare),
  );
}

/** For each end k: the cheapest begin j with minSize <= k - j <= maxSize, by a monotonic queue. */
function extendWaves(
  opened: Float64Array,
  minSize: number,
  maxSize: number,
): { cost: Float64Array<ArrayBuffer>; from: Int32Array } {
  const cost = new Float64Array(opened.length).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array(opened.length);
  const queue = new Int32Array(opened.length);
  let head = 0;
  let tail = 0;
  for (let end = minSize; end < opened.length; end++) {
    const entering = end - minSize;
    const enteringCost = opened[entering] ?? Number.POSITIVE_INFINITY;
    while (tail > head && (opened[queue[tail - 1] ?? 0] ?? 0) > enteringCost) tail--;
    queue[tail++] = entering;
    while ((queue[head] ?? 0) < end - maxSize) head++;
    const begin = queue[head] ?? 0;
    cost[end] = opened[begin] ?? Number.POSITIVE_INFINITY;
    from[end] = begin;
  }
  return { cost, from };
}
