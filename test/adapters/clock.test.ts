import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClock } from '../../src/adapters/clock.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

test.for([0, 20, DAY_MS, 60 * DAY_MS])(
  'a timer of %i ms fires once, then and not before',
  (delayMs) => {
    const elapsed = vi.fn();
    createClock().timer(delayMs, elapsed);
    if (delayMs > 0) {
      vi.advanceTimersByTime(delayMs - 1);
      expect(elapsed).not.toHaveBeenCalled();
    }
    vi.advanceTimersByTime(60 * DAY_MS);
    expect(elapsed).toHaveBeenCalledOnce();
  },
);

test('a timer that is disposed of never fires and keeps nothing alive, also in its second piece', () => {
  const elapsed = vi.fn();
  const timer = createClock().timer(60 * DAY_MS, elapsed);
  vi.advanceTimersByTime(30 * DAY_MS);
  timer[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(elapsed).not.toHaveBeenCalled();
});

test('monotonic time never goes back and chance stays below one', () => {
  const clock = createClock();
  const times = Array.from({ length: 1000 }, () => clock.monotonic());
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (let n = 0; n < 1000; n += 1) {
    const chance = clock.random();
    expect(chance).toBeGreaterThanOrEqual(0);
    expect(chance).toBeLessThan(1);
  }
});
