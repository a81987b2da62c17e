/**
 * What can be done without looking at all steps: readiness.ts judges a step once, when its turn has
 * come, and puts what comes of it here; decide.ts takes it up.
 *
 * Entries are never searched for and removed: an event may overtake one, so whoever takes an entry
 * asks whether it still holds.
 */
import type { Failure, StepSkipped } from './events.ts';
import { popHeap, pushHeap, ReadyQueue } from './ready-queue.ts';

export type SkipReason = StepSkipped['reason'];

/** Something that happens to a step at a time: another attempt, or the end of its patience. */
export interface Alarm {
  readonly node: number;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
}

export interface Agenda {
  readonly ready: ReadyQueue;
  readonly skips: Line<{
    readonly node: number;
    readonly reason: SkipReason;
    readonly detail: string;
  }>;
  readonly failures: Line<{ readonly node: number; readonly failure: Failure }>;
  readonly expansions: Line<number>;
  readonly approvals: Line<number>;
  readonly answers: Line<number>;
  /** Steps that may be tried again. */
  readonly retries: Alarms;
  /** Approvals that nobody has answered, and ready steps that nobody has started. */
  readonly deadlines: Alarms;
  /** By wave: steps whose needs have ended before their wave was opened. */
  readonly parked: number[][];
}

export function newAgenda(waveCount: number): Agenda {
  return {
    ready: new ReadyQueue(),
    skips: new Line(),
    failures: new Line(),
    expansions: new Line(),
    approvals: new Line(),
    answers: new Line(),
    retries: new Alarms(),
    deadlines: new Alarms(),
    parked: Array.from({ length: waveCount }, () => []),
  };
}

/** First come, first served. Array.shift moves everything behind, which is quadratic at 100,000 steps. */
export class Line<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first entry that holds; it stays, those before it are dropped. */
  first(holds: (item: T) => boolean): T | undefined {
    for (; this.#head < this.#items.length; this.#head++) {
      const item = this.#items[this.#head] as T;
      if (holds(item)) return item;
    }
    this.#items = [];
    this.#head = 0;
    return undefined;
  }
}

/** Heap by time. */
export class Alarms {
  #heap: Alarm[] = [];

  set(alarm: Alarm): void {
    pushHeap(this.#heap, alarm, isEarlier);
  }

  /** The earliest entry that holds; it stays, those before it are dropped. */
  next(holds: (alarm: Alarm) => boolean): Alarm | undefined {
    while (this.#heap[0] !== undefined && !holds(this.#heap[0])) popHeap(this.#heap, isEarlier);
    return this.#heap[0];
  }

  /** Takes the earliest entry away. */
  drop(): void {
    popHeap(this.#heap, isEarlier);
  }

  /** Empties it. @returns what was in it, in no order */
  takeAll(): readonly Alarm[] {
    const all = this.#heap;
    this.#heap = [];
    return all;
  }

  /** All entries, in no order. */
  all(): readonly Alarm[] {
    return this.#heap;
  }
}

function isEarlier(a: Alarm, b: Alarm): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.node < b.node);
}
