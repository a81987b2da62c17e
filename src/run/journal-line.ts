/**
 * One event as one line of the journal. Which line of which file may be broken, and what follows, is
 * journal-read.ts.
 */
import { decodeChecked, encodeChecked } from '../base/checked-json.ts';
import { hasEventShape } from './event-checks.ts';
import { EVENT_MEANINGS, EVENT_VERSION, type RunEvent } from './events.ts';

/** The line without its line feed. */
export function encodeEvent(event: RunEvent): string {
  return encodeChecked(event);
}

export type DecodedLine =
  | { readonly ok: true; readonly event: RunEvent }
  | { readonly ok: false; readonly problem: 'damaged' | 'newer'; readonly version?: number };

/** Never throws: a line is an event, damaged, or from a newer orch. */
export function decodeLine(line: string): DecodedLine {
  const value = decodeChecked(line);
  if (!isEvent(value)) return { ok: false, problem: 'damaged' };
  if (value.v > EVENT_VERSION) return { ok: false, problem: 'newer', version: value.v };
  if (!Object.hasOwn(EVENT_MEANINGS, value.type)) return { ok: false, problem: 'newer' };
  if (!hasEventShape(value)) return { ok: false, problem: 'damaged' };
  return { ok: true, event: value };
}

/** Looked at although the checksum fits: anybody can make one. */
function isEvent(value: unknown): value is RunEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { v, seq, type, at } = value as Partial<RunEvent>;
  return (
    typeof v === 'number' &&
    typeof seq === 'number' &&
    typeof type === 'string' &&
    typeof at === 'string' &&
    !Number.isNaN(Date.parse(at))
  );
}
