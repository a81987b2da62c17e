/**
 * Keepers that an earlier process of orch started. They are not our children, so nobody tells when
 * they end: they are looked at, all of them at once, quickly at first and then in longer and longer
 * turns, so that hours of waiting cost next to nothing.
 */
import type { ProcessPort } from '../ports/processes.ts';
import type { KeeperRecord } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';

const LOOK_FIRST_MS = 20;
/** A look at 32 keepers twice a second is a fifth of what waiting may cost; see bench/idle.ts. */
const LOOK_LAST_MS = 500;

interface Awaited {
  readonly keeper: KeeperRecord;
  readonly ended: () => void;
}

export class AdoptedKeepers {
  readonly #run: LiveRun;
  readonly #awaited = new Set<Awaited>();
  #look: Disposable | undefined;

  constructor(run: LiveRun) {
    this.#run = run;
  }

  /** False for one of another boot or container: its pid and start time may be those of something else. */
  isAlive(keeper: KeeperRecord): boolean {
    const { processes } = this.#run.parts.ports;
    return this.isOfThisBoot(keeper) && isVisible(processes, keeper) && processes.isAlive(keeper);
  }

  /** Only then is the exit log to be believed; files of steps were never synced. */
  isOfThisBoot({ boot }: KeeperRecord): boolean {
    return boot === this.#run.state.boot;
  }

  /** Wakes a living keeper, and calls `ended` on the run's queue when it is gone. */
  expect(keeper: KeeperRecord, ended: () => void): void {
    this.#run.parts.ports.processes.wake(keeper);
    this.#awaited.add({ keeper, ended });
    this.#lookIn(LOOK_FIRST_MS);
  }

  close(): void {
    this.#look?.[Symbol.dispose]();
  }

  #lookIn(delayMs: number): void {
    this.#look?.[Symbol.dispose]();
    this.#look = this.#run.later(delayMs, () => {
      let nextMs = Math.min(delayMs * 1.5, LOOK_LAST_MS);
      for (const one of this.#awaited) {
        if (this.isAlive(one.keeper)) continue;
        this.#awaited.delete(one);
        this.#run.post(one.ended);
        nextMs = LOOK_FIRST_MS; // Where one has ended, others are likely to end.
      }
      if (this.#awaited.size > 0) this.#lookIn(nextMs);
    });
  }
}

/** Whether a pid of the keeper's pid namespace means the same process here. */
export function isVisible(processes: ProcessPort, { pid_ns }: KeeperRecord): boolean {
  return pid_ns === undefined || pid_ns === processes.place().pid_ns;
}
