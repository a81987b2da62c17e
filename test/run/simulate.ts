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
import { leavePlace, worktreesInUse } from '../../src/engine/places.ts';
import {
  answerApproval,
  askForApproval,
  expandStep,
  failStep,
  skipRest,
} from '../../src/engine/settle-step.ts';
import { targetOf, wavesBuiltOn } from '../../src/engine/take-back.ts';
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
  isIsolated,
  latestCheckpoint,
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
import { conflictFile, VirtualGit } from './virtual-git.ts';

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
  /** By key: asked to stop before their process was there. */
  #stoppedEarly = new Map<string, Failure>();
  readonly #git = new VirtualGit();
  /** Files that any step may change; without some, no two steps conflict. */
  readonly #shared: readonly string[];
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
    this.#laws = this.#newLaws();
    this.#shared = Array.from({ length: this.chance.pick([0, 3, 6, 12]) }, (_, nth) => `f${nth}`);
    // The engine's own functions that only decide on events; they use no more of a run than this.
    const pool = {
      claimed: (_run: string, number: number) => ({ number }),
      release: ({ number }: { number: number }) => this.#git.release(number),
    };
    const fake = {
      record: (body: RunEventBody) => this.#record(body),
      nowMs: () => this.#nowMs,
      afterwards: (effect: () => void) => this.#effects.push(effect),
      parts: { pool, settings: {} },
    };
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

  #newLaws(): Laws {
    return new Laws(this.run.workflow, this.run.plan, (oid) => this.#git.files(oid));
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
      const isCompared = this.chance.once(40);
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
    this.#git.releaseOthers(worktreesInUse(this.#state));
    if (hasFinished(this.#state) && this.#git.claims.size > 0)
      throw new Error(`worktrees ${[...this.#git.claims].join()} are not free`);
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
      this.#laws = this.#newLaws();
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
    const chosen = this.chance.pick(this.#state.checkpoints).wave;
    const checkpoint = latestCheckpoint(this.#state, chosen);
    if (checkpoint === undefined) throw new Error(`there is no checkpoint ${chosen}`);
    const { wave, tree, commit } = checkpoint;
    this.#record({
      type: 'rollback.started',
      to: wave,
      target: tree,
      rescue: 'refs/orch/rescue/test/1',
      rescue_commit: oidOf(this.events.length),
    });
    if (this.chance.once(3)) return; // Killed half-way: the resume finishes it.
    this.#record({ type: 'rollback.done', to: wave, restored: commit, ...this.#resetTip(tree) });
  }

  /** The tip gets the tree of an earlier moment, as new work. */
  #resetTip(tree: string): { tip?: string } {
    const from = this.#state.tip?.commit;
    if (!isIsolated(this.#state) || from === undefined) return {};
    const files = this.#git.files(tree);
    return { tip: this.#git.moveTip(from, files, [from], `back ${this.#nowMs}`) };
  }

  #newSession(): void {
    this.#session += 1;
    this.#busy = new Set();
    this.#ended.clear();
    this.#stoppedEarly.clear();
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
    if (rollbackOpen) {
      const { to, target: restored } = rollbackOpen;
      this.#record({ type: 'rollback.done', to, restored, ...this.#resetTip(restored) });
    }
    const kept_until = standingCheckpoint(this.#state)?.upTo;
    const kept = isIsolated(this.#state) && kept_until !== undefined ? { kept_until } : {};
    for (const wave of wavesToRedo(this.#state))
      this.#record({ type: 'wave.invalidated', wave, ...kept });
    if (hasFinished(this.#state)) return; // Only its rollback was half done.
    this.#git.releaseOthers(worktreesInUse(this.#state));
    if (this.#state.checkpointOpen) this.#makeCheckpoint();
    if (this.#state.mergeOpen) this.#merge();
    for (const index of this.#state.conflicts) this.#adoptResolve(index);
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
        if (stepStateOf(this.#state, command.node.index).conflict)
          return this.#answerConflict(command.node);
        return answerApproval(this.#fake, command.node);
      case 'stop': {
        const { node, failure } = command;
        this.#busy.add(`stop:${node.index}`);
        return this.#stop(this.#jobKey(node), failure);
      }
      case 'merge':
        return this.#startMerge(command.node);
      case 'resolve':
        return this.#startResolve(command.node, command.by);
      case 'take-back':
        return this.#takeBack(command);
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
    if (isIsolated(this.#state)) return this.#sealIsolated(wave);
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
        this.#slowTask('roll-back', 1_000, () => {
          const tip = this.#resetTip(target);
          return () => this.#record({ type: 'rollback.done', to, restored: target, ...tip });
        }),
      );
    });
  }

  /** A task that changes the world at some time before orch takes its fact in. */
  #slowTask(key: string, mostMs: number, work: () => () => void): void {
    this.#busy.add(key);
    this.#later(this.chance.between(0, mostMs), () => {
      const fact = work();
      this.#later(this.chance.between(0, mostMs), () => {
        this.#busy.delete(key);
        fact();
      });
    });
  }

  // Isolated runs, as perform-merge.ts, resolve-conflict.ts and take-back.ts in src/engine do it.

  #sealIsolated(wave: number): void {
    const { tip } = this.#state;
    this.#slowTask(`seal:${wave}`, 1_000, () => {
      if (wave === 0) this.#git.tip = this.#git.commit(new Map([['readme', 'old']]), [], 'wave 0');
      const commit = wave === 0 ? this.#git.tip : tip?.commit;
      if (commit === undefined) throw new Error('wave 0 was never sealed');
      const tree = this.#git.treeOf(commit);
      return () => this.#record({ type: 'wave.sealed', wave, commit, tree, left_out: [] });
    });
  }

  #startMerge(node: PlanNode): void {
    const { attempts, candidate } = stepStateOf(this.#state, node.index);
    const onto = this.#state.tip?.commit;
    if (!candidate || !onto) throw new Error(`${node.id} has nothing to merge`);
    const about = { wave: node.wave, step: node.id, attempt: attempts.length };
    this.#record({ type: 'merge.started', ...about, ...candidate, onto });
    this.#effects.push(() => this.#merge());
  }

  #merge(): void {
    const open = this.#state.mergeOpen;
    if (open === undefined) throw new Error('no merge was started');
    const node = this.#state.nodes[open.node] as PlanNode;
    const { wave, id: step } = node;
    const told = { type: 'merge.finished', wave, step, attempt: open.attempt } as const;
    this.#slowTask('merge', 1_500, () => {
      const { policy, run } = this.run.workflow.conflicts ?? { policy: 'fail' };
      const favor = policy === 'ours' || policy === 'theirs' ? policy : undefined;
      const { files, conflicts } = this.#git.merge(open.base, open.onto, open.commit, favor);
      const found = conflicts.length > 0 ? { files: conflicts.map(conflictFile) } : {};
      if (conflicts.length > 0 && favor === undefined) {
        const isAsked = policy === 'ask' || (policy === 'agent' && run !== undefined);
        const failure: Failure | undefined = isAsked
          ? undefined
          : { kind: 'conflict', message: 'does not merge' };
        const again = failure ? this.#retryOf(node, failure, -1) : {};
        const conflict = { status: 'conflict', ...(failure && { failure }), ...again } as const;
        return () => this.#record({ ...told, ...found, ...conflict });
      }
      const parents = [open.onto, open.commit];
      const commit = this.#git.moveTip(open.onto, files, parents, `merge ${this.#nowMs}`);
      const tree = this.#git.tree(files);
      const settled = conflicts.length > 0 && favor ? { settled: favor } : {};
      return () => this.#record({ ...told, ...found, status: 'merged', commit, tree, ...settled });
    });
  }

  /** @param offset -1 once the attempt was counted */
  #retryOf(node: PlanNode, { kind }: Failure, offset: 0 | -1): { retry_at?: string } {
    const { counted, crashes } = stepStateOf(this.#state, node.index);
    const failed = { kind, counted: counted + offset, crashes };
    const delayMs = retryDelayMs(node.step.retry, failed, this.chance.next());
    if (delayMs === undefined || !mayRetry(this.#state, node)) return {};
    return { retry_at: new Date(this.#nowMs + delayMs).toISOString() };
  }

  #startResolve(node: PlanNode, by: 'command' | 'person'): void {
    const worktree = this.#git.claim();
    this.#task(`resolve:${node.index}`, 3_000, () => {
      const { conflict, attempts } = stepStateOf(this.#state, node.index);
      if (conflict === undefined) throw new Error(`${node.id} has no conflict`);
      if (by === 'command' && this.chance.once(25)) {
        leavePlace(this.#fake, worktree);
        return failStep(this.#fake, node, { kind: 'expression', message: 'no such input' });
      }
      const started = {
        type: 'resolve.started',
        wave: node.wave,
        step: node.id,
        attempt: attempts.length,
        round: conflict.rounds + 1,
        onto: conflict.onto,
        worktree,
      } as const;
      if (by === 'person') {
        this.#record({ ...started, by, message: 'settle it' });
        return this.#mayAnswer(node.index);
      }
      this.#record({ ...started, by, slot: 0 });
      const key = this.#jobKey(node);
      this.#effects.push(() =>
        this.#startJob(key, this.run.workflow.conflicts?.timeout.totalMs, (job) =>
          this.#resolveEnded(node, job),
        ),
      );
    });
  }

  #adoptResolve(index: number): void {
    if (stepStateOf(this.#state, index).conflict?.open?.by !== 'command') return;
    const node = this.#state.nodes[index] as PlanNode;
    this.#adopt(this.#jobKey(node), (job) => this.#resolveEnded(node, job));
    this.#limit(this.#jobKey(node), this.run.workflow.conflicts?.timeout.totalMs);
  }

  #resolveEnded(node: PlanNode, job: Job): void {
    this.#busy.delete(`stop:${node.index}`);
    const outcome = outcomeOf(job);
    this.#settle(node, failureOf(outcome), outcome.exitCode);
  }

  #answerConflict(node: PlanNode): void {
    const isApproved = stepStateOf(this.#state, node.index).answer?.request === 'approve';
    const rejected: Failure = { kind: 'conflict', message: 'rejected' };
    this.#settle(node, isApproved ? undefined : rejected, null);
  }

  #settle(node: PlanNode, told: Failure | undefined, exitCode: number | null): void {
    this.#slowTask(`resolve:${node.index}`, 1_500, () => {
      const { conflict, candidate, attempts } = stepStateOf(this.#state, node.index);
      const worktree = conflict?.open?.worktree;
      if (!conflict || !candidate || worktree === undefined)
        throw new Error(`${node.id} has no open conflict`);
      const unsettled: Failure = { kind: 'conflict', message: 'markers are left' };
      const gone: Failure = { kind: 'crash', message: 'the worktree is gone' };
      const found = this.chance.once(8) ? unsettled : this.chance.once(20) ? gone : undefined;
      const failure = told ?? found;
      const { onto, rounds } = conflict;
      const attempt = attempts.length;
      const { files, conflicts } = this.#git.merge(candidate.base, onto, candidate.commit);
      const settled = new Map(files);
      for (const path of conflicts) settled.set(path, `${markOf(node.id, attempt)}~${rounds}`);
      const commit = this.#git.commit(settled, [onto, candidate.commit], `${this.#nowMs}`);
      return () => {
        this.#busy.delete(`stop:${node.index}`);
        leavePlace(this.#fake, worktree);
        this.#record({
          type: 'resolve.finished',
          wave: node.wave,
          step: node.id,
          attempt,
          round: rounds,
          status: statusOf(failure),
          exit_code: exitCode,
          duration_s: 1,
          ...(failure === gone ? {} : { commit, ref: 'refs/orch/resolved/test' }),
          ...(failure && { failure, ...this.#retryOf(node, failure, -1) }),
        });
      };
    });
  }

  #takeBack({ wave, gate, again }: Extract<Command, { type: 'take-back' }>): void {
    const { tree, upTo } = targetOf(this.#state, wave, again);
    this.#slowTask('take-back', 1_500, () => {
      const { tip } = this.#resetTip(tree);
      return () => {
        for (const index of wavesBuiltOn(this.#state, wave, again)) {
          const kept = { kept_until: upTo, ...(tip !== undefined && { tip }), tree };
          this.#record({ type: 'wave.invalidated', wave: index, ...kept, gate });
        }
        this.#effects.push(() => this.#git.releaseOthers(worktreesInUse(this.#state)));
      };
    });
  }

  /** What the attempt's worktree holds in the end, as a commit; null when nothing was changed. */
  #pin(node: PlanNode, attempt: number, base: string): string | null {
    if (this.chance.once(6)) return null;
    const files = new Map<string, string>(this.#git.files(base));
    const mark = markOf(node.id, attempt);
    files.set(`own/${node.id}`, mark);
    for (const path of this.#shared) {
      if (!this.chance.once(3)) continue;
      if (this.chance.once(5)) files.delete(path);
      else files.set(path, mark);
    }
    return this.#git.commit(files, [base], mark);
  }

  #jobKey(node: PlanNode): string {
    const { attempts, conflict } = stepStateOf(this.#state, node.index);
    const key = stepKey(node, attempts.length);
    return conflict === undefined ? key : `${key} resolve ${conflict.rounds}`;
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
    const { tip } = this.#state;
    this.#record({
      type: 'step.started',
      wave: node.wave,
      step: node.id,
      attempt,
      slot: 0,
      ...(tip && isIsolated(this.#state) && { base: tip.commit, worktree: this.#git.claim() }),
    });
    const launch = () =>
      this.#startJob(stepKey(node, attempt), node.step.timeout.totalMs, (job) =>
        this.#stepEnded(node, attempt, job),
      );
    this.#effects.push(() => this.#prepare(`prepare:${node.index}`, launch));
  }

  /** A worktree is brought to a commit first. */
  #prepare(key: string, launch: () => void): void {
    if (isIsolated(this.#state)) this.#task(key, 2_000, launch);
    else launch();
  }

  #startJob(key: string, totalMs: number | undefined, ended: (job: Job) => void): void {
    const job: Job = { key };
    const stopped = this.#stoppedEarly.get(key);
    if (stopped) return ended({ key, stopped, code: null });
    this.#jobs.set(key, job);
    this.#ended.set(key, ended);
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
    if (job === undefined) this.#stoppedEarly.set(key, failure);
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
    if (isIsolated(this.#state)) return this.#leave(node, attempt, outcome);
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

  /** As end-isolated.ts: whatever it left is pinned, then its worktree is free. */
  #leave(node: PlanNode, attempt: number, outcome: Outcome): void {
    this.#slowTask(`leave:${node.index}`, 1_000, () => {
      const { base, worktree } = stepStateOf(this.#state, node.index).attempts.at(-1) ?? {};
      const gone: Failure = { kind: 'crash', message: 'its worktree is gone' };
      const isGone = base === undefined || (outcome.lost && this.chance.once(2));
      const failure = failureOf(outcome) ?? (isGone ? gone : undefined);
      const commit = isGone ? null : this.#pin(node, attempt, base);
      const outputs = failure || this.chance.once(8) ? {} : { list: this.#randomList() };
      return () => {
        this.#busy.delete(`stop:${node.index}`);
        leavePlace(this.#fake, worktree);
        this.#record({
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
          ref: commit === null ? null : 'refs/orch/attempts/test',
          commit,
          ...(failure && { failure, ...this.#retryOf(node, failure, 0) }),
        });
      };
    });
  }

  #randomList(): string {
    const labels = ['x', 'y', 'z'].filter(() => this.chance.once(2));
    return JSON.stringify(labels);
  }

  #startGate(wave: number, gate: string, attempt: number): void {
    const place = isIsolated(this.#state) ? { worktree: this.#git.claim() } : {};
    this.#record({ type: 'gate.started', wave, gate, attempt, slot: 0, ...place });
    const launch = () =>
      this.#startJob(`gate ${gateKey(wave, gate)} ${attempt}`, undefined, (job) =>
        this.#gateEnded(wave, gate, attempt, job),
      );
    this.#effects.push(() => this.#prepare(`prepare:${wave}/${gate}`, launch));
  }

  #gateEnded(wave: number, name: string, attempt: number, job: Job): void {
    this.#busy.delete(`stop-gate:${gateKey(wave, name)}`);
    const outcome = outcomeOf(job);
    const failure = failureOf(outcome);
    const { counted, crashes, attempts } = gateOf(this.#state, wave, name);
    const worktree = attempts.at(-1)?.worktree;
    leavePlace(this.#fake, worktree);
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

/** What an attempt writes into files. */
function markOf(step: string, attempt: number): string {
  return `${step}#${attempt}`;
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
