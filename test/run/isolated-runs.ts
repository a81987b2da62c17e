/** A run of isolated steps whose events are written by hand, for tests of one situation each. */
import type { Failure, FailureKind, RunEventBody } from '../../src/run/events.ts';
import { gateOf, nodeOf, stepStateOf } from '../../src/run/state.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { workflowOf } from '../plan/builders.ts';
import { HandRun } from './runs.ts';

export class IsolatedRun extends HandRun {
  #commits = 0;

  /** @param steps each in the wave that it names */
  constructor(steps: readonly Step[], fields: Partial<Workflow> = {}, concurrency = 4) {
    const waves = { auto: false, max: 10, minSteps: 1 };
    super(workflowOf({ workspace: 'isolated', steps, waves, ...fields }), { concurrency });
  }

  /** Decides and records the waves that open. @returns the next other command */
  after(situation: Parameters<HandRun['next']>[0] = {}): string {
    for (let next = this.next(situation); ; next = this.next(situation)) {
      if (!next.startsWith('open-wave')) return next;
      this.record({ type: 'wave.started', wave: Number(next.split(' ')[1]), steps: [] });
    }
  }

  begin(step: string): void {
    const base = this.state.tip?.commit ?? '';
    this.record({ type: 'step.started', ...this.#about(step, 1), slot: 0, base, worktree: 1 });
  }

  /** Its attempt passed and left a commit. */
  leave(step: string): void {
    this.record({
      type: 'step.finished',
      ...this.#about(step, 0),
      status: 'passed',
      exit_code: 0,
      duration_s: 1,
      usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
      outputs: {},
      resources: null,
      commit: `work of ${step}`,
    });
  }

  beginMerge(step: string): void {
    const { candidate } = stepStateOf(this.state, nodeOf(this.state, step).index);
    if (candidate === undefined) throw new Error(`${step} has nothing to merge`);
    const onto = this.state.tip?.commit ?? '';
    this.record({ type: 'merge.started', ...this.#about(step, 0), ...candidate, onto });
  }

  endMerge(step: string): void {
    this.#commits += 1;
    const made = { commit: `m${this.#commits}`, tree: `mt${this.#commits}` };
    this.record({ type: 'merge.finished', ...this.#about(step, 0), status: 'merged', ...made });
  }

  merge(step: string): void {
    this.beginMerge(step);
    this.endMerge(step);
  }

  /** From the start of a step to its merge. */
  do(...steps: string[]): void {
    for (const step of steps) {
      this.begin(step);
      this.leave(step);
      this.merge(step);
    }
  }

  conflict(step: string, end: { failure?: Failure; retryInMs?: number } = {}): void {
    this.beginMerge(step);
    const { failure, retryInMs } = end;
    this.record({
      type: 'merge.finished',
      ...this.#about(step, 0),
      status: 'conflict',
      ...(failure && { failure }),
      ...this.#retry(retryInMs),
    });
  }

  beginResolve(step: string, by: 'command' | 'person'): void {
    const { conflict } = stepStateOf(this.state, nodeOf(this.state, step).index);
    const round = (conflict?.rounds ?? 0) + 1;
    const onto = conflict?.onto ?? '';
    const about = this.#about(step, 0);
    this.record({ type: 'resolve.started', ...about, round, by, onto, worktree: 9 });
  }

  endResolve(step: string, kind?: FailureKind, retryInMs?: number): void {
    const { conflict } = stepStateOf(this.state, nodeOf(this.state, step).index);
    const isStopped = kind === 'interrupted' || kind === 'cancelled';
    this.record({
      type: 'resolve.finished',
      ...this.#about(step, 0),
      round: conflict?.rounds ?? 0,
      status: kind === undefined ? 'passed' : isStopped ? 'cancelled' : 'failed',
      exit_code: null,
      duration_s: 1,
      commit: `settled ${step}`,
      ...(kind && { failure: { kind, message: 'x' } }),
      ...this.#retry(retryInMs),
    });
  }

  /** With what was merged by now. */
  sealTip(wave: number): void {
    const { commit, tree } = this.state.tip ?? { commit: '', tree: '' };
    this.record({ type: 'wave.sealed', wave, commit, tree, left_out: [] });
  }

  beginGate(wave: number, gate: string): void {
    const attempt = gateOf(this.state, wave, gate).attempts.length + 1;
    this.record({ type: 'gate.started', wave, gate, attempt, slot: 0, worktree: 8 });
  }

  endGate(wave: number, gate: string, kind?: FailureKind, retryInMs?: number): void {
    this.record({
      type: 'gate.finished',
      wave,
      gate,
      attempt: gateOf(this.state, wave, gate).attempts.length,
      status: kind === undefined ? 'passed' : kind === 'cancelled' ? 'cancelled' : 'failed',
      exit_code: null,
      duration_s: 1,
      ...(kind && { failure: { kind, message: 'x' } }),
      ...this.#retry(retryInMs),
    });
  }

  /** What the engine records for `take-back`. */
  takeBack(waves: readonly number[], gate: string, to: { tree: string; seq: number }): void {
    const kept = { kept_until: to.seq, tip: 'back', tree: to.tree, gate };
    for (const wave of waves) this.record({ type: 'wave.invalidated', wave, ...kept });
  }

  statusOf(step: string): string {
    return stepStateOf(this.state, nodeOf(this.state, step).index).status;
  }

  #about(step: string, next: 0 | 1) {
    const { wave, id, index } = nodeOf(this.state, step);
    return { wave, step: id, attempt: stepStateOf(this.state, index).attempts.length + next };
  }

  #retry(
    inMs: number | undefined,
  ): Pick<Extract<RunEventBody, { type: 'step.finished' }>, 'retry_at'> {
    return inMs === undefined ? {} : { retry_at: new Date(this.nowMs + inMs).toISOString() };
  }
}
