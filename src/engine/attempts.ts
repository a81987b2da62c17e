/**
 * The processes of a run while they live: attempts of steps, and gates. Starts them under keepers,
 * watches their time, output and memory, stops them, and says how they ended.
 *
 * What an end means for the step is not decided here (perform-step.ts, perform-gate.ts).
 */
import type { Keeper, ProcessIdentity } from '../ports/processes.ts';
import type { Failure, Resources } from '../run/events.ts';
import type { KeeperRecord } from '../run/state.ts';
import type { Outcome } from '../run/verdict.ts';
import { durationText } from '../view/time-text.ts';
import type { Timeout } from '../workflow/workflow.ts';
import { AdoptedKeepers } from './adopted-keepers.ts';
import { AgentWatch, type AgentWatched } from './agent-watch.ts';
import { boundOutput } from './bound-output.ts';
import { isSaidToJob } from './job-environment.ts';
import { type JobEnd, KeeperPool, readExitLog } from './keeper-pool.ts';
import type { LiveRun } from './live-run.ts';
import { MergeProbes } from './probe-merges.ts';
import { redactOutput } from './redact-output.ts';

export interface AttemptSpec {
  /** In the exit log. */
  readonly key: string;
  readonly folder: string;
  /** Environment that all of its processes carry, to find them by. */
  readonly marker: Readonly<Record<string, string>>;
  readonly timeout: Timeout;
  /** An agent does it. */
  readonly agent?: AgentWatched;
  /** Called once, on the run's queue. */
  readonly ended: (outcome: Outcome) => void;
}

export interface JobSpec {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  /** Names of the only variables of orch's own environment that it gets; all of them when absent. */
  readonly pass?: readonly string[];
}

interface Attempt extends AttemptSpec {
  readonly slot: number;
  readonly identity: ProcessIdentity;
  /** Ours; absent when an earlier process of orch started the keeper. */
  readonly keeper?: Keeper;
  readonly startedMs: number;
  readonly cpuBefore: number;
  maxRssBytes: number;
  /** Its output has grown between the last two looks. */
  isPrinting?: boolean;
  lastActivity: { atMs: number; outputBytes: number; cpuSeconds: number };
  stopping?: { readonly failure: Failure; readonly done: Promise<readonly ProcessIdentity[]> };
  timer?: Disposable;
}

/** The first look at a new process; the gap doubles while nothing new starts. */
const LOOK_FIRST_MS = 40;
const LOOK_MAX_MS = 2000;
/** While something is printed, so that a log does not outgrow its limit by much. */
const LOOK_MAX_PRINTING_MS = 1000;

export class Attempts {
  readonly #run: LiveRun;
  readonly #pool: KeeperPool;
  readonly #adopted: AdoptedKeepers;
  /** Early looks at what isolated steps are doing. */
  readonly probes: MergeProbes;
  readonly agents: AgentWatch;
  readonly #live = new Map<string, Attempt>();
  /** Asked to stop while they were still looked up in the cache. */
  readonly #stoppedEarly = new Map<string, Failure>();
  /** CPU seconds of all a keeper's earlier jobs, by slot: its counters only grow. */
  readonly #cpuOfSlot = new Map<number, number>();
  #lookEveryMs = LOOK_FIRST_MS;
  #look: Disposable | undefined;
  #graceMs: number;
  #isSweeping = false;

  constructor(run: LiveRun) {
    this.#run = run;
    this.#pool = new KeeperPool(run);
    this.#adopted = new AdoptedKeepers(run);
    this.probes = new MergeProbes(run);
    this.agents = new AgentWatch(run);
    this.#graceMs = run.parts.settings.graceMs;
  }

  /** A keeper for an attempt that is about to be recorded. */
  take(): Keeper {
    return this.#pool.take();
  }

  /** For an attempt that turned out to need no process. */
  giveBack(keeper: Keeper): void {
    this.#pool.giveBack(keeper);
  }

  /** To be called after the attempt's start is durable. */
  start(keeper: Keeper, spec: AttemptSpec, job: JobSpec): void {
    const stopped = this.#stoppedEarly.get(spec.key);
    if (stopped !== undefined) {
      this.#stoppedEarly.delete(spec.key);
      this.#pool.giveBack(keeper);
      return spec.ended({
        exitCode: null,
        durationS: 0,
        resources: null,
        stopped,
        lost: false,
        survivors: 0,
      });
    }
    const { clock } = this.#run.parts.ports;
    const attempt: Attempt = {
      ...spec,
      slot: keeper.slot,
      identity: keeper.identity,
      keeper,
      startedMs: clock.monotonic(),
      cpuBefore: this.#cpuOfSlot.get(keeper.slot) ?? 0,
      maxRssBytes: 0,
      lastActivity: { atMs: clock.monotonic(), outputBytes: 0, cpuSeconds: 0 },
    };
    this.#pool.expect(keeper, spec.key, (end) => this.#ended(attempt, end));
    keeper.startJob({
      key: spec.key,
      directory: spec.folder,
      script: job.script,
      cwd: job.cwd,
      env: job.env,
      unset: Object.keys(this.#run.parts.settings.environment).filter(
        (name) => isSaidToJob(name) || job.pass?.includes(name) === false,
      ),
    });
    this.#watch(attempt, spec.timeout.totalMs);
  }

