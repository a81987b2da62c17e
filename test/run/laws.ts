/**
 * What must never happen in a run, told from its events alone by a second, much simpler reader: it
 * looks at everything every time, keeps no queues and no counts, and knows nothing of the fold.
 */

import { isLeaf } from '../../src/plan/graph.ts';
import type { Plan, PlanNode } from '../../src/plan/plan.ts';
import type {
  CheckpointStarted,
  Failure,
  GateFinished,
  GateStarted,
  MergeFinished,
  ResolveFinished,
  ResolveStarted,
  RunEvent,
  RunResumed,
  StepFinished,
  StepSkipped,
  StepStarted,
  StepWaiting,
  WaveInvalidated,
} from '../../src/run/events.ts';
import { MAX_CRASHES } from '../../src/run/retry.ts';
import type { RunState } from '../../src/run/state.ts';
import { summarise } from '../../src/run/summary.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';
import { MergeLaws } from './merge-laws.ts';
import type { Files } from './virtual-git.ts';

type Status =
  | 'pending'
  | 'running'
  | 'merging'
  | 'waiting'
  | 'passed'
  | 'failed'
  | 'skipped'
  | 'cancelled';

/** A step's, or that of a node that stands for several. */
type Outcome = Status | 'unknown';

interface Step {
  readonly id: string;
  readonly definition: PlanNode;
  status: Status;
  /** Over all lives. */
  attempts: number;
  /** In this life: those that count for `retry`. */
  counted: number;
  /** In this life: those whose process was lost. */
  crashes: number;
  notBeforeMs: number;
  /** When its status became what it is. */
  sinceMs: number;
  /** Until when its last attempt might have stood in the queue. */
  patienceMs: number;
  holdsSlot: boolean;
  skipped?: string;
  /** Number of the event with which it ended. */
  endedSeq: number;
}

interface Wave {
  openedMs: number;
  /** Its checkpoint has been started. */
  behind: boolean;
  status: 'planned' | 'open' | 'sealed' | 'checkpointing' | 'passed' | 'failed' | 'cancelled';
  readonly gates: Map<
    string,
    { status: string; attempts: number; counted: number; failures: number }
  >;
}

/** Or being checkpointed: what follows may begin. */
const CHECKPOINTED: readonly Wave['status'][] = ['checkpointing', 'passed', 'failed'];
const ENDED: readonly Status[] = ['passed', 'failed', 'skipped', 'cancelled'];

export class Laws {
  readonly #workflow: Workflow;
  readonly #plan: Plan;
  readonly #steps = new Map<string, Step>();
  readonly #instances = new Map<number, string[]>();
  readonly #attemptsOf = new Map<string, number>();
  readonly #waves: Wave[];
  #boot = '';
  #nowMs = 0;
  /** While orch is away nobody can be late. */
  #resumedMs = 0;
  #cancelled = false;
  #finished: string | undefined;
  /** The work tree was taken back to this wave, and nothing was done since. */
  #standsAt: number | undefined;
  #open: { readonly wave: number } | undefined;
  #lastCommit: string | null = null;
  readonly #checkpointed = new Set<number>();
  #lastWave = -1;
  /** Of the run, as the newest checkpoint tells it. */
  #lastStatus = 'running';
  #seq = 0;
  readonly #merges: MergeLaws | undefined;

