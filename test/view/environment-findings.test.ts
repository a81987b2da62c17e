/** What a machine and the shape of a repository are worth saying. */
import { describe, expect, test } from 'vitest';
import {
  type EnvironmentFacts,
  findInEnvironment,
  type RepositoryShape,
} from '../../src/view/environment-findings.ts';
import { type Finding, isHealthy, renderFindings } from '../../src/view/finding.ts';

const PLAIN: RepositoryShape = {
  isLinkedWorktree: false,
  isShallow: false,
  isPartial: false,
  isSparse: false,
  hasSubmodules: false,
  isSplitIndex: false,
  hasFsmonitor: false,
  hasBranchOrch: false,
  trackedFiles: 10,
};

const GOOD: EnvironmentFacts = {
  nodeVersion: '20.19.0',
  hasProc: true,
  gitVersion: '2.39.5',
  repository: PLAIN,
};

const checksOf = (facts: Partial<EnvironmentFacts>) =>
  findInEnvironment({ ...GOOD, ...facts }).map(({ check, level }) => `${level} ${check}`);

test('a good machine and a plain repository: only what a stop could miss', () => {
  expect(checksOf({})).toEqual(['note containment']);
});

test.for<[string, string[]]>([
  ['18.20.4', ['problem node', 'note containment']],
  ['20.18.9', ['problem node', 'note containment']],
  ['20.19.0', ['note containment']],
  ['22.0.0', ['note containment']],
])('node %s', ([nodeVersion, checks]) => {
  expect(checksOf({ nodeVersion })).toEqual(checks);
});

test('no git program and no /proc are noted', () => {
  expect(checksOf({ gitVersion: null, hasProc: false })).toEqual([
    'note git',
    'note processes',
    'note containment',
  ]);
});

test('every shape is a finding of its own; only the branch is a problem', () => {
  for (const key of Object.keys(PLAIN) as (keyof RepositoryShape)[]) {
    const odd = { ...PLAIN, [key]: key === 'trackedFiles' ? 300_000 : true };
    const level = key === 'hasBranchOrch' ? 'problem' : 'note';
    expect(checksOf({ repository: odd }), key).toEqual(['note containment', `${level} repository`]);
  }
});

describe('findings', () => {
  const finding: Finding = {
    check: 'lock',
    level: 'problem',
    what: 'a lock \x1b[2J',
    why: 'because\nof it',
    fix: 'orch doctor --fix',
    fixable: true,
    fixed: false,
  };

  test('are told with why and what to type, in lines that cannot drive a terminal', () => {
    expect(renderFindings([finding], { quiet: false })).toBe(
      [
        'problem: a lock \ufffd[2J',
        '  why: because of it',
        '  fix: orch doctor --fix',
        '1 problem found',
        'next: orch doctor --fix   mends 1 of them',
      ].join('\n'),
    );
  });

  test('that were mended are no problem any more', () => {
    const fixed = { ...finding, fixed: true };
    expect(isHealthy([finding])).toBe(false);
    expect(isHealthy([fixed, { ...finding, level: 'note' }])).toBe(true);
    expect(renderFindings([fixed], { quiet: false })).toMatch(
      /^mended: a lock.*\n {2}why: .*\nall is well$/,
    );
  });
});
