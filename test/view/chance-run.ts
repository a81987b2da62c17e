/**
 * A run whose course chance decides: decide() and the fold as they are, around them the smallest
 * engine that answers every command at once, and work that passes, fails, is tried again, waits for a
 * person, is stopped by a signal and gone on with. For tests of what views make of a journal; what
 * must hold for the run itself is not asked here.
 */
import fc from 'fast-check';
import { isLeaf } from '../../src/plan/graph.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan, PlanNode } from '../../src/plan/plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState } from '../../src/run/create-state.ts';
import { type Command, decide, hasFinished } from '../../src/run/decide.ts';
import type { Failure, RunEvent, RunEventBody, StepFinished } from '../../src/run/events.ts';
import { hasEnded, type RunState } from '../../src/run/state.ts';
import { statusOf } from '../../src/run/verdict.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, stepOf, workflowOf } from '../plan/builders.ts';

export interface ChanceRun {
  readonly workflow: Workflow;
  readonly plan: Plan;
  readonly events: readonly RunEvent[];
}

/** The run before its first event. */
export function freshState({ workflow, plan }: Pick<ChanceRun, 'workflow' | 'plan'>): RunState {
  return createState({ run: 'test-261121-k3f9', workflow, plan, inputs: {} });
}

interface StepDraw {
  readonly needs: readonly number[];
  readonly estimateMs: number;
  readonly maxAttempts: number;
  readonly kind: 'plain' | 'plain' | 'matrix' | 'late matrix' | 'approval';
  readonly triggerRule: Step['triggerRule'];
  readonly isSkipped: boolean;
  readonly continueOnError: boolean;
}

const stepDraw: fc.Arbitrary<StepDraw> = fc.record({
  needs: fc.array(fc.nat(20), { maxLength: 3 }),
  estimateMs: fc.constantFrom(0, 1_000, 10_000, 45_000),
  maxAttempts: fc.constantFrom(1, 1, 3),
  kind: fc.constantFrom('plain', 'plain', 'matrix', 'late matrix', 'approval'),
  triggerRule: fc.constantFrom('all_success', 'all_success', 'none_failed', 'all_done'),
  isSkipped: fc.constantFrom(false, false, false, true),
  continueOnError: fc.boolean(),
});

/** Runs to their end, or to where nobody goes on with them any more. */
export const chanceRuns: fc.Arbitrary<ChanceRun> = fc
  .record({
    draws: fc.array(stepDraw, { minLength: 1, maxLength: 14 }),
    failFast: fc.boolean(),
    gates: fc.nat(2),
    concurrency: fc.integer({ min: 1, max: 4 }),
    max: fc.integer({ min: 1, max: 5 }),
    choices: fc.array(fc.nat(999), { minLength: 40, maxLength: 40 }),
  })
  .map(({ draws, failFast, gates, concurrency, max, choices }) => {
    const workflow = workflowOf({
      steps: draws.map(stepFrom),
      failFast,
      gates: Array.from({ length: gates }, (_, nth) => gateOf(`g${nth}`)),
      waves: { auto: true, max, minSteps: 1 },
    });
    const plan = makePlan(workflow, { concurrency, strategies: {} });
    return { workflow, plan, events: new Course(workflow, plan, choices).run() };
  });

function stepFrom(draw: StepDraw, place: number): Step {
  const { estimateMs, triggerRule, continueOnError } = draw;
  // Only what stands before: no circle can arise.
  const needs = [...new Set(draw.needs.filter((need) => need < place))].map((need) => `s${need}`);
  return stepOf(`s${place}`, {
    needs,
    estimateMs,
    triggerRule,
    continueOnError,
    retry: { maxAttempts: draw.maxAttempts, backoffMs: 1_000, maxBackoffMs: 60_000 },
    ...(draw.isSkipped && { when: '1 == 2' }),
    ...(draw.kind === 'matrix' && { matrix: matrixOf('a', 'b', 'c') }),
    ...(draw.kind === 'late matrix' && { matrix: { kind: 'dynamic', expression: 'late' } }),
    ...(draw.kind === 'approval' && { kind: 'approval', approval: { message: 'go?' } }),
  });
}

const MAX_EVENTS = 5_000;

