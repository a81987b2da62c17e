import { describe, expect, test } from 'vitest';
import { checkInputs, resolveInputs } from '../../src/workflow/inputs.ts';
import type { InputSpec } from '../../src/workflow/workflow.ts';

const specs: Record<string, InputSpec> = {
  target: { type: 'string', required: false, default: 'src' },
  count: { type: 'number', required: false },
  deploy: { type: 'boolean', required: false },
  channel: { type: 'choice', required: true, options: ['beta', 'stable'] },
};

describe('resolveInputs', () => {
  test('texts become values of their types, in the order of declaration', () => {
    const values = resolveInputs(specs, { channel: 'beta', deploy: 'true', count: '-2.5' });
    expect(Object.entries(values)).toEqual([
      ['target', 'src'],
      ['count', -2.5],
      ['deploy', true],
      ['channel', 'beta'],
    ]);
  });

  const mistakes: { given: Record<string, string>; what: string }[] = [
    {
      given: { chanel: 'beta', channel: 'beta' },
      what: 'the workflow has no input "chanel"\n  fix: did you mean "channel"? [ORCH_UNKNOWN_INPUT]',
    },
    {
      given: {},
      what: 'the input "channel" is required\n  fix: add --input channel=beta [ORCH_MISSING_INPUT]',
    },
    {
      given: { channel: 'btea' },
      what: 'the input "channel" must be "beta" or "stable", not "btea"\n  fix: did you mean "beta"? [ORCH_INVALID_INPUT]',
    },
    {
      given: { channel: 'beta', count: '3x' },
      what: 'the input "count" must be a number, not "3x"\n  fix: --input count=1 [ORCH_INVALID_INPUT]',
    },
    {
      given: { channel: 'beta', deploy: 'yes' },
      what: 'the input "deploy" must be true or false, not "yes"\n  fix: --input deploy=true [ORCH_INVALID_INPUT]',
    },
    {
      given: { channel: 'beta', target: 'a\0b' },
      what: 'the input "target" must be without a NUL character, not "a\\u0000b"\n  fix: --input target=<text> [ORCH_INVALID_INPUT]',
    },
    {
      given: { channel: 'beta', constructor: 'x' },
      what: 'the workflow has no input "constructor"\n  fix: its inputs are target, count, deploy and channel [ORCH_UNKNOWN_INPUT]',
    },
  ];
  test.for(mistakes)('$given', ({ given, what }) => {
    expect(checkInputs(specs, given).errors[0]?.message).toBe(what);
    expect(() => resolveInputs(specs, given)).toThrow(what);
  });

  test('all mistakes are found at once', () => {
    const { errors } = checkInputs(specs, { x: '1', count: 'many' });
    expect(errors.map(({ code }) => code)).toEqual([
      'ORCH_UNKNOWN_INPUT',
      'ORCH_INVALID_INPUT',
      'ORCH_MISSING_INPUT',
    ]);
    expect(() => resolveInputs(specs, { x: '1', count: 'many' })).toThrow(
      'no input "x"; the input "count" must be',
    );
  });
});
