/**
 * Better cuts than places in one schedule: which leaves belong to a wave is searched too.
 *
 * A wave with a deadline holds every leaf that can end by then: a long one that is not urgent goes to
 * the next wave instead of keeping this one open. For each wave in turn some deadlines are tried on
 * the best beginnings found so far, and what is left is judged by its schedule without barriers. Such
 * a wave, scheduled on its own, runs exactly as it was found, so the sum of the waves is exact.
 *
 * A beam search: the work is bounded by TRIED_LEAVES_MAX whatever the size of the graph, so above
 * about two thousand leaves, where cuts cost next to nothing, it does not begin.
 */
import type { CutLimits } from './cuts.ts';
import type { PointGraph } from './points.ts';
import { listSchedule, type Schedule } from './schedule.ts';
import type { Work } from './work.ts';

export interface CutSearch {
  readonly graph: PointGraph;
  readonly work: Work;
  readonly concurrency: number;
  readonly limits: CutLimits;
  /** Price of a cut that is off its even place by the whole of the work. */
  readonly imbalanceMs: number;
}

export interface FoundCut {
  readonly waveOf: Int32Array;
  readonly makespanMs: number;
}

/** Leaves scheduled in one search, at most about. */
const TRIED_LEAVES_MAX = 150_000;
const BEAM_WIDTH = 4;
/** Fewer deadlines a beginning than this find nothing that cuts.ts has not found. */
const DEADLINES_MIN = 3;
const DEADLINES_MAX = 24;

/** The first waves of a run, all done after `elapsedMs`. */
interface Beginning {
  readonly waveOf: Int32Array;
  readonly done: Uint8Array;
  readonly doneCount: number;
  readonly elapsedMs: number;
  /** What is left, as it would run from here without any barrier. */
  readonly rest: Schedule;
  readonly penaltyMs: number;
}

/** @returns undefined when the graph is too large to search or no cut was found within the limits */
export function searchCuts(search: CutSearch): FoundCut | undefined {
  const { graph, work, concurrency, limits } = search;
  const trials = Math.floor(TRIED_LEAVES_MAX / Math.max(1, work.leafCount));
  const perBeginning = Math.floor(trials / (2 * BEAM_WIDTH * Math.max(1, limits.waveCount - 1)));
  if (perBeginning < DEADLINES_MIN) return undefined;
  const deadlines = Math.min(DEADLINES_MAX, perBeginning);
  let beam: Beginning[] = [
    {
      waveOf: new Int32Array(graph.count),
      done: new Uint8Array(graph.count),
      doneCount: 0,
      elapsedMs: 0,
      rest: listSchedule(graph, work, { concurrency }),
      penaltyMs: 0,
    },
  ];
  for (let wave = 1; wave < limits.waveCount; wave++) {
    const longer = beam.flatMap((beginning) => extend(search, beginning, wave, deadlines));
    beam = bestOf(longer);
  }
  const best = beam[0];
  if (best === undefined) return undefined;
  const waveOf = best.waveOf.map((wave) => (wave === 0 ? limits.waveCount : wave));
  return { waveOf, makespanMs: best.elapsedMs + best.rest.makespanMs };
}

function extend(
  search: CutSearch,
  beginning: Beginning,
  wave: number,
  deadlines: number,
): Beginning[] {
  const { graph, work, concurrency } = search;
  const { done, rest } = beginning;
  const longer: Beginning[] = [];
  for (const deadlineMs of deadlinesOf(rest, deadlines)) {
    const part = listSchedule(graph, work, { concurrency, done, deadlineMs });
    const next = addWave(search, beginning, wave, part.order, part.makespanMs);
    if (next !== undefined) longer.push(next);
  }
  return longer;
}

function addWave(
  search: CutSearch,
  beginning: Beginning,
  wave: number,
  leaves: Int32Array,
  lengthMs: number,
): Beginning | undefined {
  const { graph, work, concurrency, limits, imbalanceMs } = search;
  const doneCount = beginning.doneCount + leaves.length;
  const left = work.leafCount - doneCount;
  const wavesLeft = limits.waveCount - wave;
  if (leaves.length < limits.minSize || leaves.length > limits.maxSize) return undefined;
  if (left < wavesLeft * limits.minSize || left > wavesLeft * limits.maxSize) return undefined;
  const waveOf = beginning.waveOf.slice();
  const done = beginning.done.slice();
  for (const leaf of leaves) {
    waveOf[leaf] = wave;
    done[leaf] = 1;
  }
  const offEven = Math.abs(doneCount / work.leafCount - wave / limits.waveCount);
  return {
    waveOf,
    done,
    doneCount,
    elapsedMs: beginning.elapsedMs + lengthMs,
    rest: listSchedule(graph, work, { concurrency, done }),
    penaltyMs: beginning.penaltyMs + imbalanceMs * offEven,
  };
}

/** Moments at which something ends, spread evenly over the ends. */
function deadlinesOf(rest: Schedule, count: number): number[] {
  const ends = [...new Set(Array.from(rest.order, (leaf) => rest.endMs[leaf] ?? 0))];
  ends.sort((left, right) => left - right);
  if (ends.length <= count) return ends;
  return Array.from(
    { length: count },
    (_, nth) => ends[Math.floor(((nth + 0.5) * ends.length) / count)] ?? 0,
  );
}

/** The most promising ones; of those that are equal in time and size only one. */
function bestOf(beginnings: readonly Beginning[]): Beginning[] {
  const scoreOf = ({ elapsedMs, rest, penaltyMs }: Beginning): number =>
    elapsedMs + rest.makespanMs + penaltyMs;
  const sorted = [...beginnings].sort((left, right) => scoreOf(left) - scoreOf(right));
  const seen = new Set<string>();
  const best: Beginning[] = [];
  for (const beginning of sorted) {
    const key = `${beginning.elapsedMs} ${beginning.doneCount}`;
    if (seen.has(key)) continue;
    seen.add(key);
    best.push(beginning);
    if (best.length === BEAM_WIDTH) break;
  }
  return best;
}
