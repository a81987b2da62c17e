/**
 * The list schedule: what would run when, if every estimate were right. Whenever a slot is free, the
 * ready leaf with the longest remaining path starts, unless a pool it uses is exhausted; then the
 * next one does. With waves, a leaf also waits until all leaves of earlier waves have ended.
 *
 * This foretells what run/ will do, by the same rules, and is how cuts into waves are judged. Gates
 * and checkpoints take no time here.
 *
 * Event by event with heaps, O((points + edges) log points). Leaves that wait for a pool wait in a
 * heap of their own per combination of pools, so that a full pool costs one look and not one a leaf.
 *
 * @see Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17(2), 1969
 */
import { NumberHeap, TimeHeap } from './heaps.ts';
import type { PointGraph } from './points.ts';
import type { Work } from './work.ts';

export interface Schedule {
  /** For each point. */
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
  /** Leaves (by node index) as they start; every leaf stands behind all that it needs. */
  readonly order: Int32Array;
  readonly makespanMs: number;
}

export interface ScheduleLimits {
  /** Slots, at least 1. */
  readonly concurrency: number;
  /** For each point; only leaves are asked. From 1 and without gaps. No barriers when absent. */
  readonly waveOf?: Int32Array | undefined;
  /** For each point 1 when it is a leaf that is done already: it takes no time, and is not in `order`. */
  readonly done?: Uint8Array | undefined;
  /** Leaves that would end later are not started, nor what needs them; `order` is shorter then. */
  readonly deadlineMs?: number | undefined;
}

export function listSchedule(graph: PointGraph, work: Work, limits: ScheduleLimits): Schedule {
  return new Scheduler(graph, work, limits).run();
}

class Scheduler {
  readonly #graph: PointGraph;
  readonly #work: Work;
  readonly #waveOf: Int32Array | undefined;
  readonly #done: Uint8Array | undefined;
  readonly #deadlineMs: number;
  readonly #open: Int32Array;
  readonly #startMs: Float64Array;
  readonly #endMs: Float64Array;
  readonly #order: Int32Array;
  #started = 0;
  #nowMs = 0;
  #freeSlots: number;
  /** Ranks of leaves that may start as far as needs and waves are concerned. */
  readonly #ready = new NumberHeap();
  readonly #running = new TimeHeap();
  readonly #freeUnits: number[];
  /** Per demand: ranks of leaves that found a pool exhausted. */
  readonly #parked: readonly NumberHeap[];
  /** Per demand: true while it waits for one of its pools. */
  readonly #isParked: boolean[];
  /** Per pool: demands that wait for it. */
  readonly #waiting: number[][];
  #wave = 1;
  readonly #leftInWave: number[] = [];
  /** Per wave: leaves whose needs are done but whose wave has not begun. */
  readonly #held: number[][] = [];

  constructor(graph: PointGraph, work: Work, limits: ScheduleLimits) {
    const { concurrency, waveOf } = limits;
    this.#graph = graph;
    this.#work = work;
    this.#waveOf = waveOf;
    this.#done = limits.done;
    this.#deadlineMs = limits.deadlineMs ?? Number.POSITIVE_INFINITY;
    this.#open = graph.predecessorCount.slice();
    this.#startMs = new Float64Array(graph.count);
    this.#endMs = new Float64Array(graph.count);
    this.#order = new Int32Array(work.leafCount);
    this.#freeSlots = concurrency;
    this.#freeUnits = [...work.poolSizes];
    this.#parked = work.demands.map(() => new NumberHeap());
    this.#isParked = work.demands.map(() => false);
    this.#waiting = work.poolSizes.map(() => []);
    if (waveOf !== undefined) this.#countWaves(waveOf);
  }

