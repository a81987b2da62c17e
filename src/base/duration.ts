/**
 * Durations as people write them (`1h30m`), strictly: the units stand from large to small, each at
 * most once, and a bare number is refused because nobody can tell whether seconds or milliseconds
 * were meant. parse-duration adds up; what may be written is decided here, since that library takes
 * any text that has a number somewhere.
 */
import parseDurationText from 'parse-duration';

const NUMBER = String.raw`\d{1,9}(?:\.\d{1,9})?`;
/** Source of the accepted form, for JSON Schemas too. */
export const DURATION_PATTERN = `^(?=\\d)(?:${NUMBER}w)? ?(?:${NUMBER}d)? ?(?:${NUMBER}h)? ?(?:${NUMBER}m)? ?(?:${NUMBER}s)? ?(?:${NUMBER}ms)?$`;
const DURATION = new RegExp(DURATION_PATTERN);
/** Longer than any run; keeps sums of durations exact. */
const MAX_DURATION_MS = 100 * 366 * 86_400_000;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** Milliseconds, rounded to whole ones; undefined when the text is not a duration such as `90s` or `1h30m`. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const durationMs = parseDurationText(text) ?? 0;
  return durationMs <= MAX_DURATION_MS ? Math.round(durationMs) : undefined;
}

/** The text parseDuration takes back: `1h30m`, `1s500ms`, `0s`. Fractions of a millisecond are rounded. */
export function formatDuration(durationMs: number): string {
  let rest = Math.round(durationMs);
  if (!Number.isFinite(rest) || rest < 0) throw new Error(`not a duration: ${durationMs}`);
  let text = '';
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}
