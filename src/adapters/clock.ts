/**
 * The real clock. Its timers keep the process alive until they fire or are disposed of: whoever
 * waits for something holds the timer, and lets go of it when the wait is over.
 */
import type { Clock } from '../ports/clock.ts';

/** Above this setTimeout fires at once (the delay is a signed 32 bit number); about 24.8 days. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    timer: startTimer,
  };
}

/** A timer of any length: one longer than setTimeout can take is waited for in pieces. */
function startTimer(delayMs: number, elapsed: () => void): Disposable {
  let handle: NodeJS.Timeout;
  const wait = (remainingMs: number): void => {
    const pieceMs = Math.min(remainingMs, LONGEST_TIMEOUT_MS);
    handle = setTimeout(() => {
      if (remainingMs > pieceMs) wait(remainingMs - pieceMs);
      else elapsed();
    }, pieceMs);
  };
  wait(delayMs);
  return { [Symbol.dispose]: () => clearTimeout(handle) };
}
