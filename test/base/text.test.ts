import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clipToWidth,
  closestMatch,
  displayWidth,
  editDistance,
  joinWords,
  plural,
  stripControl,
} from '../../src/base/text.ts';

describe('closestMatch', () => {
  test.for([
    { word: 'implment', among: ['implement', 'design'], near: 'implement' },
    { word: 'tset', among: ['lint', 'test'], near: 'test' },
    { word: 'Needs', among: ['needs'], near: 'needs' },
    { word: 'build', among: ['test', 'lint'], near: undefined },
    { word: 'ab', among: ['xy'], near: undefined },
    { word: '', among: ['a'], near: undefined },
    { word: 'x'.repeat(100), among: ['x'.repeat(99)], near: undefined },
  ])('$word among $among is $near', ({ word, among, near }) => {
    expect(closestMatch(word, among)).toBe(near);
  });

  test('the distance is symmetric, zero only for equals, and bounded by the limit', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (left, right) => {
        expect(editDistance(left, right, 20)).toBe(editDistance(right, left, 20));
        expect(editDistance(left, right, 20) === 0).toBe(left === right);
        expect(editDistance(left, right, 1)).toBe(Math.min(2, editDistance(left, right, 20)));
      }),
    );
  });
});

describe('width', () => {
  test.for([
    { text: 'abc', width: 3 },
    { text: '日本', width: 4 },
    { text: 'e\u0301', width: 1 },
    { text: '👩‍👩‍👧', width: 2 },
  ])('$text takes $width columns', ({ text, width }) => {
    expect(displayWidth(text)).toBe(width);
  });

  test('a clipped text fits, begins as the text does, and says that something is missing', () => {
    expect(clipToWidth('日本語', 5)).toBe('日本…');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        fc.integer({ min: 1, max: 30 }),
        (text, width) => {
          const clipped = clipToWidth(text, width);
          expect(displayWidth(clipped)).toBeLessThanOrEqual(width);
          if (clipped !== text) expect(text.startsWith(clipped.slice(0, -1))).toBe(true);
        },
      ),
    );
  });
});

test('no character that steers a terminal survives stripControl', () => {
  expect(stripControl('a\x1b[31mb\u202ec\td')).toBe('a\ufffd[31mb\ufffdc\td');
});

test('words are counted and joined as people do', () => {
  expect([plural(1, 'step'), plural(2, 'step'), plural(0, 'entry', 'entries')]).toEqual([
    '1 step',
    '2 steps',
    '0 entries',
  ]);
  expect([joinWords(['a'], 'or'), joinWords(['a', 'b', 'c'], 'and')]).toEqual(['a', 'a, b and c']);
});
