/** A run whose events are written by hand, in order, for tests of one situation each. */
import { makePlan, type PlanOptions } from '../../src/plan/make-plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState } from '../../src/run/create-state.ts';
import { type Command, decide, type Situation } from '../../src/run/decide.ts';
import type { FailureKind, RunEvent, RunEventBody, StepFinished } from '../../src/run/events.ts';
import { nodeOf, type RunState, stepStateOf } from '../../src/run/state.ts';
import type { JsonValue, Workflow } from '../../src/workflow/workflow.ts';

export const START_MS = Date.UTC(2026, 0, 1);

export class HandRun {
  readonly state: RunState;
  readonly events: RunEvent[] = [];
  nowMs = START_MS;

  constructor(
    workflow: Workflow,
    options: Partial<PlanOptions> = {},
    inputs: Readonly<Record<string, JsonValue>> = {},
    agents: RunState['agents'] = {},
  ) {
    const plan = makePlan(workflow, { concurrency: 4, strategies: {}, ...options });
    this.state = createState({ run: 'r', workflow, plan, inputs, agents });
    this.record({ type: 'run.started', run: 'r', workflow: 'w', base: null, epoch: 1, boot: 'b' });
    this.seal(0);
    this.checkpoint(0);
    this.record({ type: 'wave.started', wave: 1, steps: [] });
  }

  record(body: RunEventBody): void {
    const stamp = { v: 1, seq: this.events.length + 1, at: new Date(this.nowMs).toISOString() };
    const event = { ...stamp, ...body } as RunEvent;
    applyEvent(this.state, event);
    this.events.push(event);
  }

  decide(situation: Partial<Situation> = {}): Command | undefined {
    return decide(this.state, { nowMs: this.nowMs, busy: new Set(), ...situation });
  }

  /** The command in a few words: `start a`, `skip b (needs)`, `wake 5000` (ms from the start). */
  next(situation: Partial<Situation> = {}): string {
    const command = this.decide(situation);
    if (command === undefined) return 'nothing';
    if (command.type === 'wake') return `wake ${command.atMs - START_MS}`;
    if (command.type === 'skip') return `skip ${command.node.id} (${command.reason})`;
    if (command.type === 'fail') return `fail ${command.node.id} (${command.failure.kind})`;
    if ('node' in command) return `${command.type} ${command.node.id}`;
    return 'wave' in command ? `${command.type} ${command.wave}` : command.type;
  }

  start(step: string): void {
    this.record({ type: 'step.started', ...this.#attempt(step, 1), slot: 0 });
  }

  wait(step: string, untilMs?: number): void {
    const until = untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() };
    const message = 'go?';
    this.record({
      type: 'step.waiting',
      ...this.#attempt(step, 1),
      reason: 'approval',
      message,
      ...until,
    });
  }

  pass(
    step: string,
    outputs: Readonly<Record<string, string>> = {},
    more: Partial<StepFinished> = {},
  ): void {
    this.record({ ...this.#end(step), status: 'passed', outputs, ...more });
  }

  fail(
    step: string,
    kind: FailureKind = 'exit',
    retryInMs?: number,
    more: Partial<StepFinished> = {},
  ): void {
    const retry =
      retryInMs === undefined ? {} : { retry_at: new Date(this.nowMs + retryInMs).toISOString() };
    const isCancelled = kind === 'cancelled' || kind === 'interrupted';
    const status = isCancelled ? 'cancelled' : 'failed';
    this.record({ ...this.#end(step), status, failure: { kind, message: 'x' }, ...retry, ...more });
  }

  skip(step: string): void {
    const { wave, id } = nodeOf(this.state, step);
    this.record({ type: 'step.skipped', wave, step: id, reason: 'needs', detail: '' });
  }

  seal(wave: number): void {
    this.record({ type: 'wave.sealed', wave, commit: `s${wave}`, tree: `t${wave}`, left_out: [] });
  }

  checkpoint(wave: number): void {
    const parent = this.state.checkpoints.at(-1)?.commit ?? null;
    this.record({ type: 'checkpoint.started', wave, tree: `t${wave}`, parent, status: 'running' });
    this.record({ type: 'checkpoint.created', wave, commit: `c${this.events.length}` });
    if (wave > 0) this.record({ type: 'wave.finished', wave, status: 'passed' });
  }

  #attempt(step: string, next: 0 | 1) {
    const { wave, id, index } = nodeOf(this.state, step);
    return { wave, step: id, attempt: stepStateOf(this.state, index).attempts.length + next };
  }

  #end(step: string) {
    return {
      type: 'step.finished',
      ...this.#attempt(step, 0),
      exit_code: null,
      duration_s: 0,
      usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
      outputs: {},
      resources: null,
    } as const;
  }
}
