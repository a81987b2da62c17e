/** Waiting for what another process does: looks again and again, seldom enough to cost nothing. */
import type { Clock } from '../ports/clock.ts';

const FIRST_LOOK_MS = 5;
const LONGEST_GAP_MS = 100;

/**
 * @param isSo looked at first at once, then with growing gaps
 * @returns false when it was not so within `limitMs`
 */
export async function waitUntil(
  clock: Clock,
  limitMs: number,
  isSo: () => boolean,
): Promise<boolean> {
  const deadline = clock.monotonic() + limitMs;
  for (let gapMs = FIRST_LOOK_MS; !isSo(); gapMs = Math.min(gapMs * 1.5, LONGEST_GAP_MS)) {
    const remainingMs = deadline - clock.monotonic();
    if (remainingMs <= 0) return false;
    await new Promise<void>((resolve) => clock.timer(Math.min(gapMs, remainingMs), resolve));
  }
  return true;
}
