/**
 * Recorded workflows as isolated runs in virtual time: waves cost next to nothing there, because none
 * waits for the one before. decide() and the fold as they are, around them nothing but a clock.
 */
import { describe, expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState } from '../../src/run/create-state.ts';
import { decide } from '../../src/run/decide.ts';
import { EVENT_VERSION, type RunEventBody } from '../../src/run/events.ts';
import { popHeap, pushHeap } from '../../src/run/ready-queue.ts';
import { nodeOf, stepStateOf } from '../../src/run/state.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';
import { readTraces, TRACES_FOLDER, withoutWaves } from '../plan/traces.ts';

const traces = readTraces();
if (traces.length === 0) console.log(`skipped: no recorded workflows in ${TRACES_FOLDER}`);

const OID = '0123456789'.repeat(4);

interface End {
  readonly atMs: number;
  readonly step: string;
}

/** @returns when the last step was merged; merges, seals and checkpoints take no time */
function runInVirtualTime(workflow: Workflow, concurrency: number): number {
  const plan = makePlan(workflow, { concurrency, workspace: 'isolated', strategies: {} });
  expect(plan.waves.length, workflow.name).toBeGreaterThan(1);
  const state = createState({ run: 'r', workflow, plan, inputs: {} });
  const under: End[] = [];
  const isSooner = (a: End, b: End) => a.atMs < b.atMs;
  let nowMs = 0;
  let lastMs = 0;
  let seq = 0;
  const record = (body: RunEventBody): void => {
    seq += 1;
    applyEvent(state, { v: EVENT_VERSION, seq, at: new Date(nowMs).toISOString(), ...body });
  };
  record({ type: 'run.started', run: 'r', workflow: '', base: null, epoch: 1, boot: 'b' });
  for (;;) {
    const command = decide(state, { nowMs, busy: new Set() });
    switch (command?.type) {
      case undefined: {
        const end = popHeap(under, isSooner);
        if (end === undefined) throw new Error('nothing is under way');
        nowMs = end.atMs;
        lastMs = nowMs;
        const { wave, index } = nodeOf(state, end.step);
        const attempt = stepStateOf(state, index).attempts.length;
        record({
          type: 'step.finished',
          wave,
          step: end.step,
          attempt,
          status: 'passed',
          exit_code: 0,
          duration_s: 0,
          usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
          outputs: {},
          resources: null,
          commit: OID,
        });
        break;
      }
      case 'open-wave':
        record({ type: 'wave.started', wave: command.wave, steps: [] });
        break;
      case 'start': {
        const { node, attempt } = command;
        const about = { wave: node.wave, step: node.id, attempt, slot: 0 };
        record({ type: 'step.started', ...about, base: OID, worktree: 1 });
        pushHeap(under, { atMs: nowMs + node.estimateMs, step: node.id }, isSooner);
        break;
      }
      case 'merge': {
        const { node } = command;
        const { attempts, candidate } = stepStateOf(state, node.index);
        if (candidate === undefined) throw new Error(`${node.id} has nothing to merge`);
        const about = { wave: node.wave, step: node.id, attempt: attempts.length };
        record({ type: 'merge.started', ...about, ...candidate, onto: OID });
        record({ type: 'merge.finished', ...about, status: 'merged', commit: OID, tree: OID });
        break;
      }
      case 'seal':
        record({ type: 'wave.sealed', wave: command.wave, commit: OID, tree: OID, left_out: [] });
        break;
      case 'checkpoint': {
        const { wave, status } = command;
        record({ type: 'checkpoint.started', wave, tree: OID, parent: null, status });
        record({ type: 'checkpoint.created', wave, commit: OID });
        break;
      }
      case 'close-wave':
        record({ type: 'wave.finished', wave: command.wave, status: command.status });
        break;
      case 'finish':
        expect(command.status).toBe('passed');
        return lastMs;
      default:
        throw new Error(`unexpected: ${command?.type}`);
    }
  }
}

describe.skipIf(traces.length === 0)('recorded workflows, isolated', () => {
  test.for([2, 8, 32])(
    '%i at once: within 5 % of the list schedule without waves',
    (concurrency) => {
      for (const workflow of traces) {
        const plan = makePlan(withoutWaves(workflow), { concurrency, strategies: {} });
        const ratio = runInVirtualTime(workflow, concurrency) / plan.makespanMs;
        expect(ratio, workflow.name).toBeLessThan(1.05);
      }
    },
  );
});
