/** One event as one line for people: counts, times and reasons in words. */
import { expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { RunEventBody } from '../../src/run/events.ts';
import { eventLine } from '../../src/view/event-line.ts';
import { stepOf, workflowOf } from '../plan/builders.ts';
import { freshState } from './chance-run.ts';

const AT = '2026-11-21T09:31:10.000Z';

function lineOf(body: RunEventBody): string | undefined {
  const workflow = workflowOf({ steps: [stepOf('a')] });
  const plan = makePlan(workflow, { concurrency: 1, strategies: {} });
  return eventLine({ v: 1, seq: 1, at: AT, ...body }, freshState({ workflow, plan }));
}

const ended: RunEventBody = {
  type: 'step.finished',
  wave: 1,
  step: 'a',
  attempt: 1,
  status: 'failed',
  exit_code: 3,
  duration_s: 0.05,
  outputs: {},
  usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
  resources: { cpu_s: 0, max_rss_bytes: null },
  failure: { kind: 'exit', message: 'exit code 3' },
};
const sealed = (reason: string): RunEventBody => ({
  type: 'wave.sealed',
  wave: 1,
  commit: 'c',
  tree: 't',
  left_out: [{ path: 'big.bin', reason }],
});

test.for<{ what: string; body: RunEventBody; line: string }>([
  {
    what: 'one step',
    body: { type: 'wave.started', wave: 1, steps: ['a'] },
    line: 'wave 1/1: 1 step',
  },
  {
    what: 'two steps',
    body: { type: 'wave.started', wave: 1, steps: ['a', 'b'] },
    line: 'wave 1/1: 2 steps',
  },
  {
    what: 'a failure that is tried again',
    body: { ...ended, retry_at: '2026-11-21T09:31:10.093Z' },
    line: '  FAIL   a: exit code 3, 0.05s, again in 0.1s  [0/1]',
  },
  {
    what: 'a long pause',
    body: { ...ended, duration_s: 80, retry_at: '2026-11-21T09:33:10.000Z' },
    line: '  FAIL   a: exit code 3, 1m 20s, again in 2m  [0/1]',
  },
  {
    what: 'a gate',
    body: {
      type: 'gate.finished',
      wave: 1,
      gate: 'g',
      attempt: 1,
      status: 'passed',
      exit_code: 0,
      duration_s: 0.5,
    },
    line: '  gate   g passed, 0.5s',
  },
  {
    what: 'a large file, with the key to change',
    body: sealed('too_large'),
    line: '  left out of the checkpoint: big.bin (larger than checkpoint.max_file_size)',
  },
  {
    what: 'a reason of a newer version',
    body: sealed('haunted'),
    line: '  left out of the checkpoint: big.bin (haunted)',
  },
])('$what', ({ body, line }) => {
  expect(lineOf(body)).toBe(line);
});
