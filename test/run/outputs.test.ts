/** What steps hand on, written by programs that may mean harm. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseOutputs } from '../../src/run/outputs.ts';

describe('parseOutputs', () => {
  test.each([
    ['nothing', '', {}],
    ['a pair a line', 'a=1\nb-2=x y\n_c=\n', { a: '1', 'b-2': 'x y', _c: '' }],
    ['no line feed at the end', 'a=1', { a: '1' }],
    ['line ends of Windows', 'a=1\r\nb<<E\r\nx\r\ny\r\nE\r\n', { a: '1', b: 'x\ny' }],
    ['a byte order mark', '\uFEFFa=1\n', { a: '1' }],
    ['more equals signs', 'a=b=c\n', { a: 'b=c' }],
    ['a heredoc', 'a<<END\nx=1\n\ny<<z\nEND\nb=2\n', { a: 'x=1\n\ny<<z', b: '2' }],
    ['an empty heredoc', 'a<<END\nEND\n', { a: '' }],
    ['a value with two angles', 'a=x<<y\n', { a: 'x<<y' }],
    ['the last of a name that comes twice', 'a=1\na=2\n', { a: '2' }],
    ['an expression, as text', 'a=${{ secrets.x }}\n', { a: '${{ secrets.x }}' }],
  ])('reads %s', (_name, text, outputs) => {
    expect(parseOutputs(text)).toEqual({ ok: true, outputs });
  });

  test.each([
    ['no pair', 'a=1\nhello\n', 'line 2 of $ORCH_OUTPUT is not `name=value`'],
    ['no name', '=1\n', 'line 1'],
    ['a name that no variable can have', 'a b=1\n', 'line 1'],
    ['a name that begins with a digit', '1a=1\n', 'line 1'],
    ['a name of 101 characters', `${'a'.repeat(101)}=1\n`, 'line 1'],
    ['one angle', 'a<b=1\n', 'line 1'],
    ['a heredoc without an end', 'x=1\na<<END\nEND \n', 'line 2'],
    ['a heredoc without a delimiter', 'a<<\n\n', 'line 1'],
    ['a NUL', 'a=1\nb=\0\n', 'line 2 of $ORCH_OUTPUT holds a NUL'],
    ['a NUL in a heredoc', 'a<<E\nx\ny\0\nE\n', 'line 3 of $ORCH_OUTPUT holds a NUL'],
  ])('refuses %s, and says where', (_name, text, problem) => {
    const parsed = parseOutputs(text);
    expect(parsed).toMatchObject({ ok: false });
    expect(!parsed.ok && parsed.problem).toContain(problem);
  });

  test('gives every name a place of its own, also one that every object has', () => {
    const parsed = parseOutputs('__proto__=evil\nconstructor=x\n');
    expect(parsed.ok && Object.entries(parsed.outputs)).toEqual([
      ['__proto__', 'evil'],
      ['constructor', 'x'],
    ]);
    expect(Object.getPrototypeOf(parsed.ok && parsed.outputs)).toBe(Object.prototype);
  });

  test('says a problem in a few words, however long the line is', () => {
    const parsed = parseOutputs(`a<<${'x'.repeat(1_000_000)}\n`);
    expect(!parsed.ok && parsed.problem.length).toBeLessThan(200);
  });

  test('takes any text without harm, in time that grows with its length alone', () => {
    const piece = fc.constantFrom(
      'a',
      '=',
      '<<',
      '<',
      '\n',
      '\r',
      'E',
      '\0',
      'b<<E\n',
      'E\n',
      '\uFEFF',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const parsed = parseOutputs(pieces.join(''));
        for (const [name, value] of Object.entries(parsed.ok ? parsed.outputs : {})) {
          expect(name).toMatch(/^[A-Za-z_][\w-]*$/);
          expect(value).not.toContain('\0');
        }
      }),
    );
    expect(parseOutputs('a<<E\nE\n'.repeat(100_000)).ok).toBe(true);
  });

  test('reads back whatever is written as a heredoc', () => {
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\r]/.test(text));
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const text = values.map((each, at) => `v${at}<<END-${at}\n${each}\nEND-${at}\n`).join('');
        const outputs = Object.fromEntries(values.map((each, at) => [`v${at}`, each]));
        expect(parseOutputs(text)).toEqual({ ok: true, outputs });
      }),
    );
  });
});