  run(): Schedule {
    for (let point = 0; point < this.#graph.count; point++) {
      if (this.#graph.predecessorCount[point] === 0) this.#release(point);
    }
    for (;;) {
      // All that ends now is taken in before a slot is given away, approvals of no length included.
      while (this.#running.peekTime() === this.#nowMs) this.#finish(this.#running.pop() ?? 0);
      this.#startReady();
      const nextMs = this.#running.peekTime();
      if (nextMs === undefined) break;
      this.#nowMs = nextMs;
    }
    const order = this.#order.subarray(0, this.#started);
    return { startMs: this.#startMs, endMs: this.#endMs, order, makespanMs: this.#nowMs };
  }

  #countWaves(waveOf: Int32Array): void {
    for (let point = 0; point < this.#graph.count; point++) {
      if (this.#work.leaf[point] !== 1) continue;
      const wave = waveOf[point] ?? 1;
      while (this.#leftInWave.length <= wave) {
        this.#leftInWave.push(0);
        this.#held.push([]);
      }
      this.#leftInWave[wave] = (this.#leftInWave[wave] ?? 0) + 1;
    }
  }

  /** All that the point needs is done. What takes no time and no slot is passed at once. */
  #release(first: number): void {
    const passed = [first];
    for (let point = passed.pop(); point !== undefined; point = passed.pop()) {
      if (this.#work.leaf[point] === 1 && this.#done?.[point] !== 1) {
        if (this.#nowMs + (this.#work.durationMs[point] ?? 0) > this.#deadlineMs) continue;
        const wave = this.#waveOf?.[point] ?? 1;
        if (wave > this.#wave) this.#held[wave]?.push(point);
        else this.#enqueue(point);
        continue;
      }
      this.#startMs[point] = this.#nowMs;
      this.#endMs[point] = this.#nowMs;
      this.#free(point, passed);
    }
  }

  /** Counts down what waits for the point, and adds to `freed` what waits for nothing more. */
  #free(point: number, freed: number[]): void {
    const end = this.#graph.successorsFrom[point + 1] ?? 0;
    for (let at = this.#graph.successorsFrom[point] ?? 0; at < end; at++) {
      const after = this.#graph.successors[at] ?? 0;
      const left = (this.#open[after] ?? 0) - 1;
      this.#open[after] = left;
      if (left === 0) freed.push(after);
    }
  }

  #enqueue(point: number): void {
    const demand = (this.#work.demandOf[point] ?? 0) - 1;
    if (demand === -2) return this.#start(point);
    const rank = this.#work.rank[point] ?? 0;
    if (this.#isParked[demand]) this.#parked[demand]?.push(rank);
    else this.#ready.push(rank);
  }

  #startReady(): void {
    while (this.#freeSlots > 0) {
      const rank = this.#ready.pop();
      if (rank === undefined) return;
      const point = this.#work.byRank[rank] ?? 0;
      const demand = (this.#work.demandOf[point] ?? 0) - 1;
      if (this.#nowMs + (this.#work.durationMs[point] ?? 0) > this.#deadlineMs) {
        this.#unpark(demand);
        continue;
      }
      if (demand >= 0 && !this.#take(demand)) {
        this.#parked[demand]?.push(rank);
        continue;
      }
      this.#freeSlots--;
      this.#start(point);
      this.#unpark(demand);
    }
  }

  /** The best leaf of a demand that can go on must be in `ready`: when it leaves, the next follows. */
  #unpark(demand: number): void {
    const next = demand >= 0 ? this.#parked[demand]?.pop() : undefined;
    if (next !== undefined) this.#ready.push(next);
  }

  #start(point: number): void {
    this.#startMs[point] = this.#nowMs;
    const endMs = this.#nowMs + (this.#work.durationMs[point] ?? 0);
    this.#endMs[point] = endMs;
    this.#order[this.#started++] = point;
    this.#running.push(endMs, point);
  }

  #finish(point: number): void {
    const demand = (this.#work.demandOf[point] ?? 0) - 1;
    if (demand > -2) this.#freeSlots++;
    if (demand >= 0) this.#giveBack(demand);
    this.#endLeaf(point);
    const freed: number[] = [];
    this.#free(point, freed);
    for (const after of freed) this.#release(after);
  }

  /** Begins the next wave when this was the last leaf of the present one. */
  #endLeaf(point: number): void {
    if (this.#waveOf === undefined) return;
    const wave = this.#waveOf[point] ?? 1;
    const left = (this.#leftInWave[wave] ?? 0) - 1;
    this.#leftInWave[wave] = left;
    if (left > 0 || wave !== this.#wave) return;
    this.#wave++;
    for (const held of this.#held[this.#wave] ?? []) this.#enqueue(held);
  }

  /** Takes the units of all its pools, or none and waits for the first that lacks some. */
  #take(demand: number): boolean {
    const wanted = this.#work.demands[demand];
    if (wanted === undefined) return true;
    for (let nth = 0; nth < wanted.pools.length; nth++) {
      const pool = wanted.pools[nth] ?? 0;
      if ((this.#freeUnits[pool] ?? 0) >= (wanted.units[nth] ?? 0)) continue;
      if (!this.#isParked[demand]) this.#waiting[pool]?.push(demand);
      this.#isParked[demand] = true;
      return false;
    }
    for (let nth = 0; nth < wanted.pools.length; nth++) {
      const pool = wanted.pools[nth] ?? 0;
      this.#freeUnits[pool] = (this.#freeUnits[pool] ?? 0) - (wanted.units[nth] ?? 0);
    }
    return true;
  }

  #giveBack(demand: number): void {
    const { pools, units } = this.#work.demands[demand] ?? { pools: [], units: [] };
    for (let nth = 0; nth < pools.length; nth++) {
      const pool = pools[nth] ?? 0;
      this.#freeUnits[pool] = (this.#freeUnits[pool] ?? 0) + (units[nth] ?? 0);
      for (const waiter of this.#waiting[pool]?.splice(0) ?? []) {
        this.#isParked[waiter] = false;
        this.#unpark(waiter);
      }
    }
  }
}
