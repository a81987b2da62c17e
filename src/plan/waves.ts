/**
 * Waves: into which of them each leaf goes. How many waves there may be follows from the strategy's
 * wave size and the workflow's own limits; where they end, from cuts.ts; the author's pins always
 * hold (pins.ts).
 *
 * A wave is never merely a level of the graph, because a barrier at every level makes real workflows
 * much longer. Candidates are judged by scheduling them with their barriers.
 */
import { OrchError } from '../base/errors.ts';
import type { WavesSetting } from '../workflow/workflow.ts';
import { bestCuts, type CutLimits, type Cuts, profileOf } from './cuts.ts';
import { boundsOf, keepPins } from './pins.ts';
import type { PointGraph } from './points.ts';
import { listSchedule, type Schedule } from './schedule.ts';
import { searchCuts } from './search-cuts.ts';
import type { WaveSize } from './strategies.ts';
import type { Work } from './work.ts';

export interface WaveRequest {
  readonly size: WaveSize;
  readonly setting: WavesSetting;
  readonly concurrency: number;
  /** True when a wave waits for the one before it (`in-place`). */
  readonly barriers: boolean;
  /** What one more wave costs besides waiting: its gates and its checkpoint. */
  readonly waveCostMs: number;
}

export interface WaveCut {
  /** For each point; only leaves are meant. From 1, without gaps. */
  readonly waveOf: Int32Array;
  readonly waveCount: number;
  /** With the barriers, when there are any. */
  readonly schedule: Schedule;
  /** The makespan without any waves. */
  readonly freeMakespanMs: number;
}

/** Waves by size: a share of `waves.max`, and this many steps at least where there are few. */
const SIZES = {
  small: { share: 1, steps: 4 },
  medium: { share: 0.6, steps: 8 },
  large: { share: 0.3, steps: 16 },
} as const;
const DYNAMIC_WAVES_MAX = 10;
/** From this many leaves on a dynamic cut has at least 4 waves, none with more than half of them. */
const LARGE_GRAPH = 20;
/** Below that, this much work (or half as many leaves) is worth a second wave. */
const LONG_WORK_MS = 600_000;
/** A small graph gets a second wave only when that costs no more than this share. */
const SMALL_GRAPH_LOSS = 0.05;
/** Makespans nearer than this count as equal, and fewer waves win. */
const NEARLY_EQUAL = 0.002;
/** Leaves scheduled at most to compare candidates; beyond that their upper bounds are compared. */
const LEAVES_TRIED_MAX = 400_000;

/** @throws OrchError ORCH_WAVE when pins contradict needs, `max`, or each other */
export function cutIntoWaves(graph: PointGraph, work: Work, request: WaveRequest): WaveCut {
  const { setting, concurrency, barriers } = request;
  const bounds = boundsOf(graph, work);
  if (setting.auto && bounds !== undefined && bounds.highest > setting.max) {
    throw tooManyWaves(bounds.highest, setting.max);
  }
  const free = listSchedule(graph, work, { concurrency });
  const pin = (waveOf: Int32Array): Int32Array =>
    bounds === undefined ? waveOf : keepPins(bounds, free.order, waveOf);
  const trial = { graph, work, request, free, pin, isPinned: bounds !== undefined };
  const best = setting.auto ? bestCandidate(trial, bounds?.highest ?? 1) : undefined;
  const waveOf = best?.waveOf ?? pin(new Int32Array(graph.count).fill(1));
  return {
    waveOf,
    waveCount: countWaves(waveOf, free.order),
    schedule: barriers ? listSchedule(graph, work, { concurrency, waveOf }) : free,
    freeMakespanMs: free.makespanMs,
  };
}

interface Trial {
  readonly graph: PointGraph;
  readonly work: Work;
  readonly request: WaveRequest;
  readonly free: Schedule;
  readonly pin: (waveOf: Int32Array) => Int32Array;
  readonly isPinned: boolean;
}

interface Candidate {
  readonly waveOf: Int32Array;
  readonly waveCount: number;
  /** Of the schedule with barriers, or a bound for it where scheduling each candidate takes too long. */
  readonly makespanMs: number;
}

function bestCandidate(trial: Trial, leastCount: number): Candidate | undefined {
  const { free, work } = trial;
  const profile = profileOf(free.order, free.startMs, free.endMs, free.makespanMs);
  const tried = limitsOf(trial, leastCount);
  const isExact = tried.length * work.leafCount <= LEAVES_TRIED_MAX || trial.isPinned;
  const candidates = tried.flatMap((limits) => {
    const cuts = bestCuts(profile, limits);
    if (cuts === undefined) return [];
    return [judge(trial, cuts, isExact)];
  });
  const picked = pickCandidate(candidates, trial);
  return picked === undefined ? undefined : improve(picked, tried, profile.imbalanceMs, trial);
}

/** Searches further where the barriers of the picked candidate cost more than nothing much. */
function improve(
  picked: Candidate,
  tried: readonly CutLimits[],
  imbalanceMs: number,
  { graph, work, request, free, isPinned }: Trial,
): Candidate {
  const limits = tried.find(({ waveCount }) => waveCount === picked.waveCount);
  const isCheap = picked.makespanMs <= free.makespanMs * (1 + NEARLY_EQUAL);
  if (!request.barriers || isCheap || isPinned || limits === undefined) return picked;
  const { concurrency } = request;
  const found = searchCuts({ graph, work, concurrency, limits, imbalanceMs });
  if (found === undefined || found.makespanMs >= picked.makespanMs) return picked;
  return { ...found, waveCount: picked.waveCount };
}