class Course {
  readonly #state: RunState;
  readonly #events: RunEvent[] = [];
  readonly #choices: readonly number[];
  #chosen = 0;
  #nowMs = Date.UTC(2026, 0, 1);
  #interrupt: string | undefined;
  #interruptionsLeft = 2;
  #retriesLeft = 1;

  constructor(workflow: Workflow, plan: Plan, choices: readonly number[]) {
    this.#state = freshState({ workflow, plan });
    this.#choices = choices;
  }

  run(): RunEvent[] {
    this.#record({ type: 'run.started', run: 't', workflow: 't', base: null, epoch: 1, boot: 'b' });
    for (;;) {
      const command = this.#decide();
      if (command !== undefined && command.type !== 'wake') this.#perform(command);
      else if (!this.#somethingEnds()) {
        if (command === undefined) throw new Error('nothing is under way, and the run is not over');
        this.#nowMs = Math.max(this.#nowMs, command.atMs);
      }
      if (this.#state.status !== 'running' && !this.#goesOn()) return this.#events;
    }
  }

  /** One of `count`, the same for the same choices. */
  #choose(count: number): number {
    const choice = this.#choices[this.#chosen++ % this.#choices.length] ?? 0;
    return (choice + this.#chosen * 7) % count;
  }

  #decide(): Command | undefined {
    const interrupt = this.#interrupt === undefined ? {} : { interrupt: this.#interrupt };
    return decide(this.#state, { nowMs: this.#nowMs, busy: new Set(), ...interrupt });
  }

  #record(body: RunEventBody): void {
    if (this.#events.length >= MAX_EVENTS) throw new Error('the run does not come to an end');
    const seq = this.#events.length + 1;
    const event: RunEvent = { v: 1, seq, at: new Date(this.#nowMs).toISOString(), ...body };
    applyEvent(this.#state, event);
    this.#events.push(event);
  }

  #goesOn(): boolean {
    const { status } = this.#state;
    const isOver = hasFinished(this.#state);
    if (isOver && (status === 'passed' || this.#retriesLeft-- <= 0)) return false;
    if (status === 'waiting') {
      for (const index of this.#state.waiting) {
        const step = this.#state.nodes[index]?.id ?? '';
        const request = this.#choose(4) === 0 ? 'reject' : 'approve';
        this.#record({ type: 'request.received', request, step });
      }
    }
    this.#interrupt = undefined;
    this.#nowMs += 1_000;
    const epoch = this.#state.epoch + 1;
    this.#record({ type: 'run.resumed', epoch, boot: 'b', retry_failed: isOver });
    return true;
  }

  /** Time passes, and one of the things under way ends; false when there is none. */
  #somethingEnds(): boolean {
    this.#nowMs += [0, 10, 700, 20_000][this.#choose(4)] ?? 0;
    if (this.#interruptionsLeft > 0 && this.#choose(17) === 0) {
      this.#interruptionsLeft -= 1;
      this.#interrupt = 'SIGINT';
      return true;
    }
    const steps = [...this.#state.running];
    const gates = [...this.#state.runningGates];
    if (steps.length + gates.length === 0) return false;
    const choice = this.#choose(steps.length + gates.length);
    const index = steps[choice];
    const failure = this.#choose(5) > 0 ? undefined : BROKEN;
    if (index === undefined) this.#endGate(gates[choice - steps.length] ?? '', failure);
    else this.#endStep(this.#state.nodes[index] as PlanNode, failure);
    return true;
  }

  #endStep(node: PlanNode, failure: Failure | undefined): void {
    const step = this.#state.steps[node.index];
    const again =
      failure?.kind === 'exit' && (step?.counted ?? 0) + 1 < node.step.retry.maxAttempts;
    this.#record({
      ...endOf(node, step?.attempts.length ?? 1),
      status: statusOf(failure),
      ...(failure && { failure }),
      ...(again && { retry_at: new Date(this.#nowMs + 500).toISOString() }),
    });
  }

  #endGate(key: string, failure: Failure | undefined): void {
    const wave = Number(key.slice(0, key.indexOf('/')));
    const gate = key.slice(key.indexOf('/') + 1);
    const attempts = this.#state.waves[wave]?.gates.find(({ name }) => name === gate)?.attempts;
    this.#record({
      type: 'gate.finished',
      wave,
      gate,
      attempt: attempts?.length ?? 1,
      status: statusOf(failure),
      exit_code: failure ? 1 : 0,
      duration_s: 1,
      ...(failure && { failure }),
    });
  }

  #perform(command: Exclude<Command, { type: 'wake' }>): void {
    switch (command.type) {
      case 'open-wave':
        return this.#record({ type: 'wave.started', wave: command.wave, steps: [] });
      case 'start':
        return this.#start(command.node, command.attempt);
      case 'skip': {
        const { node, reason, detail } = command;
        return this.#record({ type: 'step.skipped', ...placeOf(node), reason, detail });
      }
      case 'fail':
        if (this.#state.steps[command.node.index]?.status !== 'waiting') {
          const { attempts = [] } = this.#state.steps[command.node.index] ?? {};
          this.#start(command.node, attempts.length + 1);
        }
        return this.#endStep(command.node, command.failure);
      case 'expand':
        return this.#expand(command.node);
      case 'ask': {
        const { attempts = [] } = this.#state.steps[command.node.index] ?? {};
        const attempt = attempts.length + 1;
        const place = placeOf(command.node);
        return this.#record({
          type: 'step.waiting',
          ...place,
          attempt,
          reason: 'approval',
          message: 'go?',
        });
      }
      case 'answer': {
        const { answer } = this.#state.steps[command.node.index] ?? {};
        return this.#endStep(
          command.node,
          answer?.request === 'reject' ? { kind: 'rejected', message: 'no' } : undefined,
        );
      }
      case 'stop':
        return this.#endStep(command.node, command.failure);
      case 'stop-gate':
        return this.#endGate(`${command.wave}/${command.gate}`, command.failure);
      case 'seal': {
        const oid = `t${command.wave}`;
        const { wave } = command;
        return this.#record({ type: 'wave.sealed', wave, commit: oid, tree: oid, left_out: [] });
      }
      case 'gate': {
        const attempt = command.gate.attempts.length + 1;
        const { wave, gate } = command;
        return this.#record({ type: 'gate.started', wave, gate: gate.name, attempt });
      }
      case 'checkpoint': {
        const { wave, status } = command;
        const closing = command.closing && { closing: command.closing };
        const tree = `t${wave}`;
        this.#record({ type: 'checkpoint.started', wave, tree, parent: 'c0', status, ...closing });
        return this.#record({ type: 'checkpoint.created', wave, commit: `c${wave}` });
      }
      case 'skip-rest':
        return this.#skipRest(command.detail);
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
      case 'roll-back':
        throw new Error('no run here asks for on_failure: rollback');
    }
  }