  /** @param filesOf what a commit or a tree holds; asked in isolated runs only */
  constructor(workflow: Workflow, plan: Plan, filesOf: (oid: string) => Files) {
    this.#workflow = workflow;
    this.#plan = plan;
    if (plan.workspace === 'isolated') this.#merges = new MergeLaws(filesOf);
    for (const node of plan.nodes) if (isLeaf(node)) this.#addStep(node.id, node);
    this.#waves = [undefined, ...plan.waves].map((wave, index) => ({
      status: index === 0 ? 'open' : 'planned',
      behind: false,
      openedMs: 0,
      gates: new Map(
        (wave?.gates ?? []).map(({ name }) => [
          name,
          { status: 'pending', attempts: 0, counted: 0, failures: 0 },
        ]),
      ),
    }));
  }

  see(event: RunEvent): void {
    this.#nowMs = Date.parse(event.at);
    this.#seq = event.seq;
    this.#merges?.see(event);
    if (
      this.#finished !== undefined &&
      ![
        'run.resumed',
        'wave.invalidated',
        'rollback.started',
        'rollback.done',
        'run.accepted',
      ].includes(event.type)
    )
      fail(`${event.type} after run.finished`);
    switch (event.type) {
      case 'run.started':
        this.#boot = event.boot;
        return;
      case 'run.resumed':
        return this.#resumed(event);
      case 'request.received':
        if (event.request === 'cancel') this.#cancelled = true;
        return;
      case 'plan.expanded':
        return this.#expanded(
          event.step,
          event.instances.map(({ id }) => id),
        );
      case 'wave.started':
        return this.#waveStarted(event.wave);
      case 'step.started':
      case 'step.waiting':
        return this.#stepStarted(event);
      case 'step.finished':
        return this.#stepFinished(event);
      case 'step.skipped':
        return this.#stepSkipped(event);
      case 'wave.sealed':
        return this.#sealed(event.wave);
      case 'merge.finished':
        return this.#mergeFinished(event);
      case 'resolve.started':
        return this.#resolveStarted(event);
      case 'resolve.finished':
        return this.#resolveFinished(event);
      case 'gate.started':
        return this.#gateStarted(event);
      case 'gate.finished':
        return this.#gateFinished(event);
      case 'checkpoint.started':
        return this.#checkpointStarted(event);
      case 'checkpoint.created':
        if (this.#open?.wave !== event.wave) fail(`checkpoint ${event.wave} was never started`);
        this.#open = undefined;
        this.#lastCommit = event.commit;
        this.#lastWave = event.wave;
        this.#checkpointed.add(event.wave);
        return;
      case 'wave.finished':
        this.#wave(event.wave).status = event.status;
        return;
      case 'wave.invalidated':
        return this.#invalidated(event);
      case 'run.finished':
        return this.#runFinished(event.status);
      case 'run.interrupted':
      case 'run.waiting':
        if (this.#running().length > 0) fail(`${event.type} while a step runs`);
        if (this.#settling() > 0) fail(`${event.type} while a conflict is being settled`);
        if (event.type === 'run.waiting') this.#checkWaiting(event.steps);
        return;
      case 'rollback.started':
        if (event.by === 'on_failure') this.#checkTarget(event.to);
        return;
      case 'rollback.done':
        this.#standsAt = event.to;
        this.#lastWave = Math.max(this.#lastWave, event.to); // It also goes forward again.
        return;
      default:
        return;
    }
  }

  /** The counts of the summary are those of the events. */
  checkEnd(state: RunState): void {
    const counts = { passed: 0, failed: 0, skipped: 0, cancelled: 0 };
    for (const { status } of this.#steps.values()) {
      if (status in counts) counts[status as keyof typeof counts] += 1;
    }
    const { steps } = summarise(state, { branch: 'orch/test', sealedRef: () => '' }, state.atMs);
    if (JSON.stringify(steps) !== JSON.stringify(counts))
      fail(`the summary says ${JSON.stringify(steps)}, the events ${JSON.stringify(counts)}`);
  }

  #addStep(id: string, definition: PlanNode): void {
    const attempts = this.#attemptsOf.get(id) ?? 0;
    const fresh = {
      counted: 0,
      crashes: 0,
      notBeforeMs: 0,
      sinceMs: this.#nowMs,
      patienceMs: 0,
      holdsSlot: false,
      endedSeq: 0,
    };
    this.#steps.set(id, { id, definition, status: 'pending', attempts, ...fresh });
  }

  #step(id: string): Step {
    return this.#steps.get(id) ?? fail(`there is no step ${id}`);
  }

  #wave(index: number): Wave {
    return this.#waves[index] ?? fail(`there is no wave ${index}`);
  }

  #running(): Step[] {
    return [...this.#steps.values()].filter(({ status }) => status === 'running');
  }

  #expanded(id: string, instances: readonly string[]): void {
    const { definition, status } = this.#step(id);
    if (status !== 'pending') fail(`${id} is expanded, and ${status}`);
    this.#checkNeeds(definition);
    this.#steps.delete(id);
    this.#instances.set(definition.index, [...instances]);
    for (const instance of instances) this.#addStep(instance, { ...definition, kind: 'step' });
  }

  // What a step waits for, and how that came out.

  /** Steps that a node stands for. */
  #parts(index: number): Step[] {
    const node = this.#plan.nodes[index] as PlanNode;
    const instances = this.#instances.get(index);
    if (instances) return instances.map((id) => this.#step(id));
    if (isLeaf(node)) return [this.#step(node.id)];
    if (node.kind === 'matrix') {
      return this.#plan.nodes
        .filter(({ matrixNode }) => matrixNode === index)
        .flatMap((part) => this.#parts(part.index));
    }
    return this.#plan.nodes
      .filter(({ parent }) => parent === index)
      .flatMap((part) => this.#parts(part.index));
  }

  /** Steps that must have ended before a node goes on; what stands for nothing ends when its own needs have. */
  #before(node: PlanNode): Step[] {
    return node.needs.flatMap((need) => {
      const parts = this.#parts(need);
      return parts.length > 0 ? parts : this.#before(this.#plan.nodes[need] as PlanNode);
    });
  }

  #parentOf(node: PlanNode): PlanNode | undefined {
    return node.parent === undefined ? undefined : this.#plan.nodes[node.parent];
  }

  #checkNeeds(node: PlanNode): void {
    for (let at: PlanNode | undefined = node; at !== undefined; at = this.#parentOf(at)) {
      for (const { id, status } of this.#before(at)) {
        if (!ENDED.includes(status)) fail(`${node.id} does not wait for ${id}, which is ${status}`);
      }
      if (this.#ruleBroken(at) === true)
        fail(`${node.id} goes on although the rule of ${at.id} is broken`);
    }
  }

  /** Undefined where the events do not tell. */
  #ruleBroken({ step, needs }: PlanNode): boolean | undefined {
    const statuses = needs.map((need) => this.#statusOf(need));
    if (step.triggerRule === 'all_done') return false;
    if (statuses.includes('unknown')) return undefined;
    switch (step.triggerRule) {
      case 'all_success':
        return statuses.some((status) => status !== 'passed');
      case 'none_failed':
        return statuses.some((status) => status !== 'passed' && status !== 'skipped');
      case 'one_success':
        return statuses.length > 0 && !statuses.includes('passed');
    }
  }

  /** For those who need it. */
  #statusOf(index: number): Outcome {
    const node = this.#plan.nodes[index] as PlanNode;
    const status = this.#ownStatusOf(node);
    return status === 'failed' && node.step.continueOnError ? 'passed' : status;
  }

  #ownStatusOf(node: PlanNode): Outcome {
    if (isLeaf(node) && !this.#instances.has(node.index)) return this.#step(node.id).status;
    if (node.kind === 'workflow') return this.#nestedStatus(node);
    const parts = this.#parts(node.index);
    if (parts.length > 0) return worst(parts.map(({ status }) => status));
    return worst(node.needs.map((need) => this.#ownStatusOf(this.#plan.nodes[need] as PlanNode)));
  }

  #nestedStatus(node: PlanNode): Outcome {
    const entered = this.#entryOf(node);
    if (entered !== 'open') return entered;
    const children = this.#plan.nodes.filter(({ parent }) => parent === node.index);
    const status = worst(children.map(({ index }) => this.#statusOf(index)));
    return status === 'skipped' ? 'passed' : status;
  }

  /** Whether the steps of a nested workflow were let in, and as what it counts when they were not. */
  #entryOf(node: PlanNode): 'open' | 'failed' | 'skipped' | 'unknown' {
    const parent = this.#parentOf(node);
    const around = parent ? this.#entryOf(parent) : 'open';
    if (around !== 'open') return around;
    const broken = this.#ruleBroken(node);
    if (broken !== false) return broken ? 'skipped' : 'unknown';
    if (this.#isFailingFast() && !this.#isCleanup(node)) return 'unknown'; // Since when is not told.
    const holds = this.#conditionHolds(node);
    if (holds !== true) return holds === false ? 'skipped' : holds;
    return JSON.stringify(node.step.workflow?.with).includes('no json') ? 'failed' : 'open';
  }

  /** The few conditions that random-run.ts writes. */
  #conditionHolds({ step, parent }: PlanNode): boolean | 'failed' | 'unknown' {
    if (step.when === undefined || step.when === 'true') return true;
    if (step.when === '1 == 2') return false;
    const [, name, word] = /^steps\.(\S+)\.status != '(\w+)'$/.exec(step.when) ?? [];
    const holder = parent === undefined ? '' : `${this.#plan.nodes[parent]?.id}/`;
    const asked = this.#plan.nodes.findLast(({ id }) => id === `${holder}${name}`);
    if (asked === undefined) return 'failed';
    const status = this.#ownStatusOf(asked);
    return status === 'unknown' ? status : status !== word;
  }

  #mayFail({ definition }: Step): boolean {
    for (let at: PlanNode | undefined = definition; at; at = this.#parentOf(at)) {
      if (at.step.continueOnError) return true;
    }
    return false;
  }

  #isCleanup(definition: PlanNode): boolean {
    for (let at: PlanNode | undefined = definition; at; at = this.#parentOf(at)) {
      if (at.step.triggerRule === 'all_done' && at.needs.length > 0) return true;
    }
    return false;
  }

  #gateFailed(): boolean {
    return this.#waves.some(({ gates }) => {
      const all = [...gates.values()];
      const ended = all.every(({ status }) => status !== 'pending' && status !== 'running');
      return ended && all.some(({ status }) => status !== 'passed');
    });
  }

  #stepFailed(): boolean {
    return [...this.#steps.values()].some(
      (step) => step.status === 'failed' && !this.#mayFail(step),
    );
  }

  #isFailingFast(): boolean {
    return this.#gateFailed() || (this.#workflow.failFast && this.#stepFailed());
  }

  // Events.

  #stepStarted(event: StepStarted | StepWaiting): void {
    const step = this.#step(event.step);
    const { definition } = step;
    if (step.status !== 'pending') fail(`${step.id} starts, and is ${step.status}`);
    if (event.attempt !== step.attempts + 1)
      fail(`${step.id} starts attempt ${event.attempt} after ${step.attempts}`);
    step.attempts += 1;
    this.#attemptsOf.set(step.id, step.attempts);
    const holdsSlot = event.type === 'step.started' && event.slot !== undefined;
    step.patienceMs = this.#patienceEndsMs(step);
    step.status = event.type === 'step.waiting' ? 'waiting' : 'running';
    step.sinceMs = this.#nowMs;
    step.holdsSlot = holdsSlot;
    if (this.#wave(event.wave).status !== 'open')
      fail(`${step.id} starts in wave ${event.wave}, which is ${this.#wave(event.wave).status}`);
    if (!holdsSlot && event.type === 'step.started') return; // Fails without having run.
    this.#checkNeeds(definition);
    if (definition.kind === 'dynamic') fail(`${step.id} starts before its matrix is known`);
    if ((definition.step.kind === 'approval') !== (event.type === 'step.waiting'))
      fail(`${step.id} is of kind ${definition.step.kind}`);
    if (this.#isFailingFast() && !this.#isCleanup(definition))
      fail(`${step.id} starts although something failed`);
    if (this.#nowMs < step.notBeforeMs)
      fail(`${step.id} starts ${step.notBeforeMs - this.#nowMs} ms too soon`);
    if (this.#cancelled) fail(`${step.id} starts although the run was cancelled`);
    if (holdsSlot && this.#nowMs > step.patienceMs)
      fail(`${step.id} starts ${this.#nowMs - step.patienceMs} ms too late`);
    if (holdsSlot) this.#checkRoom();
    if (holdsSlot) this.#checkBase(step);
  }

  /** In isolated runs: what an attempt begins on holds the work of all that it needs. */
  #checkBase({ id, definition }: Step): void {
    for (let at: PlanNode | undefined = definition; at; at = this.#parentOf(at))
      for (const need of this.#before(at)) this.#merges?.checkHas(id, need.id);
  }

  /** Commands that settle conflicts. */
  #settling(): number {
    return this.#merges?.settling() ?? 0;
  }

  #end(step: Step, status: Status): void {
    step.status = status;
    step.sinceMs = this.#nowMs;
    step.endedSeq = this.#seq;
  }

  #mergeFinished({ step: id, status, failure, retry_at }: MergeFinished): void {
    const step = this.#step(id);
    if (step.status !== 'merging') fail(`${id} is merged, and is ${step.status}`);
    if (status === 'merged') return this.#end(step, 'passed');
    if (failure) this.#mergeFailed(step, failure, retry_at);
  }

  #resolveStarted({ step: id, by }: ResolveStarted): void {
    const step = this.#step(id);
    if (step.status !== 'merging')
      fail(`the conflict of ${id} is settled, which is ${step.status}`);
    if (this.#cancelled && by === 'person') fail('a person is asked though the run was cancelled');
    if (by === 'person') step.status = 'waiting';
    else this.#checkRoom();
  }

  #resolveFinished({ step: id, status, failure, retry_at }: ResolveFinished): void {
    const step = this.#step(id);
    if (step.status !== 'merging' && step.status !== 'waiting')
      fail(`the conflict of ${id} is settled, which is ${step.status}`);
    step.status = 'merging';
    if (status === 'passed' || failure?.kind === 'interrupted') return;
    this.#mergeFailed(step, failure ?? fail(`nothing tells why ${id} failed`), retry_at);
  }

  #mergeFailed(step: Step, { kind }: Failure, retryAt: string | undefined): void {
    const { maxAttempts } = step.definition.step.retry;
    if (kind === 'crash') {
      step.crashes += 1;
      step.counted -= 1;
    }
    const mayGoOn = kind === 'crash' ? step.crashes < MAX_CRASHES : step.counted < maxAttempts;
    if (retryAt !== undefined && !mayGoOn) fail(`${step.id} is tried again after its last attempt`);
    const isFree = !this.#isFailingFast() || this.#isCleanup(step.definition);
    if (kind === 'conflict' && mayGoOn && !this.#cancelled && isFree && retryAt === undefined)
      fail(`${step.id} is not tried again after a conflict`);
    if (retryAt === undefined) return this.#end(step, kind === 'cancelled' ? kind : 'failed');
    step.status = 'pending';
    step.sinceMs = this.#nowMs;
    step.notBeforeMs = Date.parse(retryAt);
  }

  /** Until when it may stand in the queue. */
  #patienceEndsMs(step: Step): number {
    const { queueMs } = step.definition.step.timeout;
    if (queueMs === undefined) return Number.POSITIVE_INFINITY;
    const { openedMs } = this.#wave(step.definition.wave);
    let readyMs = Math.max(openedMs, this.#resumedMs, step.sinceMs, step.notBeforeMs);
    for (let at: PlanNode | undefined = step.definition; at; at = this.#parentOf(at)) {
      for (const { sinceMs } of this.#before(at)) readyMs = Math.max(readyMs, sinceMs);
    }
    return readyMs + queueMs;
  }

  #checkRoom(): void {
    const running = this.#running().filter(({ holdsSlot }) => holdsSlot);
    const gates = this.#waves.flatMap((wave) => [...wave.gates.values()]);
    const gating = gates.filter(({ status }) => status === 'running').length;
    const slots = running.length + gating + this.#settling();
    if (slots > this.#plan.concurrency) fail(`${slots} at once of ${this.#plan.concurrency}`);
    for (const [pool, size] of Object.entries(this.#workflow.pools)) {
      const used = running.reduce(
        (sum, { definition }) => sum + (definition.step.uses[pool] ?? 0),
        0,
      );
      if (used > size) fail(`${used} units of pool ${pool}, which has ${size}`);
    }
  }

  #stepFinished(event: StepFinished): void {
    const step = this.#step(event.step);
    if (step.status !== 'running' && step.status !== 'waiting')
      fail(`${step.id} ends, and is ${step.status}`);
    if (event.attempt !== step.attempts) fail(`${step.id} ends attempt ${event.attempt}`);
    const kind = event.failure?.kind;
    const hasQueued = kind === 'timeout' && step.status === 'running' && !step.holdsSlot;
    if (hasQueued && this.#nowMs < step.patienceMs) fail(`${step.id} had patience left`);
    if (kind === 'crash') step.crashes += 1;
    else if (kind !== 'interrupted') step.counted += 1;
    if (event.retry_at !== undefined && kind === 'crash' && step.crashes >= MAX_CRASHES)
      fail(`${step.id} was lost ${step.crashes} times and is tried again`);
    const { maxAttempts } = step.definition.step.retry;
    if (step.counted > maxAttempts) fail(`${step.id} has had ${step.counted} of ${maxAttempts}`);
    const again = event.retry_at !== undefined || kind === 'interrupted';
    const isDue = kind === 'exit' && step.counted < maxAttempts && !this.#cancelled;
    if (isDue && !again && (!this.#isFailingFast() || this.#isCleanup(step.definition)))
      fail(`${step.id} is not tried again after ${step.counted} of ${maxAttempts}`);
    const isMerged = this.#merges && event.status === 'passed' && event.commit;
    this.#end(step, again ? 'pending' : isMerged ? 'merging' : event.status);
    step.notBeforeMs = event.retry_at === undefined ? 0 : Date.parse(event.retry_at);
    if (event.retry_at !== undefined && step.counted >= maxAttempts && kind !== 'crash')
      fail(`${step.id} is to be tried again after its last attempt`);
  }

  #stepSkipped(event: StepSkipped): void {
    const step = this.#step(event.step);
    if (step.status !== 'pending') fail(`${step.id} is skipped, and is ${step.status}`);
    this.#end(step, 'skipped');
    step.skipped = event.reason;
    const { definition } = step;
    const isOver = this.#cancelled || this.#isFailingFast();
    switch (event.reason) {
      case 'needs':
        if (this.#ruleBroken(definition) === false)
          fail(`${step.id} is skipped, and its rule holds`);
        return;
      case 'when':
        if (definition.step.when === undefined) fail(`${step.id} has no condition`);
        return;
      case 'empty_matrix':
        if (definition.kind !== 'dynamic') fail(`${step.id} is no matrix`);
        return;
      case 'parent':
        if (definition.parent === undefined) fail(`${step.id} lies in nothing`);
        return;
      case 'gate':
        if (!this.#gateFailed()) fail(`${step.id} is skipped (gate), and no gate failed`);
        return;
      case 'fail_fast':
        if (this.#gateFailed()) fail(`${step.id} is skipped (fail_fast), and a gate failed`);
        if (!isOver) fail(`${step.id} is skipped (fail_fast), and the run goes on`);
        return;
      case 'cancelled':
        if (!isOver) fail(`${step.id} is skipped (${event.reason}), and the run goes on`);
        return;
    }
  }

  #waveStarted(index: number): void {
    if (this.#wave(index).status !== 'planned')
      fail(`wave ${index} is ${this.#wave(index).status}`);
    const before = this.#wave(index - 1);
    const mayFollow = this.#merges ? before.status !== 'planned' : false;
    if (!mayFollow && !CHECKPOINTED.includes(before.status))
      fail(`wave ${index} starts while the one before is ${before.status}`);
    for (const [name, { status }] of before.gates) {
      if (status !== 'passed' && !mayFollow && !this.#isFailingFast())
        fail(`wave ${index} starts while the gate ${name} is ${status}`);
    }
    this.#wave(index).status = 'open';
    this.#wave(index).openedMs = this.#nowMs;
    this.#standsAt = undefined;
  }

  #sealed(index: number): void {
    if (this.#wave(index).status !== 'open') fail(`wave ${index} is sealed twice`);
    for (const { id, status, definition } of this.#steps.values()) {
      if (definition.wave === index && !ENDED.includes(status))
        fail(`wave ${index} is sealed while ${id} is ${status}`);
    }
    this.#wave(index).status = 'sealed';
  }

  #gateStarted({ wave, gate: name, attempt }: GateStarted): void {
    const gate = this.#wave(wave).gates.get(name) ?? fail(`wave ${wave} has no gate ${name}`);
    if (this.#wave(wave).status !== 'sealed') fail(`a gate starts in wave ${wave}, not sealed`);
    if (gate.status !== 'pending') fail(`the gate ${name} starts, and is ${gate.status}`);
    if (attempt !== gate.attempts + 1) fail(`the gate ${name} starts attempt ${attempt}`);
    gate.attempts += 1;
    gate.status = 'running';
    this.#checkRoom();
  }

  #gateFinished({ wave, gate: name, status, failure, retry_at }: GateFinished): void {
    const gate = this.#wave(wave).gates.get(name) ?? fail(`wave ${wave} has no gate ${name}`);
    if (gate.status !== 'running') fail(`the gate ${name} ends, and is ${gate.status}`);
    if (failure?.kind !== 'crash' && failure?.kind !== 'interrupted') gate.counted += 1;
    gate.status = retry_at !== undefined || failure?.kind === 'interrupted' ? 'pending' : status;
    const most = this.#workflow.gates.find((each) => each.name === name)?.retry.maxAttempts ?? 0;
    if (status === 'failed' && failure?.kind !== 'crash') gate.failures += 1;
    // A gate that passed looks again when the wave was done again because of the one beside it.
    if ((this.#merges ? gate.failures : gate.counted) > most)
      fail(`the gate ${name} was tried too often`);
    const isDue = failure?.kind === 'exit' && gate.counted < most && !this.#cancelled;
    if (isDue && retry_at === undefined) fail(`the gate ${name} is not tried again`);
  }

  #checkpointStarted({ wave: index, parent, status, closing }: CheckpointStarted): void {
    const wave = this.#wave(index);
    if (this.#open) fail('two checkpoints at once');
    if (parent !== this.#lastCommit) fail(`checkpoint ${index} leaves the chain`);
    this.#lastStatus = status;
    if (closing) {
      if (!this.#checkpointed.has(index)) fail(`the end is recorded on wave ${index}`);
      for (const step of this.#steps.values())
        if (!ENDED.includes(step.status))
          fail(`the end is recorded while ${step.id} is ${step.status}`);
      this.#open = { wave: index };
      return;
    }
    if (wave.status !== 'sealed') fail(`wave ${index} is checkpointed, and is ${wave.status}`);
    if (index > this.#lastWave + 1) fail(`checkpoint ${index} after ${this.#lastWave}`);
    wave.status = 'checkpointing';
    wave.behind = true;
    this.#open = { wave: index };
  }

  #runFinished(status: string): void {
    this.#finished = status;
    this.#merges?.checkEnd();
    for (const step of this.#steps.values()) {
      if (!ENDED.includes(step.status)) fail(`the run ends while ${step.id} is ${step.status}`);
    }
    const isFailed = this.#stepFailed() || this.#gateFailed();
    const wanted = this.#cancelled ? 'cancelled' : isFailed ? 'failed' : 'passed';
    if (status !== wanted) fail(`the run ends as ${status}, and is ${wanted}`);
    const undone = this.#waves.slice(1).some((wave) => wave.status !== 'passed');
    if (status === 'passed' && undone) fail('the run passes before all waves have');
    const isRecorded = this.#lastCommit === null || this.#lastStatus === status;
    if (!isRecorded) fail(`the run ends as ${status}, and git says ${this.#lastStatus}`);
  }

  /** After a failure nobody waits for a person but what cleans up. */
  #checkWaiting(ids: readonly string[]): void {
    for (const id of ids) {
      const { status, definition } = this.#step(id);
      if (status !== 'waiting') fail(`the run waits for ${id}, which is ${status}`);
      if (this.#isFailingFast() && !this.#isCleanup(definition))
        fail(`the run waits for ${id}, though something failed`);
    }
  }

  /** The last wave before anything failed. */
  #checkTarget(target: number): void {
    const isGood = (index: number) => {
      const { behind, gates } = this.#wave(index);
      const parts = [...this.#steps.values()].filter(({ definition }) => definition.wave === index);
      const stepFailed = parts.some((step) => step.status === 'failed' && !this.#mayFail(step));
      const gateFailed = [...gates.values()].some(({ status }) => status === 'failed');
      return behind && !stepFailed && !gateFailed;
    };
    const first = this.#waves.findIndex((_, index) => !isGood(index));
    if (target !== Math.max(0, first - 1)) fail(`back to ${target}, and ${first} is not good`);
  }

  // Steps that are to be done again.

  #resumed({ boot, retry_failed }: RunResumed): void {
    const rebooted = boot !== this.#boot;
    this.#boot = boot;
    this.#resumedMs = this.#nowMs;

    if (rebooted && !this.#merges) this.#lose(retry_failed);
    for (const step of retry_failed ? this.#steps.values() : []) {
      const chose = step.skipped === 'when' || step.skipped === 'empty_matrix';
      if (!ENDED.includes(step.status) || step.status === 'passed' || chose) continue;
      this.#setBack(step);
      this.#reopenFrom(step.definition.wave);
    }
    if (retry_failed) {
      this.#cancelled = false;
      this.#finished = undefined;
      const failed = this.#waves.findIndex(
        ({ status }) => status === 'failed' || status === 'cancelled',
      );
      if (failed !== -1) this.#reopenFrom(failed);
      const undone = this.#waves.findIndex(({ behind }) => !behind);
      if (undone !== -1) this.#lastWave = Math.min(this.#lastWave, undone - 1);
    }
    if (rebooted || retry_failed) this.#contract();
  }

  /** What a wave without a checkpoint wrote may be gone, and all of it is done again. */
  #lose(isRetried: boolean): void {
    const index = this.#waves.findIndex(({ behind }) => !behind);
    const { status } = this.#waves[index] ?? { status: 'planned' };
    const isClosed = status === 'failed' || status === 'cancelled';
    if (status === 'planned' || (isClosed && !isRetried)) return;
    for (const step of this.#steps.values()) {
      if (step.definition.wave === index && ENDED.includes(step.status)) this.#setBack(step);
    }
    if (status !== 'open') this.#reopen(index, 'open');
  }

  #reopen(index: number, status: 'open' | 'planned', isFresh = true): void {
    const wave = this.#wave(index);
    wave.status = status;
    wave.behind = false;
    const fresh = isFresh ? { counted: 0, failures: 0 } : {};
    for (const gate of wave.gates.values()) Object.assign(gate, { status: 'pending', ...fresh });
  }

  /** All waves from the first that changes are done again; where work is left, the first is open at once. */
  #reopenFrom(index: number): void {
    for (let at = index; at < this.#waves.length; at++) {
      if (this.#wave(at).status !== 'planned') this.#reopen(at, at === index ? 'open' : 'planned');
    }
    this.#lastWave = Math.min(this.#lastWave, index - 1);
  }

  #invalidated({ wave: index, kept_until, gate }: WaveInvalidated): void {
    const isLate = (at: number) => this.#standsAt === undefined || at > this.#standsAt;
    if (
      gate === undefined &&
      !(this.#standsAt !== undefined && (isLate(index) || !this.#wave(index).behind))
    )
      fail(`wave ${index} is done again, and its work stands`);
    if (gate !== undefined && this.#wave(index).behind)
      fail(`wave ${index} is taken back, and has a checkpoint`);
    for (const step of this.#steps.values()) {
      const { definition, status, endedSeq } = step;
      if (definition.wave !== index) continue;
      const isAnswered = definition.step.kind === 'approval' && status === 'passed';
      const isKept = ENDED.includes(status) && kept_until !== undefined && endedSeq <= kept_until;
      if (isKept || (gate !== undefined && isAnswered)) continue;
      this.#merges?.takeBack(step.id);
      this.#setBack(step);
    }
    this.#reopen(index, 'planned', gate === undefined);
    this.#lastWave = Math.min(this.#lastWave, index - 1);
    if (gate === undefined) {
      this.#cancelled = false;
      this.#finished = undefined;
    }
    this.#contract();
  }

  #setBack(step: Step): void {
    const anew = { status: 'pending', counted: 0, crashes: 0, notBeforeMs: 0 };
    Object.assign(step, { ...anew, sinceMs: this.#nowMs });
    delete step.skipped;
  }

  #contract(): void {
    for (const [index, ids] of [...this.#instances]) {
      if (!ids.every((id) => this.#step(id).status === 'pending')) continue;
      this.#instances.delete(index);
      for (const id of ids) this.#steps.delete(id);
      const node = this.#plan.nodes[index] as PlanNode;
      this.#addStep(node.id, node);
    }
  }
}

function worst(statuses: readonly Outcome[]): Outcome {
  if (statuses.includes('unknown')) return 'unknown';
  if (statuses.includes('failed')) return 'failed';
  if (statuses.includes('cancelled')) return 'cancelled';
  return statuses.length > 0 && statuses.every((status) => status === 'skipped')
    ? 'skipped'
    : 'passed';
}

function fail(message: string): never {
  throw new Error(message);
}