function judge(
  { graph, work, request, free, pin }: Trial,
  cuts: Cuts,
  isExact: boolean,
): Candidate {
  const waveOf = new Int32Array(graph.count);
  let wave = 1;
  for (let place = 0; place < free.order.length; place++) {
    if (cuts.places[wave - 1] === place) wave++;
    waveOf[free.order[place] ?? 0] = wave;
  }
  const pinned = pin(waveOf);
  const waveCount = countWaves(pinned, free.order);
  const { concurrency } = request;
  if (!request.barriers) return { waveOf: pinned, waveCount, makespanMs: free.makespanMs };
  const makespanMs = isExact
    ? listSchedule(graph, work, { concurrency, waveOf: pinned }).makespanMs
    : free.makespanMs + cuts.delayMs;
  return { waveOf: pinned, waveCount, makespanMs };
}

/** The cheapest, waves included; of nearly equal ones the one with the fewest waves. */
function pickCandidate(candidates: readonly Candidate[], trial: Trial): Candidate | undefined {
  const { request, work, free } = trial;
  const isWorthTwo =
    request.size === 'dynamic' &&
    work.leafCount < LARGE_GRAPH &&
    (work.workMs >= LONG_WORK_MS || work.leafCount >= LARGE_GRAPH / 2);
  const cheapEnough = free.makespanMs * (1 + SMALL_GRAPH_LOSS);
  const several = isWorthTwo
    ? candidates.filter(({ waveCount, makespanMs }) => waveCount > 1 && makespanMs <= cheapEnough)
    : [];
  const eligible = several.length > 0 ? several : candidates;
  const costOf = (candidate: Candidate): number =>
    candidate.makespanMs + candidate.waveCount * request.waveCostMs;
  const least = eligible.reduce((cost, candidate) => Math.min(cost, costOf(candidate)), Infinity);
  return eligible
    .filter((candidate) => costOf(candidate) <= least * (1 + NEARLY_EQUAL))
    .reduce<Candidate | undefined>(
      (few, candidate) => (few && few.waveCount <= candidate.waveCount ? few : candidate),
      undefined,
    );
}

/** Which numbers of waves to try, and how large each wave may be. */
function limitsOf({ graph, work, request }: Trial, leastCount: number): CutLimits[] {
  const { size, setting } = request;
  const { leafCount } = work;
  const minSize = Math.max(1, Math.min(setting.minSteps, leafCount));
  const mostCount = Math.max(leastCount, Math.min(setting.max, Math.floor(leafCount / minSize)));
  if (size !== 'dynamic') {
    const { share, steps } = SIZES[size];
    const wanted = Math.min(Math.ceil(share * setting.max), Math.ceil(leafCount / steps));
    const waveCount = Math.max(leastCount, Math.min(mostCount, wanted), 1);
    const even = leafCount / waveCount;
    const maxSize = Math.ceil(even * 1.5);
    return [{ waveCount, minSize: Math.max(1, Math.min(minSize, Math.floor(even))), maxSize }];
  }
  const isLarge = leafCount >= LARGE_GRAPH;
  const wanted = isLarge ? Math.min(4, Math.max(2, countLevels(graph, work))) : 1;
  const from = Math.max(leastCount, Math.min(wanted, mostCount));
  const upTo = isLarge ? DYNAMIC_WAVES_MAX : Math.floor(leafCount / 5);
  const limits: CutLimits[] = [];
  for (let waveCount = from; waveCount <= Math.max(from, Math.min(mostCount, upTo)); waveCount++) {
    const even = leafCount / waveCount;
    const maxSize = isLarge ? Math.max(Math.floor(leafCount / 2), Math.ceil(even)) : leafCount;
    limits.push({ waveCount, minSize: Math.max(1, Math.min(minSize, Math.floor(even))), maxSize });
  }
  return limits;
}

/** Leaves on the longest chain of needs. */
function countLevels(graph: PointGraph, work: Work): number {
  const levels = new Int32Array(graph.count);
  let most = 0;
  for (const point of graph.topological) {
    const level = (levels[point] ?? 0) + (work.leaf[point] ?? 0);
    most = Math.max(most, level);
    const end = graph.successorsFrom[point + 1] ?? 0;
    for (let at = graph.successorsFrom[point] ?? 0; at < end; at++) {
      const after = graph.successors[at] ?? 0;
      levels[after] = Math.max(levels[after] ?? 0, level);
    }
  }
  return most;
}

function countWaves(waveOf: Int32Array, leaves: Int32Array): number {
  return leaves.reduce((count, leaf) => Math.max(count, waveOf[leaf] ?? 1), 0);
}

function tooManyWaves(highest: number, max: number): OrchError {
  return new OrchError(
    'ORCH_WAVE',
    `a step is pinned to wave ${highest}, but there are at most ${max}`,
    {
      fix: `set "waves.max" to ${highest}, or pin the step to wave ${max} or lower`,
    },
  );
}