  /**
   * An attempt that an earlier process of orch started: waits for its keeper when that still lives,
   * else reads what it left.
   * @param elapsedMs how long ago it was started
   */
  adopt(keeper: KeeperRecord | undefined, spec: AttemptSpec, elapsedMs: number): void {
    const { clock, files } = this.#run.parts.ports;
    const attempt: Attempt = {
      ...spec,
      slot: keeper?.slot ?? -1,
      identity: keeper ?? { pid: 0, start: '' },
      startedMs: clock.monotonic() - elapsedMs,
      cpuBefore: 0,
      maxRssBytes: 0,
      lastActivity: { atMs: clock.monotonic(), outputBytes: 0, cpuSeconds: 0 },
    };
    const ended = () => {
      if (keeper) this.#pool.vacate(keeper.slot);
      const codes =
        keeper && this.#adopted.isOfThisBoot(keeper)
          ? readExitLog(files.readText(this.#run.parts.files.exitLog))
          : new Map<string, number>();
      this.#ended(attempt, { exitCode: codes.get(spec.key) });
    };
    if (keeper) this.#pool.occupy(keeper.slot);
    if (keeper === undefined || !this.#adopted.isAlive(keeper)) {
      this.#live.set(spec.key, attempt);
      if (spec.agent) this.agents.listen(spec.key, spec.folder, spec.agent);
      return this.#run.post(ended);
    }
    this.#adopted.expect(keeper, ended);
    const { totalMs } = spec.timeout;
    this.#watch(attempt, totalMs === undefined ? undefined : Math.max(0, totalMs - elapsedMs));
  }

  /** Ends the whole process tree; the attempt then ends with this failure. */
  stop(key: string, failure: Failure): void {
    const attempt = this.#live.get(key);
    if (attempt === undefined) {
      this.#stoppedEarly.set(key, failure);
      return;
    }
    if (attempt.stopping) return;
    const { processes } = this.#run.parts.ports;
    const { identity: keeper, marker } = attempt;
    const done = processes.stopJob({ keeper, marker, graceMs: this.#graceMs });
    attempt.stopping = { failure, done };
    done.catch((error: unknown) => this.#run.fail(error));
  }

  /** No grace any more for what is being stopped, for what will be, and for what steps left behind. */
  hurry(): void {
    const { processes } = this.#run.parts.ports;
    this.#graceMs = 0;
    const kill = (done: Promise<unknown>) => done.catch((error: unknown) => this.#run.fail(error));
    for (const { stopping, identity: keeper, marker } of this.#live.values()) {
      if (stopping) void kill(processes.stopJob({ keeper, marker, graceMs: 0 }));
    }
    if (this.#isSweeping) void kill(processes.stopMarked({ ORCH_RUN: this.#run.state.run }, 0));
  }

  /** With the run ends what steps left in the background, and jobs that nobody can wait for any more. */
  async sweep(): Promise<void> {
    this.#isSweeping = true;
    const { processes } = this.#run.parts.ports;
    const why: Failure = { kind: 'interrupted', message: 'the run cannot go on' };
    for (const key of this.#live.keys()) this.stop(key, why);
    await Promise.all([...this.#live.values()].map(({ stopping }) => stopping?.done));
    await processes.stopMarked({ ORCH_RUN: this.#run.state.run }, this.#graceMs);
  }

  /** Lets go of everything: keepers end after their jobs. */
  close(): void {
    this.#look?.[Symbol.dispose]();
    this.#adopted.close();
    this.probes[Symbol.dispose]();
    for (const { timer } of this.#live.values()) timer?.[Symbol.dispose]();
    this.#pool.close();
  }

  #ended(attempt: Attempt, end: JobEnd): void {
    attempt.timer?.[Symbol.dispose]();
    const { stopping } = attempt;
    const lost = end.exitCode === undefined;
    if (stopping === undefined && !lost) return this.#finish(attempt, end, 0);
    // What was stopped, or lost its keeper, may have left processes behind: the attempt ends when they are gone.
    const { processes } = this.#run.parts.ports;
    const gone = stopping?.done ?? processes.stopMarked(attempt.marker, this.#graceMs);
    this.#run.task(`end:${attempt.key}`, async () => {
      const survivors = await gone;
      return () => this.#finish(attempt, end, survivors.length);
    });
  }

  #finish(attempt: Attempt, end: JobEnd, survivors: number): void {
    const { clock, files } = this.#run.parts.ports;
    this.#live.delete(attempt.key);
    const exitCode = end.exitCode ?? null;
    const said = this.agents.end(attempt.key, exitCode);
    boundOutput(files, attempt.folder, this.#run.parts.settings.maxLogBytes);
    redactOutput(files, attempt.folder, this.#run.redactor);
    const resources = this.#resources(attempt);
    if (attempt.keeper) this.#pool.giveBack(attempt.keeper);
    attempt.ended({
      exitCode,
      durationS: seconds(clock.monotonic() - attempt.startedMs),
      resources,
      ...(attempt.stopping && { stopped: attempt.stopping.failure }),
      lost: end.exitCode === undefined,
      survivors,
      ...(said && { said }),
    });
  }

  #resources(attempt: Attempt): Resources | null {
    if (attempt.keeper === undefined) return null; // Its keeper is gone, and its counters with it.
    const usage = this.#run.parts.ports.processes.usage(attempt.identity);
    if (usage === undefined) return null;
    this.#cpuOfSlot.set(attempt.slot, usage.cpuSeconds);
    return {
      cpu_s: Math.max(0, Math.round((usage.cpuSeconds - attempt.cpuBefore) * 1000) / 1000),
      max_rss_bytes: attempt.maxRssBytes > 0 ? attempt.maxRssBytes : null,
    };
  }

  #watch(attempt: Attempt, totalMs: number | undefined): void {
    this.#live.set(attempt.key, attempt);
    if (attempt.agent) this.agents.listen(attempt.key, attempt.folder, attempt.agent);
    if (totalMs !== undefined) {
      attempt.timer = this.#run.later(totalMs, () => {
        this.stop(attempt.key, {
          kind: 'timeout',
          message: `took longer than ${durationText(attempt.timeout.totalMs ?? totalMs)}`,
        });
      });
    }
    this.#lookAgain(LOOK_FIRST_MS);
  }

  #lookAgain(delayMs: number): void {
    if (this.#look !== undefined && delayMs >= this.#lookEveryMs) return;
    this.#look?.[Symbol.dispose]();
    this.#lookEveryMs = delayMs;
    this.#look = this.#run.later(delayMs, () => {
      this.#look = undefined;
      for (const attempt of this.#live.values()) this.#lookAt(attempt);
      if (this.#live.size > 0) this.#lookAgain(Math.min(this.#longestPauseMs(), delayMs * 2));
    });
  }

  #longestPauseMs(): number {
    let longestMs = LOOK_MAX_MS;
    for (const { isPrinting, timeout } of this.#live.values()) {
      if (isPrinting) longestMs = Math.min(longestMs, LOOK_MAX_PRINTING_MS);
      if (timeout.idleMs !== undefined) longestMs = Math.min(longestMs, timeout.idleMs / 4);
    }
    return Math.max(longestMs, LOOK_FIRST_MS);
  }

  #lookAt(attempt: Attempt): void {
    const { clock, processes, files } = this.#run.parts.ports;
    const usage = processes.usage(attempt.identity);
    if (usage === undefined) return;
    attempt.maxRssBytes = Math.max(attempt.maxRssBytes, usage.peakRssBytes ?? usage.rssBytes);
    const spent = this.agents.look(attempt.key, attempt.startedMs);
    if (spent !== undefined)
      return this.stop(attempt.key, {
        kind: 'budget',
        message: `the budget of the step: ${spent}`,
      });
    const outputBytes = boundOutput(files, attempt.folder, this.#run.parts.settings.maxLogBytes);
    const { lastActivity } = attempt;
    this.agents.noteCut(attempt.key);
    attempt.isPrinting = outputBytes !== lastActivity.outputBytes;
    if (attempt.isPrinting || usage.cpuSeconds > lastActivity.cpuSeconds) {
      attempt.lastActivity = { atMs: clock.monotonic(), outputBytes, cpuSeconds: usage.cpuSeconds };
      return;
    }
    const { idleMs } = attempt.timeout;
    if (idleMs === undefined || clock.monotonic() - lastActivity.atMs < idleMs) return;
    this.stop(attempt.key, {
      kind: 'stall',
      message: `no output and no CPU time for ${durationText(idleMs)}`,
    });
  }
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
