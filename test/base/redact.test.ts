/** Values are taken out of a stream whole, however it is cut, and nothing else is touched. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor, MASK } from '../../src/base/redact.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The same bytes in pieces of these lengths, the rest in one. */
function inPieces(
  values: readonly string[],
  whole: Uint8Array,
  lengths: readonly number[],
): Uint8Array {
  const stream = createRedactor(values).stream();
  const out: Uint8Array[] = [];
  let from = 0;
  for (const length of [...lengths, whole.length]) {
    out.push(stream.push(whole.slice(from, from + length)));
    from += length;
  }
  out.push(stream.end());
  return Buffer.concat(out);
}

describe('createRedactor', () => {
  test.for([
    { name: 'no values, the same text', values: [], text: 'abc', result: 'abc' },
    { name: 'a value', values: ['secret'], text: 'a secret!', result: 'a ***!' },
    { name: 'twice in a row', values: ['secret'], text: 'secretsecret', result: '******' },
    { name: 'the whole text', values: ['secret'], text: 'secret', result: '***' },
    { name: 'only the beginning of one', values: ['secret'], text: 'secre', result: 'secre' },
    { name: 'the longest one', values: ['secret', 'secret-2'], text: 'secret-2', result: '***' },
    {
      name: 'one inside another',
      values: ['cre', 'secret'],
      text: 'secret cre',
      result: '*** ***',
    },
    {
      name: 'overlapping ones as one',
      values: ['abcd', 'cdef'],
      text: 'xabcdefx',
      result: 'x***x',
    },
    { name: 'overlapping itself', values: ['aa'], text: 'baaab', result: 'b***b' },
    { name: 'a false start', values: ['aab'], text: 'aaab', result: 'a***' },
    { name: 'over several lines', values: ['one\ntwo'], text: '> one\ntwo\n', result: '> ***\n' },
    { name: 'more than ASCII', values: ['päßwörd'], text: 'das päßwörd.', result: 'das ***.' },
  ])('$name', ({ values, text, result }) => {
    const redactor = createRedactor(values);
    expect(redactor.redactText(text)).toBe(result);
    expect(textOf(redactor.redactBytes(bytesOf(text)))).toBe(result);
    const single = Array.from(bytesOf(text), () => 1);
    expect(textOf(inPieces(values, bytesOf(text), single))).toBe(result);
  });

  test('what cannot be the beginning of a value is out at once', () => {
    const stream = createRedactor(['secret']).stream();
    expect(textOf(stream.push(bytesOf('a sec')))).toBe('a ');
    expect(textOf(stream.push(bytesOf('ond')))).toBe('second');
    expect(textOf(stream.push(bytesOf('secret')))).toBe(MASK);
    expect(stream.end()).toHaveLength(0);
  });

  test('bytes that are no text stay as they are', () => {
    const bytes = Uint8Array.of(0xff, 0, 0x73, 0xc3, 0x28, ...bytesOf('secret'), 0x80);
    const redacted = createRedactor(['secret']).redactBytes(bytes);
    expect([...redacted]).toEqual([0xff, 0, 0x73, 0xc3, 0x28, ...bytesOf(MASK), 0x80]);
  });
});

/** Few letters, so that values overlap, repeat and almost fit. */
const letters = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'é'),
  minLength: 1,
  maxLength: 5,
});
const values = fc.array(letters, { maxLength: 5 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', ' '), maxLength: 60 });
const lengths = fc.array(fc.nat({ max: 7 }), { maxLength: 30 });

describe('whatever comes', () => {
  test('in any pieces the result is that of the whole', () => {
    fc.assert(
      fc.property(
        values,
        fc.uint8Array({ max: 0x66 }),
        text,
        lengths,
        (sought, noise, more, cuts) => {
          const whole = Buffer.concat([bytesOf(more), noise, bytesOf(more)]);
          const expected = createRedactor(sought).redactBytes(whole);
          expect([...inPieces(sought, whole, cuts)]).toEqual([...expected]);
        },
      ),
    );
  });

  test('no value is left', () => {
    fc.assert(
      fc.property(values, text, (sought, given) => {
        const redacted = createRedactor(sought).redactText(given);
        for (const value of sought) expect(redacted).not.toContain(value);
      }),
    );
  });

  test('a text without a value is the same', () => {
    fc.assert(
      fc.property(values, text, (sought, given) => {
        fc.pre(!sought.some((value) => given.includes(value)));
        const redactor = createRedactor(sought);
        expect(redactor.redactText(given)).toBe(given);
        expect(textOf(redactor.redactBytes(bytesOf(given)))).toBe(given);
      }),
    );
  });

  test('never more is held back than a value less one byte', () => {
    fc.assert(
      fc.property(values, text, lengths, (sought, given, cuts) => {
        fc.pre(!sought.some((value) => given.includes(value)));
        const whole = bytesOf(given);
        const longest = Math.max(1, ...sought.map((value) => bytesOf(value).length));
        const stream = createRedactor(sought).stream();
        let [from, shown] = [0, 0];
        for (const length of cuts) {
          const chunk = whole.slice(from, from + length);
          from += chunk.length;
          shown += stream.push(chunk).length;
          expect(shown).toBeGreaterThanOrEqual(from - (longest - 1));
        }
      }),
    );
  });
});
