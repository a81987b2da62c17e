/** Runs and workflow files as rows: every kind of run has one, and no text of theirs moves the cursor. */
import { expect, test } from 'vitest';
import { type ListedRun, runRow, workflowRow } from '../../src/view/run-table.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const RUN: ListedRun = {
  run: 'x-260101-k3f9',
  workflow: 'x\u001b[2J',
  status: 'passed',
  source: 'here',
  held_by: null,
  abandoned: false,
  accepted: false,
  rollback_open: null,
  started_at: '2026-01-01T11:57:00.000Z',
  ended_at: '2026-01-01T11:58:00.000Z',
  duration_s: 60,
  steps: { passed: 2, failed: 0, skipped: 0, cancelled: 0 },
  progress: { done: 2, total: 2, percent: 100, seconds_left: null },
  next: null,
};

test('a run that can be read tells how it stands and what went wrong', () => {
  expect(runRow(RUN, NOW)).toEqual([
    'x-260101-k3f9',
    'x\ufffd[2J',
    'passed',
    '3m ago',
    '1m',
    '2/2',
  ]);
  const failed = {
    ...RUN,
    status: 'failed',
    duration_s: null,
    steps: { passed: 1, failed: 1, skipped: 2, cancelled: 3 },
    progress: { done: 7, total: 7, percent: 100, seconds_left: null },
  } as const;
  expect(runRow(failed, NOW).slice(2)).toEqual([
    'failed',
    '3m ago',
    '',
    '7/7 (1 failed, 2 skipped, 3 cancelled)',
  ]);
  expect(runRow({ ...RUN, rollback_open: { to: 1, rescue: 'r' } }, NOW)[2]).toBe(
    'passed, rollback half done',
  );
});

test('a run that only git knows, and one that cannot be read, have a row too', () => {
  const committed = {
    run: 'y-260101-aaaa',
    workflow: 'y',
    status: 'failed',
    source: 'git',
    branch: 'origin/orch/y-260101-aaaa',
    wave: 3,
    ended_at: '2026-01-01T11:00:00.000Z',
  } as const;
  expect(runRow(committed, NOW)).toEqual([
    'y-260101-aaaa',
    'y',
    'failed',
    'saved 1h ago',
    '',
    'wave 3, in git',
  ]);
  const unreadable = {
    run: 'z-260101-bbbb',
    source: 'here',
    code: 'ORCH_RUN_DAMAGED',
    message: 'it is\u0007 damaged',
    fix: 'none',
  } as const;
  expect(runRow(unreadable, NOW)).toEqual([
    'z-260101-bbbb',
    '',
    'unreadable',
    '',
    '',
    'it is\ufffd damaged',
  ]);
});

test('a workflow file has its first mistake in its row, or what it is for', () => {
  const file = {
    file: '.orch/workflows/x.yaml',
    name: 'x',
    description: 'two\n lines',
    steps: 4,
    error: null,
  };
  expect(workflowRow(file)).toEqual(['.orch/workflows/x.yaml', 'x', '4', 'two lines']);
  expect(workflowRow({ ...file, name: null, description: null, steps: null }).slice(1)).toEqual([
    '',
    '',
    '',
  ]);
  const error = {
    code: 'ORCH_X',
    message: 'wrong',
    fix: 'mend it',
    line: 3,
    column: 7,
    mistakes: 2,
  };
  expect(workflowRow({ ...file, error }).slice(1)).toEqual([
    'invalid',
    '',
    '3:7: wrong (and 1 more)',
  ]);
  const whole = { ...error, line: null, column: null, mistakes: 1 };
  expect(workflowRow({ ...file, error: whole })[3]).toBe('wrong');
});
