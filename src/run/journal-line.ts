/**
 * One event as one line of JSON that ends in its own checksum: `{...,"crc":"1a2b3c4d"}`. The line
 * stays valid JSON, so that every tool can read a journal, and any flipped bit shows.
 *
 * Which line of which file may be broken, and what follows, is journal-read.ts.
 */
import { crc32 } from 'node:zlib';
import { EVENT_VERSION, type RunEvent } from './events.ts';

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
  const event = JSON.parse(`${body}}`) as RunEvent; // The checksum says that orch wrote it.
  if (event.v > EVENT_VERSION) return { ok: false, problem: 'newer', version: event.v };
  return { ok: true, event };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
