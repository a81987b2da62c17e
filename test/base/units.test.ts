import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DURATION_PATTERN, formatDuration, parseDuration } from '../../src/base/duration.ts';
import { formatSize, parseSize, SIZE_PATTERN } from '../../src/base/size.ts';

describe('durations', () => {
  test.for([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['500ms', 500],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['0s', 0],
  ] as const)('%s is %i ms', ([text, durationMs]) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  test.for([
    '20',
    '',
    ' ',
    '-5m',
    '30m1h',
    '5m5m',
    '5 minutes',
    '1mo',
    'NaN',
    'Infinity',
    '1e3s',
    '999999999w',
    '5m\n',
    '1,000s',
  ])('%j is no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('what is formatted parses back to the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000_000_000_000 }), (durationMs) => {
        expect(parseDuration(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
    expect(() => formatDuration(-1)).toThrow('not a duration');
  });

  test('the pattern for editors takes what the parser takes', () => {
    expect(new RegExp(DURATION_PATTERN).test('1h30m')).toBe(true);
    expect(new RegExp(DURATION_PATTERN).test('20')).toBe(false);
  });
});

describe('sizes', () => {
  test.for([
    ['10MB', 10_485_760],
    ['2G', 2_147_483_648],
    ['1.5 KB', 1_536],
    ['512B', 512],
    ['1MiB', 1_048_576],
  ] as const)('%s is %i bytes', ([text, sizeBytes]) => {
    expect(parseSize(text)).toBe(sizeBytes);
    expect(new RegExp(SIZE_PATTERN).test(text)).toBe(true);
  });

  test.for(['10', '', '-1MB', '1.5B', 'NaN', '10XB', 'MB', '999999999TB'])(
    '%j is no size',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  test('sizes read well, and round ones come back exactly', () => {
    expect([formatSize(10_485_760), formatSize(0), formatSize(1_536)]).toEqual([
      '10MB',
      '0B',
      '1.5KB',
    ]);
    expect(() => formatSize(Number.NaN)).toThrow('not a size');
  });
});
