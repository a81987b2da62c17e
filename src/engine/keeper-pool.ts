/**
 * Keepers by slot: taken for a job, given back after it, started when there is none free. A keeper is
 * journaled before its first job, so that no child is ever without a known parent.
 */
import type { Keeper } from '../ports/processes.ts';
import type { LiveRun } from './live-run.ts';

export interface JobEnd {
  /** Undefined: the keeper is gone and nobody knows. */
  readonly exitCode: number | undefined;
}

export class KeeperPool {
  readonly #run: LiveRun;
  /** Every one of ours that lives, taken ones that have no job yet among them. */
  readonly #keepers = new Set<Keeper>();
  readonly #idle: Keeper[] = [];
  /** Every slot in use: our keepers, and slots whose job another process's keeper still has. */
  readonly #slots = new Set<number>();
  readonly #waiting = new Map<string, (end: JobEnd) => void>();
  readonly #keyOf = new Map<Keeper, string>();
  #closed = false;

  constructor(run: LiveRun) {
    this.#run = run;
  }

  /** A slot whose keeper an earlier process of orch started; it is free once `release` says so. */
  occupy(slot: number): void {
    this.#slots.add(slot);
  }

  vacate(slot: number): void {
    this.#slots.delete(slot);
  }

  /** A keeper without a job; a new one is recorded (not yet durable: hand it its job `afterwards`). */
  take(): Keeper {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    let slot = 0;
    while (this.#slots.has(slot)) slot += 1;
    this.#slots.add(slot);
    const { parts } = this.#run;
    const keeper = parts.ports.processes.startKeeper(slot, parts.files.exitLog, {
      jobEnded: (_keeper, key, exitCode) => this.#jobEnded(key, { exitCode }),
      keeperEnded: (gone) => this.#keeperEnded(gone),
    });
    this.#keepers.add(keeper);
    // The host is not said: the journal is committed, and may be published.
    const { pid_ns } = parts.ports.processes.place();
    this.#run.record({
      type: 'keeper.started',
      slot,
      ...keeper.identity,
      ...(pid_ns !== undefined && { pid_ns }),
    });
    return keeper;
  }

  giveBack(keeper: Keeper): void {
    this.#keyOf.delete(keeper);
    if (this.#slots.has(keeper.slot)) this.#idle.push(keeper);
  }

  /** Calls `ended` when the job of this key has ended, on the run's queue. */
  expect(keeper: Keeper, key: string, ended: (end: JobEnd) => void): void {
    this.#keyOf.set(keeper, key);
    this.#waiting.set(key, ended);
  }

  /** Keepers end after their jobs; what they still run goes on. */
  close(): void {
    this.#closed = true;
    for (const keeper of this.#keepers) keeper.close();
  }

  #jobEnded(key: string, end: JobEnd): void {
    const ended = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (ended !== undefined && !this.#closed) this.#run.post(() => ended(end));
  }

  /** A keeper that ended before its time may have written the code to its log all the same. */
  #keeperEnded(keeper: Keeper): void {
    this.#keepers.delete(keeper);
    if (this.#closed) return;
    const idle = this.#idle.indexOf(keeper);
    if (idle !== -1) this.#idle.splice(idle, 1);
    this.#slots.delete(keeper.slot);
    const key = this.#keyOf.get(keeper);
    if (key === undefined) return;
    this.#keyOf.delete(keeper);
    const { files, ports } = this.#run.parts;
    this.#run.post(() =>
      this.#jobEnded(key, { exitCode: readExitLog(ports.files.readText(files.exitLog)).get(key) }),
    );
  }
}

/**
 * Exit codes by key. A line that is torn or not ours is passed over; of several lines for one key (an
 * owed line may be written twice) the last one counts.
 */
export function readExitLog(text: string | undefined): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  for (const line of (text ?? '').split('\n').slice(0, -1)) {
    const match = /^(\S+) (\d{1,3})$/.exec(line);
    if (match?.[1] !== undefined) codes.set(match[1], Number(match[2]));
  }
  return codes;
}
