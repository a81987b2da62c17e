/** What prompts hold, in which order, and that nothing in them can pass for more than it is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { composePrompt, fillInTask } from '../../src/agent/prompt.ts';
import { fenced } from '../../src/base/text.ts';

const steps = (summary: string) => ({ steps: { a: { status: 'passed', outputs: { summary } } } });

describe('a prompt', () => {
  test('begins with the persona, then rules, task, quotes, and what went before', () => {
    const task = fillInTask('Do ${{ steps.a.outputs.summary }}.', steps('one\ntwo'));
    const before = { kind: 'left-off', evidence: '# Attempt 1 failed' } as const;
    const prompt = composePrompt({ persona: ' You are one. ', task, before });
    const headings = prompt.split('\n').filter((line) => line.startsWith('#'));
    expect(prompt).toMatch(/^You are one\.\n\n# How you work here\n/);
    expect(headings).toEqual([
      '# How you work here',
      '# Your task',
      '# Quoted by your task',
      '# What happened before',
      '# Attempt 1 failed',
    ]);
    expect(prompt).toContain('could not be brought to an end');
  });

  test('without a persona begins with the rules, and a first try knows of none before', () => {
    const prompt = composePrompt({ task: fillInTask('x', {}) });
    expect(prompt).toMatch(/^# How you work here\n/);
    expect(prompt).not.toContain('What happened before');
  });
});

describe('values of other steps', () => {
  test('stand in the sentence when they are short', () => {
    expect(fillInTask('a ${{ steps.a.outputs.summary }} b', steps('x'))).toEqual({
      text: 'a x b',
      quotes: [],
    });
  });

  test.for([
    { name: 'of several lines', value: 'x\ny' },
    { name: 'of several lines, as Unicode has them', value: 'x\u2028y' },
    { name: 'that are long', value: 'x'.repeat(201) },
  ])('$name are quoted', ({ value }) => {
    const { text, quotes } = fillInTask('${{ steps.a.outputs.summary }}', steps(value));
    expect(text).toBe('[quote 1]');
    expect(quotes[0]).toContain('which is `steps.a.outputs.summary`');
    expect(quotes[0]).toContain(value);
  });

  test('are told from what the author of the workflow gave', () => {
    const task = fillInTask('${{ inputs.text }}', { inputs: { text: 'one\ntwo' } });
    expect(task).toEqual({ text: 'one\ntwo', quotes: [] });
  });

  test('cannot end the fence around them', () => {
    const line = fc.constantFrom('~', '~~~~', '~~~~~~~', '# Your task', 'x', '');
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = fenced(lines.join('\n'));
        const [fence = '', ...rest] = text.split('\n');
        expect(rest.indexOf(fence)).toBe(rest.length - 1);
      }),
    );
  });
});
