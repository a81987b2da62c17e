/** How an attempt is judged, and whether another follows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FailureKind } from '../../src/run/events.ts';
import { MAX_CRASHES, retryDelayMs } from '../../src/run/retry.ts';
import { failureOf, type Outcome, statusOf } from '../../src/run/verdict.ts';

const ENDED: Outcome = {
  exitCode: 0,
  durationS: 1,
  resources: null,
  lost: false,
  survivors: 0,
};

describe('failureOf', () => {
  test.each([
    ['exit code 0', ENDED, undefined],
    ['another exit code', { ...ENDED, exitCode: 3 }, { kind: 'exit', message: 'exit code 3' }],
    ['a signal', { ...ENDED, exitCode: 137 }, { kind: 'signal', message: 'ended by SIGKILL' }],
    [
      'an exit code that no signal has',
      { ...ENDED, exitCode: 255 },
      { kind: 'exit', message: 'exit code 255' },
    ],
    [
      'a lost process',
      { ...ENDED, exitCode: null, lost: true },
      { kind: 'crash', message: 'its process was lost without an exit code' },
    ],
    [
      'a lost process that left others',
      { ...ENDED, exitCode: null, lost: true, survivors: 2 },
      {
        kind: 'crash',
        message: 'its process was lost without an exit code; 2 of its processes could not be ended',
      },
    ],
    [
      'a stop, though it ended well',
      { ...ENDED, stopped: { kind: 'timeout', message: 'too long' } },
      { kind: 'timeout', message: 'too long' },
    ],
    [
      'a stop that something survived',
      { ...ENDED, exitCode: 143, stopped: { kind: 'cancelled', message: 'x' }, survivors: 1 },
      { kind: 'cancelled', message: 'x; 1 of its processes could not be ended' },
    ],
  ] satisfies [string, Outcome, unknown][])('of %s', (_name, outcome, failure) => {
    expect(failureOf(outcome)).toEqual(failure);
  });
});

test('what a person or another failure ended is cancelled, everything else failed', () => {
  expect(statusOf(undefined)).toBe('passed');
  expect(statusOf({ kind: 'cancelled', message: '' })).toBe('cancelled');
  expect(statusOf({ kind: 'interrupted', message: '' })).toBe('cancelled');
  expect(statusOf({ kind: 'crash', message: '' })).toBe('failed');
});

describe('retryDelayMs', () => {
  const kinds: FailureKind[] = [
    'exit',
    'timeout',
    'stall',
    'signal',
    'missing_output',
    'bad_output',
  ];
  const never: FailureKind[] = ['expression', 'rejected', 'unavailable', 'cancelled', 'child'];
  const retry = fc.record({
    maxAttempts: fc.integer({ min: 1, max: 100 }),
    backoffMs: fc.nat({ max: 3_600_000 }),
    maxBackoffMs: fc.nat({ max: 86_400_000 }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test('gives as many attempts as are allowed, and a delay between nothing and the ceiling', () => {
    fc.assert(
      fc.property(
        retry,
        fc.nat({ max: 3_000 }),
        fc.constantFrom(...kinds),
        random,
        (r, counted, kind, x) => {
          const delayMs = retryDelayMs(r, { kind, counted, crashes: 0 }, x);
          if (counted + 1 >= r.maxAttempts) {
            expect(delayMs).toBeUndefined();
            return;
          }
          const ceilingMs = Math.min(r.maxBackoffMs, r.backoffMs * 2 ** Math.min(counted, 40));
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThanOrEqual(ceilingMs);
          expect(Number.isInteger(delayMs)).toBe(true);
        },
      ),
    );
  });

  test('uses the whole range below the ceiling, which doubles until it is as high as it may be', () => {
    const r = { maxAttempts: 99, backoffMs: 1_000, maxBackoffMs: 5_000 };
    const highest = [0, 1, 2, 3, 50].map((counted) =>
      retryDelayMs(r, { kind: 'exit', counted, crashes: 0 }, 0.999_999),
    );
    expect(highest).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(retryDelayMs(r, { kind: 'exit', counted: 3, crashes: 0 }, 0)).toBe(0);
  });

  test('is a number also where there is no backoff and no end of attempts', () => {
    const r = { maxAttempts: 1e9, backoffMs: 0, maxBackoffMs: 60_000 };
    expect(retryDelayMs(r, { kind: 'exit', counted: 5_000, crashes: 0 }, 0.5)).toBe(0);
  });

  test('starts a lost process again at once, a few times, whatever retry says', () => {
    const r = { maxAttempts: 1, backoffMs: 1_000, maxBackoffMs: 1_000 };
    const delays = Array.from({ length: MAX_CRASHES }, (_, crashes) =>
      retryDelayMs(r, { kind: 'crash', counted: 9, crashes }, 0.5),
    );
    expect(delays).toEqual([0, 0, undefined]);
  });

  test.each(never)('never tries again after %s', (kind) => {
    const r = { maxAttempts: 9, backoffMs: 1, maxBackoffMs: 1 };
    expect(retryDelayMs(r, { kind, counted: 0, crashes: 0 }, 0.5)).toBeUndefined();
  });
});
