/** One event as one line for people: counts, times and reasons in words. */
import { expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Failure, RunEventBody, StepFinished } from '../../src/run/events.ts';
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
const passed = (more: object): RunEventBody => {
  const { failure: _, ...rest } = ended as StepFinished;
  return { ...rest, status: 'passed', exit_code: 0, ...more };
};
const clash = { path: 'x.txt', base: null, ours: null, theirs: null } as never;
const merge = { type: 'merge.finished', wave: 1, step: 'a', attempt: 1 } as const;
const settling = {
  type: 'resolve.started',
  wave: 1,
  step: 'a',
  attempt: 1,
  round: 2,
  worktree: 1,
  onto: 'o',
  message: '',
} as const;
const settled = (status: 'passed' | 'failed', failure?: Failure): RunEventBody => ({
  type: 'resolve.finished',
  wave: 1,
  step: 'a',
  attempt: 1,
  round: 1,
  status,
  exit_code: 0,
  duration_s: 1,
  ...(failure && { failure }),
});
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
  {
    what: 'a step that had to be stopped',
    body: { ...ended, status: 'cancelled', failure: { kind: 'cancelled', message: 'cancelled' } },
    line: '  stop   a: cancelled, 0.05s  [0/1]',
  },
  {
    what: 'a step whose result was known',
    body: passed({ cache: { hit: true, key: 'k', reason: 'nothing it reads has changed' } }),
    line: '  done   a (from the cache), 0.05s  [0/1]',
  },
  {
    what: 'work that was merged',
    body: { ...merge, status: 'merged', commit: 'c', tree: 't' },
    line: '  done   a, 0s  [0/1]',
  },
  {
    what: 'work that was merged by taking one side, and in part',
    body: {
      ...merge,
      status: 'merged',
      commit: 'c',
      tree: 't',
      files: [clash],
      settled: 'theirs',
      left_out: ['.orch/config.yaml'],
    },
    line: '  done   a, 0s, theirs taken in x.txt (not merged: .orch/config.yaml)  [0/1]',
  },
  {
    what: 'a conflict that is going to be settled',
    body: { ...merge, status: 'conflict', files: [clash] },
    line: '  clash  a: x.txt',
  },
  {
    what: 'a conflict that fails the step, which is tried again',
    body: {
      ...merge,
      status: 'conflict',
      files: [clash],
      failure: { kind: 'conflict', message: 'does not merge: x.txt' },
      retry_at: '2026-11-21T09:31:10.200Z',
    },
    line: '  FAIL   a: does not merge: x.txt, 0s, again in 0.2s  [0/1]',
  },
  {
    what: 'a command at work on a conflict',
    body: { ...settling, by: 'command' },
    line: '  settle a: its conflict (try 2)',
  },
  {
    what: 'a person who is asked to settle a conflict',
    body: { ...settling, by: 'person', message: 'settle it in /w/1, then approve' },
    line: '  wait   a: settle it in /w/1, then approve',
  },
  { what: 'a conflict that is settled', body: settled('passed'), line: '  settled a' },
  {
    what: 'a conflict that is not settled',
    body: settled('failed', { kind: 'exit', message: 'markers are left in x.txt' }),
    line: '  FAIL   a: markers are left in x.txt',
  },
  {
    what: 'work that would not merge with that of another step',
    body: { type: 'merge.probe', wave: 1, step: 'a', attempt: 1, other: 'b', files: ['x.txt'] },
    line: '  warn   a would not merge with b as it stands: x.txt',
  },
  {
    what: 'work that would not merge with what was merged',
    body: { type: 'merge.probe', wave: 1, step: 'a', attempt: 1, other: null, files: ['x.txt'] },
    line: '  warn   a would not merge with what was merged before as it stands: x.txt',
  },
  {
    what: 'what was built on a wave whose gate failed',
    body: { type: 'wave.invalidated', wave: 1, gate: 'tests' },
    line: 'wave 1 is taken back: gate tests failed',
  },
  {
    what: 'a rollback that could not write everything',
    body: { type: 'rollback.done', to: 0, restored: 'c', not_restored: ['x.txt'] },
    line: 'rolled back to wave 0, but not restored: x.txt',
  },
  {
    what: 'a step without a reason of its own',
    body: { type: 'step.skipped', wave: 1, step: 'a', reason: 'parent', detail: '' },
    line: '  skip   a: parent',
  },
])('$what', ({ body, line }) => {
  expect(lineOf(body)).toBe(line);
});
