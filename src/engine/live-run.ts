/**
 * A run while a process works on it: its state, its journal, and the one queue through which
 * everything that happens comes in.
 *
 * The order is the promise. `record` folds an event at once, so that the next decision knows it;
 * `flush` puts all events recorded since on disk with one sync; only then do the effects run that
 * were asked for with `afterwards`. Nothing outside ever happens before its event is durable.
 */
import { availableParallelism } from 'node:os';
import type { Redactor } from '../base/redact.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorkTreePort } from '../ports/work-tree.ts';
import type { WorktreePool, WorktreeSettings } from '../ports/worktrees.ts';
import { applyEvent } from '../run/apply-event.ts';
import { moveAlarms } from '../run/clock-jump.ts';
import {
  EVENT_VERSION,
  type RunEvent,
  type RunEventBody,
  type StepProgress,
} from '../run/events.ts';
import { redactEvent } from '../run/redact-event.ts';
import { redactorFor } from '../run/secret-values.ts';
import { countEnded, type RunState } from '../run/state.ts';
import type { Frozen } from './frozen.ts';
import type { JournalWriter } from './journal.ts';
import { Lanes } from './lanes.ts';
import type { RunFiles } from './run-files.ts';

export interface RunSettings {
  readonly useCache: boolean;
  /** Steps whose cache entries are made anew. */
  readonly refresh: readonly string[];
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly maxLogBytes: number;
  /** What orch inherited; jobs get it, without what an orch around this one said to its own job. */
  readonly environment: Readonly<Record<string, string>>;
  /** Isolated runs need it. */
  readonly worktree?: WorktreeSettings;
  /** What the pool of worktrees may take; absent for no limit. */
  readonly diskBytes?: number;
}

export interface LiveRunParts {
  readonly ports: Ports;
  readonly git: GitPort;
  readonly workTree: WorkTreePort;
  /** Of isolated runs. */
  readonly pool?: WorktreePool;
  readonly files: RunFiles;
  readonly frozen: Frozen;
  readonly settings: RunSettings;
  readonly state: RunState;
  readonly journal: JournalWriter;
  /** Sees every event once it is durable; the state is further by then, `ended` counts steps as of the event. */
  readonly observe: (event: RunEvent, state: RunState, ended: number) => void;
  /** Hears what agents do while they work; nothing of it is kept. */
  readonly progress?: (progress: StepProgress) => void;
}

/** A clock that is being corrected gains less than this between two looks; a jump is more. */
const LEAST_JUMP_MS = 200;

export class LiveRun {
  readonly parts: LiveRunParts;
  readonly state: RunState;
  /** Commands under way, for decide(). */
  readonly busy = new Set<string>();
  /** Signal that asks for a stop. */
  interrupt: string | undefined;
  #recorded: { readonly event: RunEvent; readonly ended: number }[] = [];
  #effects: (() => void)[] = [];
  #inbox: (() => void)[] = [];
  #wake: (() => void) | undefined;
  #indexQueue: Promise<unknown> = Promise.resolve();
  readonly #tasks = new Set<Promise<void>>();
  /**
   * For work that looks at every file of a worktree. With more at once than there are processors all of
   * them would be ready late; one after the other, the first ones are merged, or at work, meanwhile.
   */
  readonly worktreeLanes = new Lanes(availableParallelism());
  /** Of the secrets that this process and the workflow's `env` know. */
  readonly redactor: Redactor;
  readonly #startedAtMs: number;
  readonly #startedMonotonicMs: number;
  /** How far the wall clock has run ahead of the monotonic one since the start. */
  #aheadMs = 0;

  constructor(parts: LiveRunParts) {
    this.parts = parts;
    this.state = parts.state;
    this.redactor = redactorFor(parts.settings.environment, parts.state.workflow);
    this.#startedAtMs = Math.max(parts.ports.clock.now(), parts.state.atMs);
    this.#startedMonotonicMs = parts.ports.clock.monotonic();
  }

