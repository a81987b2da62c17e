/**
 * A run in virtual time, without a process, a disk or a clock: decide() and the fold as they are, and
 * around them a small engine that performs commands as src/engine does, in a world where jobs end,
 * fail, hang and are lost, people answer or do not, and orch itself is interrupted, killed and taken
 * up again. Chance decides, and one seed always gives the same course.
 *
 * What must hold for the events is laws.ts. Here a run must come to its end: when decide() has nothing
 * to do, something must be under way.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LiveRun } from '../../src/engine/live-run.ts';
import {
  answerApproval,
  askForApproval,
  expandStep,
  failStep,
  skipRest,
} from '../../src/engine/settle-step.ts';
import type { PlanNode } from '../../src/plan/plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState } from '../../src/run/create-state.ts';
import { type Command, decide, hasFinished } from '../../src/run/decide.ts';
import {
  EVENT_VERSION,
  type Failure,
  type GateFinished,
  type RunEvent,
  type RunEventBody,
  type StepFinished,
} from '../../src/run/events.ts';
import { mayRetry } from '../../src/run/judge.ts';
import { popHeap, pushHeap } from '../../src/run/ready-queue.ts';
import { retryDelayMs } from '../../src/run/retry.ts';
import { wavesToRedo } from '../../src/run/set-back.ts';
import {
  gateKey,
  gateOf,
  type RunState,
  standingCheckpoint,
  stepStateOf,
  waveOf,
} from '../../src/run/state.ts';
import { failureOf, type Outcome, statusOf } from '../../src/run/verdict.ts';
import { canonicalState } from './canonical-state.ts';
import { Laws } from './laws.ts';
import { type Chance, chanceOf } from './random.ts';
import { type RandomRun, randomRun } from './random-run.ts';

const START_MS = Date.UTC(2026, 0, 1);
const MAX_EVENTS = 5_000;

export interface Course {
  readonly run: RandomRun;
  readonly events: readonly RunEvent[];
  readonly state: RunState;
  /** How often orch was interrupted, killed, and so on. */
  readonly mishaps: readonly string[];
}

/** @throws Error that names the seed when a law is broken */
export function simulate(seed: number, options: { readonly everyEvent?: boolean } = {}): Course {
  const world = new World(seed, options.everyEvent ?? false);
  try {
    return world.runToItsEnd();
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`seed ${seed}, event ${world.events.length}: ${said}`, { cause });
  }
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  /** Of what orch itself does nothing is left when it is killed. */
  readonly session: number | null;
  readonly act: () => void;
}

interface Job {
  readonly key: string;
  stopped?: Failure;
  /** Undefined while it runs, null when its keeper is gone. */
  code?: number | null;
}

class Killed extends Error {}

class World {
  readonly chance: Chance;
  readonly run: RandomRun;
  events: RunEvent[] = [];
  #state: RunState;
  #laws: Laws;
  #nowMs = START_MS;
  #boot = 1;
  #session = 0;
  #order = 0;
  #timeline: Happening[] = [];
  #busy = new Set<string>();
  #interrupt: string | undefined;
  #effects: (() => void)[] = [];
  /** Events on disk; those behind may be lost. */
  #durable = 0;
  /** By key of an attempt; outlive orch, but not the machine. */
  #jobs = new Map<string, Job>();
  #ended = new Map<string, (job: Job) => void>();
  /** Steps that were answered while no orch was there. */
  #answers: string[] = [];
  #mishaps: string[] = [];
  #mishapsLeft: number;
  #retriesLeft = 2;
  readonly #everyEvent: boolean;
  readonly #fake: LiveRun;

