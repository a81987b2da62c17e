import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanLogLine, LineSplitter } from '../../src/view/log-text.ts';

describe('cleanLogLine', () => {
  test.for([
    { name: 'plain text stays', line: 'a\tb', plain: 'a\tb', coloured: 'a\tb' },
    {
      name: 'a colour stays where it is wanted, and ends with the line',
      line: '\x1b[1;31mred',
      plain: 'red',
      coloured: '\x1b[1;31mred\x1b[0m',
    },
    {
      name: 'the cursor, the title and the clipboard are left alone',
      line: 'a\x1b[2J\x1b[10;10Hb\x1b]0;title\x07c\x1b]52;c;aGk=\x1b\\d',
      plain: 'abcd',
      coloured: 'abcd',
    },
    {
      name: 'a progress bar shows its last state',
      line: '10%\r50%\r100%\r',
      plain: '100%',
      coloured: '100%',
    },
    {
      name: 'what turns text around is made visible',
      line: 'a\u202eb',
      plain: 'a\ufffdb',
      coloured: 'a\ufffdb',
    },
    {
      name: 'a sequence that never ends is taken away',
      line: 'a\x1b[',
      plain: 'a',
      coloured: 'a',
    },
  ])('$name', ({ line, plain, coloured }) => {
    expect(cleanLogLine(line, false)).toBe(plain);
    expect(cleanLogLine(line, true)).toBe(coloured);
  });

  const noise = fc.string({
    unit: fc.constantFrom(
      'a',
      '\x1b',
      '[',
      ']',
      '3',
      '1',
      'm',
      ';',
      '?',
      'J',
      '\x07',
      '\\',
      '\r',
      '\x9b',
      'P',
    ),
  });

  test('nothing but styles can come through, whatever stands around it', () => {
    fc.assert(
      fc.property(noise, (line) => {
        expect(cleanLogLine(line, false)).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
        const rest = cleanLogLine(line, true).replace(/\x1b\[[0-9;]*m/g, '');
        expect(rest).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      }),
    );
  });

  test('many sequences that never end are no work', () => {
    expect(cleanLogLine('\x1b]'.repeat(200_000), true)).toBe('');
  });
});

describe('LineSplitter', () => {
  test('gives the same lines however the bytes are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', 'ä', '猫', '🙂') });
    fc.assert(
      fc.property(text, fc.array(fc.nat(12)), (whole, cuts) => {
        const bytes = new TextEncoder().encode(whole);
        const splitter = new LineSplitter();
        const lines: string[] = [];
        let from = 0;
        for (const length of [...cuts, bytes.length]) {
          lines.push(...splitter.take(bytes.subarray(from, from + length)));
          from += length;
        }
        lines.push(...splitter.end());
        const expected = whole.split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(lines).toEqual(expected);
      }),
    );
  });

  test('output without line feeds does not pile up', () => {
    const splitter = new LineSplitter();
    const piece = new TextEncoder().encode('x'.repeat(1 << 19));
    const taken = [1, 2, 3].flatMap(() => splitter.take(piece));
    expect(taken).toHaveLength(1);
  });
});
