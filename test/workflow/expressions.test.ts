import { describe, expect, test } from 'vitest';
import {
  evaluateCondition,
  evaluateTemplate,
  parseTemplate,
  referencedSteps,
} from '../../src/workflow/expressions.ts';

const context = {
  inputs: { target: 'src', count: 3, deploy: false, Constructor: 'kept' },
  steps: {
    'look-up': { status: 'passed', outputs: { hits: '7' } },
    implement: {
      status: 'failed',
      outputs: {},
      matrix: [
        { values: { module: 'index' }, status: 'passed', outputs: { lines: '10' } },
        { values: { module: 'query' }, status: 'failed', outputs: {} },
      ],
    },
  },
  matrix: { module: 'index', list: [1, 2] },
  wave: 2,
};

describe('evaluateTemplate', () => {
  test.for([
    { text: 'plain', value: 'plain' },
    { text: '${{ inputs.count }}', value: 3 },
    { text: ' ${{ inputs.count }}\n', value: 3 },
    { text: '${{ inputs.count }} of ${{ inputs.target }}', value: '3 of src' },
    { text: 'x${{ inputs.nothing }}y${{ matrix.list }}', value: 'xy[1,2]' },
    { text: '${{ steps.look-up.outputs.hits }}', value: '7' },
    { text: "${{ steps['look-up'].status }}", value: 'passed' },
    { text: '${{ steps.implement.matrix[*].status }}', value: ['passed', 'failed'] },
    { text: '${{ join(steps.implement.matrix.*.values.module) }}', value: 'index,query' },
    { text: "${{ contains(steps.implement.matrix.*.status, 'failed') }}", value: true },
    { text: '${{ steps.implement.matrix[0].outputs }}', value: { lines: '10' } },
    { text: '${{ fromJSON(\'[1, {"a": null}]\') }}', value: [1, { a: null }] },
    { text: '${{ toJSON(matrix.list) }}', value: '[\n  1,\n  2\n]' },
    { text: "${{ 'it''s ''all'' }}' }}", value: "it's 'all' }}" },
    { text: '${{ inputs.constructor }}', value: 'kept' },
    { text: '${{ steps.constructor.name }}', value: null },
    { text: '${{ wave + 0 }}', fails: 'unexpected "+" in the expression: wave + 0' },
    { text: '${{ success() }}', fails: 'fix: success() is the default; "trigger_rule" says' },
    { text: '${{ constructor() }}', fails: 'unknown function "constructor()"' },
    { text: '${{ step.a }}', fails: 'did you mean "steps"?' },
    { text: '${{ inputs.target == "src" }}', fails: 'put text in single quotes' },
    { text: '${{ inputs.target', fails: 'opened with "${{" and not closed' },
    { text: '${{ }}', fails: 'the expression is empty' },
    { text: "${{ fromJSON('{') }}", fails: 'ORCH_EXPRESSION_FAILED' },
    { text: `\${{ ${'1=='.repeat(2_000)}1 }}`, fails: 'the expression is too long' },
    {
      text: `\${{ ${'('.repeat(200)}1${')'.repeat(200)} }}`,
      fails: 'exceeded max expression depth',
    },
  ])('$text', ({ text, value, fails }) => {
    if (fails === undefined) expect(evaluateTemplate(text, context)).toEqual(value);
    else expect(() => evaluateTemplate(text, context)).toThrow(fails);
  });

  test('nested calls that double a text at every level end in an error, not in all the memory', () => {
    let expression = "'0123456789'";
    for (let level = 0; level < 30; level++) expression = `format('{0}{0}', ${expression})`;
    expect(() => evaluateTemplate(`\${{ ${expression} }}`, {})).toThrow('too long');
  });
});

describe('evaluateCondition', () => {
  test.for([
    { text: "steps.look-up.status == 'passed'", holds: true },
    { text: '${{ steps.implement.status == steps.look-up.status }}', holds: false },
    { text: 'inputs.deploy', holds: false },
    { text: '!inputs.deploy && inputs.count > 2', holds: true },
    { text: 'inputs.nothing', holds: false },
    { text: 'true', holds: true },
  ])('$text is $holds', ({ text, holds }) => {
    expect(evaluateCondition(text, context)).toBe(holds);
  });

  test('several expressions with text between would always hold, and are refused', () => {
    expect(() => evaluateCondition('${{ true }} && ${{ false }}', context)).toThrow(
      'a condition is one expression',
    );
  });
});

test('the steps that a text or a bare condition uses are found, computed ones as "*"', () => {
  expect([
    ...referencedSteps("${{ steps.a-b.status }} ${{ steps['c'].outputs.x || steps.*.y }}"),
  ]).toEqual(['a-b', 'c', '*']);
  expect([...referencedSteps("steps.lint.status == 'passed'")]).toEqual(['lint']);
  expect([...referencedSteps('not ( an expression')]).toEqual([]);
});

test('a template knows where its expressions begin', () => {
  expect(parseTemplate('a ${{ wave }}')).toEqual([
    { kind: 'text', text: 'a ' },
    { kind: 'expression', text: ' wave ', offset: 5 },
  ]);
});