  constructor(seed: number, everyEvent: boolean) {
    this.chance = chanceOf(seed);
    this.run = randomRun(this.chance);
    this.#everyEvent = everyEvent;
    this.#mishapsLeft = this.chance.pick([0, 0, 1, 2, 5]);
    this.#state = this.#freshState();
    this.#laws = new Laws(this.run.workflow, this.run.plan);
    // The engine's own functions that only decide on events; they use no more of a run than this.
    const fake = { record: (body: RunEventBody) => this.#record(body), nowMs: () => this.#nowMs };
    this.#fake = Object.defineProperty(fake, 'state', {
      get: () => this.#state,
    }) as unknown as LiveRun;
  }

  runToItsEnd(): Course {
    this.#record({
      type: 'run.started',
      run: 'test',
      workflow: this.run.workflow.name,
      base: null,
      epoch: 1,
      boot: String(this.#boot),
    });
    for (;;) {
      this.#drive();
      if (!this.#goesOn()) break;
      this.#resume();
    }
    this.#laws.checkEnd(this.#state);
    this.#compareWithFold();
    return {
      run: this.run,
      events: this.events,
      state: this.#state,
      mishaps: this.#mishaps,
    };
  }

  #freshState(): RunState {
    const { workflow, plan } = this.run;
    return createState({ run: 'test', workflow, plan, inputs: {} });
  }

  #record(body: RunEventBody): void {
    const seq = this.events.length + 1;
    const event: RunEvent = {
      v: EVENT_VERSION,
      seq,
      at: new Date(this.#nowMs).toISOString(),
      ...body,
    };
    if (seq > MAX_EVENTS) throw new Error('the run does not come to an end');
    applyEvent(this.#state, event);
    this.events.push(event);
    this.#laws.see(event);
    if (this.#everyEvent) this.#compareWithFold();
  }

  // Orch: one session from a start or a resume to its end.

  #drive(): void {
    try {
      for (let count = 0; ; count++) {
        if (count > MAX_EVENTS) throw new Error('wakes without end');
        const wakeAtMs = this.#performAll();
        this.#flush();
        if (this.#state.status !== 'running') return this.#letTasksEnd();
        this.#passTime(wakeAtMs);
        this.#mayDie();
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  #performAll(): number | undefined {
    for (let count = 0; ; count++) {
      if (count > MAX_EVENTS) throw new Error('decides without end');
      const situation = {
        nowMs: this.#nowMs,
        busy: this.#busy,
        ...(this.#interrupt !== undefined && { interrupt: this.#interrupt }),
      };
      const isCompared = this.chance.once(20);
      const folded = isCompared ? decide(this.#fold(), situation) : undefined;
      const command = decide(this.#state, situation);
      if (isCompared && !isDeepStrictEqual(nameOf(folded), nameOf(command))) {
        throw new Error(`live: ${nameOf(command)}, after a resume: ${nameOf(folded)}`);
      }
      if (command === undefined) return undefined;
      if (command.type === 'wake') {
        if (command.atMs <= this.#nowMs) throw new Error('asked to wake in the past');
        return command.atMs;
      }
      this.#perform(command);
      if (this.#state.status !== 'running') return undefined;
    }
  }

  #flush(): void {
    this.#durable = this.events.length;
    const effects = this.#effects;
    this.#effects = [];
    for (const effect of effects) effect();
  }

  #fold(): RunState {
    const state = this.#freshState();
    for (const event of this.events) applyEvent(state, event);
    return state;
  }

  #compareWithFold(): void {
    const live = canonicalState(this.#state);
    const folded = canonicalState(this.#fold());
    if (live !== folded) throw new Error(`the fold differs\n${live}\n${folded}`);
  }

  /** The next thing that happens, in the world or in orch; a wake is no later than `wakeAtMs`. */
  #passTime(wakeAtMs: number | undefined): void {
    let next = this.#timeline[0];
    while (next && next.session !== null && next.session !== this.#session) {
      popHeap(this.#timeline, isSooner);
      next = this.#timeline[0];
    }
    if (next === undefined || (wakeAtMs !== undefined && wakeAtMs < next.atMs)) {
      if (wakeAtMs === undefined) throw new Error('nothing is under way, and the run is not over');
      this.#nowMs = wakeAtMs;
      return;
    }
    popHeap(this.#timeline, isSooner);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.act();
  }

  #later(delayMs: number, act: () => void, session: number | null = this.#session): void {
    const happening = { atMs: this.#nowMs + delayMs, order: this.#order++, session, act };
    pushHeap(this.#timeline, happening, isSooner);
  }

  #task(key: string, mostMs: number, fact: () => void): void {
    this.#busy.add(key);
    this.#later(this.chance.between(0, mostMs), () => {
      this.#busy.delete(key);
      fact();
    });
  }

  /** The engine ends only when its tasks have. */
  #letTasksEnd(): void {
    if ([...this.#busy].some((key) => !key.startsWith('stop')))
      throw new Error(`${this.#state.status} while ${[...this.#busy].join()} is under way`);
  }

  #mayDie(): void {
    if (this.#mishapsLeft === 0 || !this.chance.once(12)) return;
    this.#mishapsLeft -= 1;
    const mishap = this.chance.pick(['interrupt', 'kill', 'kill', 'reboot', 'cancel'] as const);
    this.#mishaps.push(mishap);
    if (mishap === 'interrupt') this.#interrupt = 'SIGINT';
    else if (mishap === 'cancel') this.#record({ type: 'request.received', request: 'cancel' });
    else this.#die(mishap === 'reboot');
  }

  /** Everything decided is recorded, but only some of it may have reached the disk, and no effect. */
  #die(isReboot: boolean): never {
    this.#performAll();
    const lost = this.chance.between(0, this.events.length - this.#durable);
    if (lost > 0) {
      this.events.length -= lost;
      this.#state = this.#fold();
      this.#laws = new Laws(this.run.workflow, this.run.plan);
      for (const event of this.events) this.#laws.see(event);
    }
    if (isReboot) {
      this.#boot += 1;
      this.#jobs.clear();
    }
    throw new Killed();
  }

  // Afterwards: resume, retry, roll back.

  #goesOn(): boolean {
    const { status } = this.#state;
    if (status === 'passed') return false;
    if (hasFinished(this.#state)) {
      if (this.#retriesLeft === 0 || this.chance.once(2)) return false;
      this.#retriesLeft -= 1;
    }
    if (status === 'waiting') this.#answerSome();
    if (this.chance.once(6) && this.#state.checkpoints.length > 0) this.#rollBackByCommand();
    return true;
  }

  /** Someone comes back after a while and answers, though orch has ended; the next resume takes it up. */
  #answerSome(): void {
    this.#nowMs += this.chance.between(1, 10) * 60_000;
    const waiting = [...this.#state.waiting].map((index) => this.#state.nodes[index]?.id ?? '');
    this.#answers = waiting.filter(() => this.chance.once(2));
  }

  #rollBackByCommand(): void {
    this.#mishaps.push('rollback');
    this.#newSession();
    this.#jobs.clear(); // The command stops what still runs first.
    const { wave, tree, commit } = this.chance.pick(this.#state.checkpoints);
    this.#record({
      type: 'rollback.started',
      to: wave,
      target: tree,
      rescue: 'refs/orch/rescue/test/1',
      rescue_commit: oidOf(this.events.length),
    });
    if (this.chance.once(3)) return; // Killed half-way: the resume finishes it.
    this.#record({ type: 'rollback.done', to: wave, restored: commit });
  }

  #newSession(): void {
    this.#session += 1;
    this.#busy = new Set();
    this.#ended.clear();
    this.#effects = [];
    this.#interrupt = undefined;
    this.#nowMs += this.chance.between(0, 100_000);
    while (this.#timeline[0] && this.#timeline[0].atMs <= this.#nowMs) {
      const past = popHeap(this.#timeline, isSooner);
      if (past?.session === null) past?.act();
    }
  }

  #resume(): void {
    this.#newSession();
    this.#state = this.#fold();
    const hasToRedo = this.#state.rollbackOpen || wavesToRedo(this.#state).length > 0;
    const retry = hasFinished(this.#state) && !(hasToRedo && this.chance.once(2));
    this.#mishaps.push(retry ? 'retry' : 'resume');
    this.#record({
      type: 'run.resumed',
      epoch: this.#state.epoch + 1,
      boot: String(this.#boot),
      retry_failed: retry,
    });
    const { rollbackOpen } = this.#state;
    if (rollbackOpen)
      this.#record({ type: 'rollback.done', to: rollbackOpen.to, restored: rollbackOpen.target });
    for (const wave of wavesToRedo(this.#state)) this.#record({ type: 'wave.invalidated', wave });
    if (this.#state.checkpointOpen) this.#makeCheckpoint();
    for (const index of this.#state.running) this.#adoptStep(index);
    for (const key of this.#state.runningGates) this.#adoptGate(key);
    for (const step of this.#answers) this.#answer(step);
    this.#answers = [];
    for (const index of this.#state.waiting) this.#mayAnswer(index);
  }

  // Commands.

  #perform(command: Exclude<Command, { type: 'wake' }>): void {
    switch (command.type) {
      case 'open-wave': {
        const steps = waveOf(this.#state, command.wave).plan?.steps ?? [];
        return this.#record({ type: 'wave.started', wave: command.wave, steps });
      }
      case 'start':
        return this.#startStep(command.node, command.attempt);
      case 'skip': {
        const { node, reason, detail } = command;
        const { wave, id: step } = node;
        return this.#record({ type: 'step.skipped', wave, step, reason, detail });
      }
      case 'fail':
        return failStep(this.#fake, command.node, command.failure);
      case 'expand':
        return expandStep(this.#fake, command.node);
      case 'ask':
        askForApproval(this.#fake, command.node);
        return this.#mayAnswer(command.node.index);
      case 'answer':
        return answerApproval(this.#fake, command.node);
      case 'stop': {
        const { node, failure } = command;
        this.#busy.add(`stop:${node.index}`);
        return this.#stop(
          stepKey(node, stepStateOf(this.#state, node.index).attempts.length),
          failure,
        );
      }
      case 'stop-gate': {
        const { wave, gate, failure } = command;
        this.#busy.add(`stop-gate:${gateKey(wave, gate)}`);
        const { attempts } = gateOf(this.#state, wave, gate);
        return this.#stop(`gate ${gateKey(wave, gate)} ${attempts.length}`, failure);
      }
      case 'seal':
        return this.#seal(command.wave);
      case 'gate':
        return this.#startGate(command.wave, command.gate.name, command.gate.attempts.length + 1);
      case 'checkpoint': {
        const { wave, status, closing } = command;
        const sealed = closing ? standingCheckpoint(this.#state) : waveOf(this.#state, wave).sealed;
        this.#record({
          type: 'checkpoint.started',
          wave,
          tree: sealed?.tree ?? '',
          parent: this.#state.checkpoints.at(-1)?.commit ?? null,
          status,
          ...(closing && { closing }),
        });
        this.#effects.push(() => this.#makeCheckpoint());
        return;
      }
      case 'skip-rest':
        return skipRest(this.#fake, command.reason, command.detail);
      case 'roll-back':
        return this.#rollBack(command.to);
      case 'close-wave':
        return this.#record({
          type: 'wave.finished',
          wave: command.wave,
          status: command.status,
        });
      case 'finish':
        return this.#record({ type: 'run.finished', status: command.status });
      case 'pause':
        return this.#record({ type: 'run.waiting', steps: command.steps });
      case 'interrupt':
        return this.#record({ type: 'run.interrupted', signal: command.signal });
    }
  }

  #seal(wave: number): void {
    const oid = oidOf(this.events.length);
    this.#task(`seal:${wave}`, 2_000, () =>
      this.#record({ type: 'wave.sealed', wave, commit: oid, tree: oid, left_out: [] }),
    );
  }

  #makeCheckpoint(): void {
    const open = this.#state.checkpointOpen;
    if (open === undefined) throw new Error('no checkpoint was started');
    this.#task('checkpoint', 3_000, () =>
      this.#record({
        type: 'checkpoint.created',
        wave: open.wave,
        commit: oidOf(this.events.length),
      }),
    );
  }

  #rollBack(to: number): void {
    const target = this.#state.checkpoints.findLast(({ wave }) => wave === to)?.tree;
    if (target === undefined) throw new Error(`there is no checkpoint ${to} to go back to`);
    this.#task('roll-back', 1_000, () => {
      this.#record({
        type: 'rollback.started',
        to,
        target,
        rescue: 'refs/orch/rescue/test/1',
        rescue_commit: oidOf(this.events.length),
        by: 'on_failure',
      });
      this.#effects.push(() =>
        this.#task('roll-back', 1_000, () =>
          this.#record({ type: 'rollback.done', to, restored: target }),
        ),
      );
    });
  }

  // People.

  #mayAnswer(index: number): void {
    const node = this.#state.nodes[index] as PlanNode;
    if (this.chance.once(4)) return;
    this.#later(this.chance.between(0, 100_000), () => this.#answer(node.id));
  }

  #answer(step: string): void {
    const index = this.#state.indexOf.get(step);
    if (index === undefined || stepStateOf(this.#state, index).status !== 'waiting') return;
    const request = this.chance.once(4) ? 'reject' : 'approve';
    this.#record({ type: 'request.received', request, step });
  }

  // Jobs.

  #startStep(node: PlanNode, attempt: number): void {
    this.#record({ type: 'step.started', wave: node.wave, step: node.id, attempt, slot: 0 });
    const key = stepKey(node, attempt);
    this.#effects.push(() => {
      this.#startJob(key, node.step.timeout.totalMs);
      this.#ended.set(key, (job) => this.#stepEnded(node, attempt, job));
    });
  }

  #startJob(key: string, totalMs: number | undefined): void {
    const job: Job = { key };
    this.#jobs.set(key, job);
    const fate = this.chance.between(1, 20);
    const code = fate <= 14 ? 0 : fate <= 18 ? 1 : null;
    const hangs = fate === 20 && totalMs !== undefined;
    if (!hangs)
      this.#later(this.chance.between(1, 60_000), () => this.#endJob(job, code), ANY_SESSION);
    this.#limit(key, totalMs);
  }

  #limit(key: string, totalMs: number | undefined): void {
    if (totalMs !== undefined)
      this.#later(totalMs, () => this.#stop(key, { kind: 'timeout', message: 'took too long' }));
  }

  #endJob(job: Job, code: number | null): void {
    if (job.code !== undefined || this.#jobs.get(job.key) !== job) return;
    job.code = code;
    this.#ended.get(job.key)?.(job);
  }

  /** Asks a living job to end; for one that has ended the request comes too late and stays unanswered. */
  #stop(key: string, failure: Failure): void {
    const job = this.#jobs.get(key);
    if (job === undefined || job.code !== undefined || job.stopped) return;
    job.stopped = failure;
    this.#later(
      this.chance.between(0, 5_000),
      () => this.#endJob(job, this.chance.pick([143, 0])),
      ANY_SESSION,
    );
  }

  #adoptStep(index: number): void {
    const node = this.#state.nodes[index] as PlanNode;
    const attempt = stepStateOf(this.#state, index).attempts.length;
    const key = stepKey(node, attempt);
    this.#adopt(key, (job) => this.#stepEnded(node, attempt, job));
    this.#limit(key, node.step.timeout.totalMs);
  }

  #adoptGate(key: string): void {
    const slash = key.indexOf('/');
    const wave = Number(key.slice(0, slash));
    const name = key.slice(slash + 1);
    const attempt = gateOf(this.#state, wave, name).attempts.length;
    this.#adopt(`gate ${key} ${attempt}`, (job) => this.#gateEnded(wave, name, attempt, job));
  }

  #adopt(key: string, ended: (job: Job) => void): void {
    const job = this.#jobs.get(key) ?? { key, code: null };
    delete job.stopped; // What the last orch asked for is forgotten with it.
    this.#ended.set(key, ended);
    if (job.code !== undefined) this.#later(0, () => ended(job));
  }

  #stepEnded(node: PlanNode, attempt: number, job: Job): void {
    this.#busy.delete(`stop:${node.index}`);
    const outcome = outcomeOf(job);
    const failure = failureOf(outcome);
    const step = stepStateOf(this.#state, node.index);
    const { counted, crashes } = step;
    const delayMs =
      failure === undefined
        ? undefined
        : retryDelayMs(
            node.step.retry,
            { kind: failure.kind, counted, crashes },
            this.chance.next(),
          );
    const outputs = failure || this.chance.once(8) ? {} : { list: this.#randomList() };
    const end = () => {
      const body: StepFinished = {
        type: 'step.finished',
        wave: node.wave,
        step: node.id,
        attempt,
        status: statusOf(failure),
        exit_code: outcome.exitCode,
        duration_s: 1,
        usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
        outputs,
        resources: null,
        ...(failure && { failure }),
        ...(delayMs !== undefined &&
          mayRetry(this.#state, node) && {
            retry_at: new Date(this.#nowMs + delayMs).toISOString(),
          }),
      };
      this.#record(body);
    };
    if (failure === undefined ? this.chance.once(4) : statusOf(failure) === 'failed')
      this.#task(`evidence:${node.index}`, 2_000, end);
    else end();
  }

  #randomList(): string {
    const labels = ['x', 'y', 'z'].filter(() => this.chance.once(2));
    return JSON.stringify(labels);
  }

  #startGate(wave: number, gate: string, attempt: number): void {
    this.#record({ type: 'gate.started', wave, gate, attempt, slot: 0 });
    const key = `gate ${gateKey(wave, gate)} ${attempt}`;
    this.#effects.push(() => {
      this.#startJob(key, undefined);
      this.#ended.set(key, (job) => this.#gateEnded(wave, gate, attempt, job));
    });
  }

  #gateEnded(wave: number, name: string, attempt: number, job: Job): void {
    this.#busy.delete(`stop-gate:${gateKey(wave, name)}`);
    const outcome = outcomeOf(job);
    const failure = failureOf(outcome);
    const { counted, crashes } = gateOf(this.#state, wave, name);
    const gate = waveOf(this.#state, wave).plan?.gates.find((each) => each.name === name);
    const delayMs =
      failure && gate && !this.#state.cancelled
        ? retryDelayMs(gate.retry, { kind: failure.kind, counted, crashes }, this.chance.next())
        : undefined;
    const body: GateFinished = {
      type: 'gate.finished',
      wave,
      gate: name,
      attempt,
      status: statusOf(failure),
      exit_code: outcome.exitCode,
      duration_s: 1,
      ...(failure && { failure }),
      ...(delayMs !== undefined && { retry_at: new Date(this.#nowMs + delayMs).toISOString() }),
    };
    this.#record(body);
  }
}

/** What happens in the world happens whether orch lives or not. */
const ANY_SESSION = null;

function outcomeOf({ code, stopped }: Job): Outcome {
  const lost = code === null || code === undefined;
  return {
    exitCode: code ?? null,
    durationS: 1,
    resources: null,
    ...(stopped && { stopped }),
    lost,
    survivors: 0,
  };
}

function stepKey(node: PlanNode, attempt: number): string {
  return `step ${node.id} ${attempt}`;
}

function isSooner(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function nameOf(command: Command | undefined): string {
  if (command === undefined) return 'nothing';
  const { type } = command;
  if (type === 'skip') return type; // In which order steps are let go makes no difference.
  if ('node' in command) return `${type} ${command.node.id}`;
  if (type === 'wake') return `wake ${command.atMs}`;
  return 'wave' in command ? `${type} ${command.wave}` : type;
}

/** Another one for each moment of a run. */
function oidOf(seq: number): string {
  return seq.toString(16).padStart(40, '0');
}
