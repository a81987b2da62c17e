/**
 * A run's journal from its segments: which events are to be believed.
 *
 * Only the end of the last segment may be torn: a line without its line feed was being written when
 * the machine or the process died, nobody acted on it, and it is cut off before the next append.
 * Everything else that does not parse is damage, and the reader refuses rather than skip a step.
 *
 * Pure: bytes in, events out. Cutting the file is the engine's business.
 */
import { OrchError } from '../base/errors.ts';
import type { RunEvent } from './events.ts';
import { decodeLine } from './journal-line.ts';

export interface Segment {
  readonly number: number;
  /** For messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Journal {
  readonly events: readonly RunEvent[];
  /** Segment that the next event goes to. */
  readonly nextSegment: number;
  /** The torn end of the last segment, to be cut to this length before anything is appended. */
  readonly torn?: { readonly path: string; readonly validBytes: number };
}

const LINE_FEED = 10;

/**
 * @param segments in order of their numbers
 * @throws OrchError ORCH_JOURNAL_DAMAGED, ORCH_JOURNAL_NEWER
 */
export function readJournal(segments: readonly Segment[]): Journal {
  const events: RunEvent[] = [];
  let torn: Journal['torn'];
  for (const [position, segment] of segments.entries()) {
    if (segment.number !== position) throw missingSegment(position, segment);
    const isLast = position === segments.length - 1;
    const before = events.length;
    const validBytes = readSegment(segment, events);
    const isWhole = events.length > before && events.at(-1)?.type === 'checkpoint.started';
    if (!isLast && !isWhole) throw damaged(segment, 'its end is missing');
    if (validBytes === segment.bytes.length) continue;
    if (!isLast) throw damaged(segment, 'something stands behind its end');
    torn = { path: segment.path, validBytes };
  }
  return { events, nextSegment: nextSegmentOf(events, segments.length), ...(torn && { torn }) };
}

/** The number of the segment that follows: a new one after each checkpoint.started, which is a segment's last. */
function nextSegmentOf(events: readonly RunEvent[], count: number): number {
  if (count === 0) return 0;
  return events.filter((event) => event.type === 'checkpoint.started').length;
}

/** Appends the segment's events; returns how many bytes of it are whole lines. */
function readSegment(segment: Segment, events: RunEvent[]): number {
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  const first = events.length;
  let start = 0;
  for (let end = segment.bytes.indexOf(LINE_FEED); end !== -1; ) {
    const line = decoder.decode(segment.bytes.subarray(start, end));
    const decoded = decodeLine(line);
    if (!decoded.ok)
      throw decoded.problem === 'newer' ? newer(segment) : damaged(segment, line.slice(0, 60));
    if (decoded.event.seq !== events.length + 1) {
      throw damaged(segment, `event ${decoded.event.seq} stands where ${events.length + 1} should`);
    }
    if (events.length > first && events.at(-1)?.type === 'checkpoint.started')
      throw damaged(segment, 'it goes on behind the last event of a segment');
    events.push(decoded.event);
    start = end + 1;
    end = segment.bytes.indexOf(LINE_FEED, start);
  }
  return start;
}

function damaged(segment: Segment, detail: string): OrchError {
  const run = /([^/]+)\/events\/[^/]+$/.exec(segment.path)?.[1] ?? '<run>';
  const committed = `orch/${run}:.orch/runs/${run}/events/${segment.number}.jsonl`;
  return new OrchError(
    'ORCH_JOURNAL_DAMAGED',
    `${segment.path} is damaged: ${JSON.stringify(detail)}`,
    {
      fix: `take the file from the newest checkpoint: git show ${committed}; or see what the checkpoints hold: orch audit ${run}; nothing was changed`,
    },
  );
}

function missingSegment(position: number, segment: Segment): OrchError {
  return damaged(segment, `segment ${position} is missing before it`);
}

function newer(segment: Segment): OrchError {
  return new OrchError('ORCH_JOURNAL_NEWER', `${segment.path} was written by a newer orch`, {
    fix: 'npm install --global git-orch@latest',
  });
}