  /**
   * Milliseconds since 1970 that never run backwards: the wall clock, but not before the last event of
   * the journal, and at least as far on as the monotonic clock has gone, so that a clock set back delays
   * no retry by more than its own delay. When the wall clock jumps ahead, what is waited for by length
   * of time moves along, and none of it is due any sooner.
   */
  nowMs(): number {
    const { clock } = this.parts.ports;
    const steadyMs = this.#startedAtMs + clock.monotonic() - this.#startedMonotonicMs;
    const jumpMs = Math.round(clock.now() - steadyMs - this.#aheadMs);
    if (jumpMs > 0) this.#aheadMs += jumpMs;
    if (jumpMs >= LEAST_JUMP_MS) moveAlarms(this.state, jumpMs);
    return steadyMs + this.#aheadMs;
  }

  /** @param atMs when it happened, where that was not now */
  record(body: RunEventBody, atMs = this.nowMs()): void {
    const stamp = {
      v: EVENT_VERSION,
      seq: this.state.seq + 1,
      at: new Date(atMs).toISOString(),
    };
    const said: RunEvent = { ...stamp, ...body };
    // Before it is folded, so that a resume, which knows the journal alone, finds the same.
    const event = this.redactor.isEmpty ? said : redactEvent(said, this.redactor);
    applyEvent(this.state, event);
    this.#recorded.push({ event, ended: countEnded(this.state) });
  }

  /** Runs once everything recorded so far is durable. */
  afterwards(effect: () => void): void {
    this.#effects.push(effect);
  }

  flush(): void {
    const recorded = this.#recorded;
    this.#recorded = [];
    this.parts.journal.append(recorded.map(({ event }) => event));
    for (const { event, ended } of recorded) this.parts.observe(event, this.state, ended);
    const effects = this.#effects;
    this.#effects = [];
    for (const effect of effects) effect();
  }

  /** Something happened: `fact` records it when the loop comes round. Safe to call from anywhere. */
  post(fact: () => void): void {
    this.#inbox.push(fact);
    this.#wake?.();
  }

  /** Does something after `delayMs`; like all that fails, it ends the run's process and not just the timer. */
  later(delayMs: number, work: () => void): Disposable {
    return this.parts.ports.clock.timer(delayMs, () => {
      try {
        work();
      } catch (error) {
        this.fail(error);
      }
    });
  }

  /** Work whose end is a fact; while it lasts, decide() sees `key` in `busy`. Its failure ends the run's process. */
  task(key: string, work: () => Promise<() => void>): void {
    this.busy.add(key);
    const task = work().then(
      (fact) =>
        this.post(() => {
          this.busy.delete(key);
          fact();
        }),
      (error: unknown) => this.fail(error),
    );
    this.#tasks.add(task);
    void task.then(() => this.#tasks.delete(task));
  }

  /** Ends the run's process, from the loop. */
  fail(error: unknown): void {
    this.post(() => {
      throw error;
    });
  }

  /**
   * Waits until nothing is under way any more. Before a lock is let go: a commit that is still being
   * made would run beside the next process of this run.
   */
  async settle(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  /** One at a time: two snapshots must not write the private index at once. */
  async withIndex<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#indexQueue.then(work, work);
    this.#indexQueue = turn.catch(() => undefined); // Its caller sees the failure; the next in line goes on.
    return await turn;
  }

  /** Waits for facts, at most until `atMs` (see nowMs), then takes them in. @throws what a task failed with */
  async takeFacts(atMs: number | undefined): Promise<void> {
    if (this.#inbox.length === 0) {
      const { clock } = this.parts.ports;
      await new Promise<void>((resolve) => {
        const timer =
          atMs === undefined ? undefined : clock.timer(Math.max(0, atMs - this.nowMs()), resolve);
        this.#wake = () => {
          timer?.[Symbol.dispose]();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const facts = this.#inbox;
    this.#inbox = [];
    for (const fact of facts) fact();
  }
}
