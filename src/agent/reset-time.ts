/** When a rate limit is lifted, from the sentences in which APIs and agents say it. */

const SECOND_MS = 1_000;
const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3_600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};
/** A date farther off is a misunderstanding. */
const FARTHEST_MS = 35 * 86_400 * SECOND_MS;

/** @returns milliseconds since 1970; undefined when the text does not say, or says what cannot be */
export function resetTimeOf(text: string, nowMs: number): number | undefined {
  const atMs = epochOf(text) ?? dateOf(text) ?? afterOf(text, nowMs) ?? timeOfDayOf(text, nowMs);
  if (atMs === undefined || Number.isNaN(atMs)) return undefined;
  return atMs >= nowMs && atMs - nowMs <= FARTHEST_MS ? Math.ceil(atMs) : undefined;
}

/** `usage limit reached|1764250000`, `reset: 1764250000` */
function epochOf(text: string): number | undefined {
  const found = /(?:\||reset\w*["']?[\s:=]+(?:at )?)(1\d{9})(\d{3})?\b/i.exec(text);
  return found === null ? undefined : Number(found[1]) * SECOND_MS + Number(found[2] ?? 0);
}

/** `until 2026-11-27T10:00:00Z`, `try again at Nov 30th, 2026 8:05 PM` */
function dateOf(text: string): number | undefined {
  const iso = /\b(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)/.exec(
    text,
  );
  if (iso?.[1] !== undefined) return Date.parse(iso[1].replace(' ', 'T'));
  const words =
    /\bat ([A-Z][a-z]{2,8} \d{1,2})(?:st|nd|rd|th)?,? (\d{4}),? (\d{1,2}:\d\d ?[AP]M)/i.exec(text);
  return words === null ? undefined : Date.parse(`${words[1]}, ${words[2]} ${words[3]}`);
}

/** `try again in 5m 30s`, `retry after 20 seconds`, `Retry-After: 120`, `"retryDelay": "37s"` */
function afterOf(text: string, nowMs: number): number | undefined {
  const found =
    /(?:\bin|after["']?|retry-?delay["']?)[\s:="']+((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)?\b[\s,and]*)+)/i.exec(
      text,
    );
  if (found?.[1] === undefined) return undefined;
  let sumMs = 0;
  for (const [, amount, unit] of found[1].matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/gi))
    sumMs += Number(amount) * unitMs(unit ?? '');
  return nowMs + sumMs;
}

function unitMs(unit: string): number {
  const word = unit.toLowerCase();
  if (word === 'ms' || word.startsWith('milli')) return 1;
  return UNITS_MS[word[0] ?? 's'] ?? SECOND_MS;
}

/** `resets 3pm (Europe/Berlin)`, `try again at 8:05 PM`: the next time that a clock shows it. */
function timeOfDayOf(text: string, nowMs: number): number | undefined {
  const found =
    /\b(?:resets?|again|available)(?: at)? (\d{1,2})(?::(\d\d))? ?([ap]m)\b(?: ?\(([A-Za-z_]+(?:\/[A-Za-z_]+)*)\))?/i.exec(
      text,
    );
  if (found === null) return undefined;
  const [, hour, minute = '0', half, zone] = found;
  const wanted =
    ((Number(hour) % 12) + (half?.toLowerCase() === 'pm' ? 12 : 0)) * 60 + Number(minute);
  const now = minuteOfDay(nowMs, zone);
  if (now === undefined) return undefined;
  const minutes = (wanted - now + 1_440) % 1_440 || 1_440;
  return Math.floor(nowMs / 60_000 + minutes) * 60_000;
}

/** @param zone undefined for that of this machine @returns undefined for a zone that nobody knows */
function minuteOfDay(atMs: number, zone: string | undefined): number | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      ...(zone !== undefined && { timeZone: zone }),
    });
    const [hour, minute] = format.format(atMs).split(':');
    return Number(hour) * 60 + Number(minute);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