  #start(node: PlanNode, attempt: number): void {
    this.#record({ type: 'step.started', ...placeOf(node), attempt, slot: 0 });
  }

  #expand(node: PlanNode): void {
    const labels = ['x', 'y', 'z'].slice(0, this.#choose(4));
    if (labels.length === 0) {
      const detail = 'late';
      const reason = 'empty_matrix';
      return this.#record({ type: 'step.skipped', ...placeOf(node), reason, detail });
    }
    const instances = labels.map((x) => ({ id: `${node.id}(${x})`, values: { x } }));
    this.#record({ type: 'plan.expanded', step: node.id, instances });
  }

  #skipRest(detail: string): void {
    for (const node of [...this.#state.nodes]) {
      const status = this.#state.steps[node.index]?.status ?? 'pending';
      if (!isLeaf(node) || hasEnded(status)) continue;
      if (status === 'waiting') this.#endStep(node, { kind: 'cancelled', message: detail });
      else this.#record({ type: 'step.skipped', ...placeOf(node), reason: 'fail_fast', detail });
    }
  }
}

const BROKEN: Failure = { kind: 'exit', message: 'exit code 1' };

function placeOf(node: PlanNode): { wave: number; step: string } {
  return { wave: node.wave, step: node.id };
}

function endOf(node: PlanNode, attempt: number): StepFinished {
  return {
    type: 'step.finished',
    ...placeOf(node),
    attempt,
    status: 'passed',
    exit_code: 0,
    duration_s: 1,
    usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
    outputs: {},
    resources: null,
  };
}
