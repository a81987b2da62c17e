/** Time and chance: what pure rooms are given as arguments. */
export interface Clock {
  /** Wall clock, milliseconds since 1970; it may jump. For people and for waits that outlive a process. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary start; for timeouts and backoff. */
  monotonic(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls back once after `delayMs`. */
  timer(delayMs: number, elapsed: () => void): Disposable;
}
