/** Files that were made to hurt, and files that were broken at random: one clear message, never a crash. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidFileError } from '../../src/base/errors.ts';
import { parseConfig } from '../../src/workflow/config-schema.ts';
import { parseWorkflow } from './parse-workflow.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');
const FIXTURES = ['add-search.yaml', 'check.yaml'].map(fixture);

/** The mistakes of a text; anything thrown that is no InvalidFileError fails the test. */
function mistakesIn(text: string): InvalidFileError | undefined {
  try {
    parseWorkflow(text, 'w.yaml');
    return undefined;
  } catch (error) {
    if (error instanceof InvalidFileError) return error;
    throw error;
  }
}

describe('hostile files', () => {
  const deep = (open: string): string => open.repeat(20_000);
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from(
      { length: 12 },
      (_, i) =>
        `${'bcdefghijklm'[i]}: &${'bcdefghijklm'[i]} [${Array(10).fill(`*${'abcdefghijkl'[i]}`).join(', ')}]`,
    ),
  ].join('\n');
  test.for([
    { name: 'brackets 20,000 deep', text: deep('['), what: 'nested more than 64 levels deep' },
    { name: 'braces 20,000 deep', text: deep('{"a":'), what: 'nested more than 64 levels deep' },
    { name: 'dashes 20,000 deep', text: deep('- '), what: 'nested more than 64 levels deep' },
    {
      name: 'indentation 3,000 deep',
      text: Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      what: 'nested more than 64 levels deep',
    },
    {
      name: 'an alias bomb',
      text: bomb,
      what: 'aliases make the file hold more than 100000 values',
    },
    {
      name: 'an alias in itself',
      text: 'steps: &s { a: *s }',
      what: 'the alias "*s" stands inside what it names',
    },
    {
      name: 'an alias of nothing',
      text: 'steps: *s',
      what: 'the alias "*s" has no anchor "&s" before it',
    },
    {
      name: 'a NUL',
      text: 'name: a\0b\n',
      what: 'a control character (U+0000) stands in the file',
    },
    {
      name: '10 MB',
      text: `name: ${'x'.repeat(10_000_000)}`,
      what: 'the file has 10000006 characters',
    },
    {
      name: 'a __proto__ key',
      text: 'steps: { a: { run: x } }\n__proto__: { polluted: yes }\n',
      what: 'the key "__proto__" is not allowed',
    },
    {
      name: 'a __proto__ step',
      text: 'steps: { __proto__: { run: x }, a: { run: x } }\n',
      what: 'the key "__proto__" is not allowed',
    },
    {
      name: 'two documents',
      text: 'steps: { a: { run: x } }\n---\nb: 1\n',
      what: 'the file holds more than one YAML document',
    },
    {
      name: 'a tag',
      text: 'steps: { a: { run: !!js/function x } }\n',
      what: 'YAML tags ("!name") are not supported',
    },
    { name: 'a key that is a list', text: '? [a, b]\n: 1\n', what: 'a key must be plain text' },
  ])('$name gives one clear message', ({ text, what }) => {
    const error = mistakesIn(text);
    expect(error?.diagnostics[0]?.what).toContain(what);
    expect(error?.diagnostics.length).toBe(1);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('names that every object has are names like any other', () => {
    const text =
      'inputs: { toString: {} }\nsteps: { constructor: { run: x, when: inputs.toString }, hasOwnProperty: { run: y, needs: [constructor] } }\n';
    const workflow = parseWorkflow(text);
    expect(workflow.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['constructor', []],
      ['hasOwnProperty', ['constructor']],
    ]);
    expect(
      mistakesIn(
        'steps: { a: { run: x, needs: [valueOf], uses: { valueOf: 1 } } }\n',
      )?.diagnostics.map(({ code }) => code),
    ).toEqual(['ORCH_UNKNOWN_STEP', 'ORCH_POOL']);
  });

  test('a byte order mark and CRLF change neither meaning nor places', () => {
    const text = 'steps:\n  a:\n    run: |\n      x\n      y\n    needs: [b]\n';
    const error = mistakesIn(`\ufeff${text.replaceAll('\n', '\r\n')}`);
    expect(error?.diagnostics[0]?.spot).toMatchObject({ line: 6, column: 13 });
    expect(error?.rendered).not.toContain('\r');
    expect(
      parseWorkflow(`\ufeff${text.replaceAll('\n', '\r\n').replace('[b]', '[]')}`).steps[0]?.run,
    ).toBe('x\ny\n');
  });
});

describe('a valid file, mutated at random', () => {
  const mutation = fc.record({
    text: fc.constantFrom(...FIXTURES),
    cuts: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        length: fc.integer({ min: 0, max: 12 }),
        insert: fc.oneof(
          fc.constant(''),
          fc.string({ unit: 'binary', maxLength: 4 }),
          fc.constantFrom(
            '\n',
            '  ',
            ': ',
            '- ',
            '${{',
            '}}',
            '[',
            '{',
            '"',
            "'",
            '&a ',
            '*a',
            '!x',
            'null',
            '-1',
            '\t',
            '|',
            '__proto__: 1\n',
          ),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });
  const apply = (
    text: string,
    cuts: readonly { at: number; length: number; insert: string }[],
  ): string =>
    cuts.reduce((now, { at, length, insert }) => {
      const start = Math.floor(at * now.length);
      return now.slice(0, start) + insert + now.slice(start + length);
    }, text);

  test('gives a workflow or mistakes inside the file, and the same ones again', () => {
    fc.assert(
      fc.property(mutation, ({ text, cuts }) => {
        const mutant = apply(text, cuts);
        const error = mistakesIn(mutant);
        expect(mistakesIn(mutant)?.rendered).toBe(error?.rendered);
        const lines = mutant.replace(/^\ufeff/, '').split('\n');
        for (const { spot, fix, related = [] } of error?.diagnostics ?? []) {
          expect(fix).not.toBe('');
          for (const { line, column } of [spot, ...related.map((other) => other.spot)]) {
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThanOrEqual(1);
            expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test('any text at all, as workflow and as config', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        mistakesIn(text);
        try {
          parseConfig(text, 'config.yaml');
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidFileError);
        }
      }),
    );
  });
});

describe('large files', () => {
  const large = (count: number, needs: (index: number) => string): string =>
    `steps:\n${Array.from({ length: count }, (_, i) => `  s${i}:\n    needs: [${needs(i)}]\n    run: node step.js ${i}\n`).join('')}`;

  test('10,000 steps parse, in the order of the file', () => {
    const workflow = parseWorkflow(large(10_000, (i) => (i < 4 ? '' : `s${i >> 1}, s${i >> 2}`)));
    expect(workflow.steps.length).toBe(10_000);
    expect(workflow.steps.at(-1)).toMatchObject({
      id: 's9999',
      needs: ['s4999', 's2499'],
      spot: { line: 29_999, column: 3 },
    });
  });

  test('a chain of 10,000 steps and a circle of 10,000 steps need no deep stack', () => {
    expect(parseWorkflow(large(10_000, (i) => (i === 0 ? '' : `s${i - 1}`))).steps.length).toBe(
      10_000,
    );
    const error = mistakesIn(large(10_000, (i) => `s${(i + 1) % 10_000}`));
    expect(error?.diagnostics.map(({ what }) => what)).toEqual([
      'steps wait for each other in a circle: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> s8 -> s9 -> ... -> s9999 -> s0',
    ]);
  });

  test('10,000 mistakes are all found', () => {
    expect(mistakesIn(large(10_000, (i) => `t${i}`))?.diagnostics.length).toBe(10_000);
  });
});
