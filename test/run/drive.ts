/** Drives a run at once, every step ending as soon as it has started: what deciding and folding alone cost. */

import type { PlanNode } from '../../src/plan/plan.ts';
import { applyEvent } from '../../src/run/apply-event.ts';
import { createState, type RunDefinition } from '../../src/run/create-state.ts';
import { decide } from '../../src/run/decide.ts';
import {
  EVENT_VERSION,
  type RunEvent,
  type RunEventBody,
  type StepFinished,
} from '../../src/run/events.ts';
import type { RunState } from '../../src/run/state.ts';

const OID = '0123456789'.repeat(4);

const AT_MS = Date.UTC(2026, 0, 1);

export interface Driven {
  readonly state: RunState;
  readonly events: readonly RunEvent[];
}

/** @param fails steps that end with exit code 1 */
export function driveAtOnce(
  definition: RunDefinition,
  fails: (node: PlanNode) => boolean = () => false,
): Driven {
  const state = createState(definition);
  const events: RunEvent[] = [];
  const busy = new Set<string>();
  const at = new Date(AT_MS).toISOString();
  const record = (body: RunEventBody): void => {
    const event: RunEvent = { v: EVENT_VERSION, seq: events.length + 1, at, ...body };
    applyEvent(state, event);
    events.push(event);
  };
  record({
    type: 'run.started',
    run: definition.run,
    workflow: '',
    base: null,
    epoch: 1,
    boot: 'b',
  });
  for (;;) {
    const command = decide(state, { nowMs: AT_MS, busy });
    switch (command?.type) {
      case 'open-wave':
        record({ type: 'wave.started', wave: command.wave, steps: [] });
        break;
      case 'start': {
        const { node, attempt } = command;
        const about = { wave: node.wave, step: node.id, attempt };
        record({ type: 'step.started', ...about, slot: 0 });
        record({ ...ended(fails(node)), ...about });
        break;
      }
      case 'ask': {
        const { wave, id: step } = command.node;
        record({ type: 'step.waiting', wave, step, attempt: 1, reason: 'approval', message: '' });
        break;
      }
      case 'skip': {
        const { node, reason, detail } = command;
        record({ type: 'step.skipped', wave: node.wave, step: node.id, reason, detail });
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
        record({ type: 'run.finished', status: command.status });
        return { state, events };
      case 'pause':
        record({ type: 'run.waiting', steps: command.steps });
        return { state, events };
      default:
        throw new Error(`unexpected: ${JSON.stringify(command?.type)}`);
    }
  }
}

function ended(isFailed: boolean): Omit<StepFinished, 'wave' | 'step' | 'attempt'> {
  return {
    type: 'step.finished',
    status: isFailed ? 'failed' : 'passed',
    exit_code: isFailed ? 1 : 0,
    duration_s: 0.01,
    usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
    outputs: {},
    resources: { cpu_s: 0.01, max_rss_bytes: 1_000_000 },
    ...(isFailed && { failure: { kind: 'exit', message: 'exit code 1' } }),
  };
}
