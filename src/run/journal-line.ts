/**
 * One event as one line of JSON that ends in its own checksum: `{...,"crc":"1a2b3c4d"}`. The line
 * stays valid JSON, so that every tool can read a journal, and any flipped bit shows.
 *
 * Which line of which file may be broken, and what follows, is journal-read.ts.
 */
import { crc32 } from 'node:zlib';
import { EVENT_MEANINGS, EVENT_VERSION, type RunEvent } from './events.ts';

const CRC_KEY = ',"crc":"';
/** `,"crc":"` + 8 hex digits + `"}` */
const TAIL_CHARS = CRC_KEY.length + 10;

/** The line without its line feed. */
export function encodeEvent(event: RunEvent): string {
  const body = JSON.stringify(event).slice(0, -1); // Without the closing brace: the checksum comes before it.
  return `${body}${CRC_KEY}${checksum(body)}"}`;
}

export type DecodedLine =
  | { readonly ok: true; readonly event: RunEvent }
  | { readonly ok: false; readonly problem: 'damaged' | 'newer'; readonly version?: number };

/** Never throws: a line is an event, damaged, or from a newer orch. */
export function decodeLine(line: string): DecodedLine {
  const body = line.slice(0, -TAIL_CHARS);
  if (line.slice(-TAIL_CHARS) !== `${CRC_KEY}${checksum(body)}"}`) {
    return { ok: false, problem: 'damaged' };
  }
  const event = parse(`${body}}`);
  if (event === undefined) return { ok: false, problem: 'damaged' };
  if (event.v > EVENT_VERSION) return { ok: false, problem: 'newer', version: event.v };
  if (!Object.hasOwn(EVENT_MEANINGS, event.type)) return { ok: false, problem: 'newer' };
  return { ok: true, event };
}

/** A checksum is no proof of who wrote a line: anybody can make one. */
function parse(text: string): RunEvent | undefined {
  let value: Partial<RunEvent> | null;
  try {
    value = JSON.parse(text) as Partial<RunEvent> | null;
  } catch {
    return undefined; // Nothing follows from where exactly it breaks.
  }
  const isEvent =
    typeof value === 'object' &&
    typeof value?.v === 'number' &&
    typeof value.seq === 'number' &&
    typeof value.type === 'string' &&
    typeof value.at === 'string' &&
    !Number.isNaN(Date.parse(value.at));
  return isEvent ? (value as RunEvent) : undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
