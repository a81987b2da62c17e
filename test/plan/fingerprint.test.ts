import { describe, expect, test } from 'vitest';
import { diffWorkflows, stepFingerprint } from '../../src/plan/fingerprint.ts';
import type { Step } from '../../src/workflow/workflow.ts';
import { gateOf, matrixOf, stepOf, workflowOf } from './builders.ts';

const base = stepOf('a', { needs: ['x', 'y'], env: { A: '1', B: '2' } });

describe('stepFingerprint', () => {
  test('is 64 hex digits and does not change from release to release', () => {
    expect(stepFingerprint(stepOf('a', { run: 'npm test' }))).toMatch(/^[0-9a-f]{64}$/);
    expect(stepFingerprint(stepOf('a', { run: 'npm test' }))).toBe(
      '5894a753ec9861c7a141273c4cbc0c13ba3244cd83a8f0b805e85d8d9a5e9aaa',
    );
  });

  test.for<{ name: string; step: Step }>([
    { name: 'where it stands', step: { ...base, spot: { file: 'b.yaml', line: 9, column: 9 } } },
    { name: 'its name', step: { ...base, name: 'Other' } },
    { name: 'its estimate', step: { ...base, estimateMs: 5 } },
    { name: 'its category', step: { ...base, category: 'other' } },
    { name: 'the order of needs', step: { ...base, needs: ['y', 'x'] } },
    { name: 'the order of keys', step: { ...base, env: { B: '2', A: '1' } } },
  ])('is not about $name', ({ step }) => {
    expect(stepFingerprint(step)).toBe(stepFingerprint(base));
  });

  test.for<{ name: string; step: Step }>([
    { name: 'its command', step: { ...base, run: 'false' } },
    { name: 'its needs', step: { ...base, needs: ['x'] } },
    { name: 'its environment', step: { ...base, env: { A: '1', B: '3' } } },
    { name: 'its matrix', step: { ...base, matrix: matrixOf('v') } },
    { name: 'its retries', step: { ...base, retry: { ...base.retry, maxAttempts: 2 } } },
    {
      name: 'a variable with a strange name',
      step: { ...base, env: { ...base.env, ['__proto__x']: '' } },
    },
  ])('is about $name', ({ step }) => {
    expect(stepFingerprint(step)).not.toBe(stepFingerprint(base));
  });
});

describe('diffWorkflows', () => {
  test('names steps added, removed and changed, the fields, and other settings', () => {
    const frozen = workflowOf({ steps: [stepOf('gone'), stepOf('same'), stepOf('other')] });
    const current = workflowOf({
      steps: [
        stepOf('new'),
        stepOf('same', { name: 'Same', estimateMs: 3 }),
        stepOf('other', { run: 'false', needs: ['new'] }),
      ],
      gates: [gateOf('tests')],
      concurrency: 3,
    });
    expect(diffWorkflows(frozen, current)).toEqual({
      added: ['new'],
      removed: ['gone'],
      changed: [{ id: 'other', fields: ['needs', 'run'] }],
      settings: ['concurrency', 'gates'],
    });
  });

  test('a workflow that went through JSON has not changed', () => {
    const workflow = workflowOf({ steps: [base, stepOf('m', { matrix: matrixOf('x') })] });
    const thawed = JSON.parse(JSON.stringify(workflow)) as typeof workflow;
    const nothing = { added: [], removed: [], changed: [], settings: [] };
    expect(diffWorkflows(workflow, thawed)).toEqual(nothing);
  });
});
