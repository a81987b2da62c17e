/**
 * Journals that were cut, flipped, doubled or are from the future: the reader gives the longest
 * beginning that can be believed, or refuses in one sentence, and never another history.
 */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OrchError } from '../../src/base/errors.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { decodeLine, encodeEvent } from '../../src/run/journal-line.ts';
import { type Journal, readJournal, type Segment } from '../../src/run/journal-read.ts';
import { simulate } from './simulate.ts';

const LINE_FEED = 10;

/** As the writer would have left it: a segment ends with its checkpoint.started. */
function segmentsOf(events: readonly RunEvent[]): Segment[] {
  const texts = [''];
  for (const event of events) {
    texts[texts.length - 1] += `${encodeEvent(event)}\n`;
    if (event.type === 'checkpoint.started') texts.push('');
  }
  if (texts.at(-1) === '') texts.pop();
  return texts.map((text, number) => ({
    number,
    path: `events/${number}.jsonl`,
    bytes: new TextEncoder().encode(text),
  }));
}

/** A run that was interrupted in its third segment: with outputs, failures and names that are not ASCII. */
const EVENTS = eventsOfSomeRun();
const SEGMENTS = segmentsOf(EVENTS);
const LAST = SEGMENTS.at(-1) as Segment;

function eventsOfSomeRun(): readonly RunEvent[] {
  for (let seed = 0; ; seed++) {
    const { events } = simulate(seed);
    const starts = events.flatMap(({ type }, index) =>
      type === 'checkpoint.started' ? [index] : [],
    );
    const [, second = 0, third = 0] = starts;
    if (third - second < 8) continue;
    const some = events.slice(0, third - 2);
    return some.map((event) =>
      event.type === 'step.skipped' ? { ...event, detail: 'für „später“ — 後で' } : event,
    );
  }
}

type Result = Journal | OrchError;

function tryToRead(segments: readonly Segment[]): Result {
  try {
    return readJournal(segments);
  } catch (error) {
    if (error instanceof OrchError) return error;
    throw error;
  }
}

/** A beginning of the real history, or a refusal that says so. */
function expectBelievable(result: Result): void {
  if (result instanceof OrchError) {
    expect(['ORCH_JOURNAL_DAMAGED', 'ORCH_JOURNAL_NEWER']).toContain(result.code);
    expect(result.what).toMatch(/^events\/\d+\.jsonl /);
    expect(result.fix).not.toBe('');
    return;
  }
  expect(result.events).toEqual(EVENTS.slice(0, result.events.length));
}

function withLast(bytes: Uint8Array): Segment[] {
  return [...SEGMENTS.slice(0, -1), { ...LAST, bytes }];
}

function offsetOfRecordFromEnd(count: number): number {
  const feeds = [...LAST.bytes.entries()].flatMap(([at, byte]) => (byte === LINE_FEED ? [at] : []));
  return (feeds.at(-1 - count) ?? -1) + 1;
}

describe('a whole journal', () => {
  test('reads as it was written, and goes on in the segment it ends in', () => {
    const journal = readJournal(SEGMENTS);
    expect(journal.events).toEqual(EVENTS);
    expect(journal.nextSegment).toBe(LAST.number);
    expect(journal.torn).toBeUndefined();
    expect(SEGMENTS.length).toBeGreaterThan(2);
  });

  test('goes on in a new segment when it ends with a checkpoint', () => {
    expect(readJournal(SEGMENTS.slice(0, 2)).nextSegment).toBe(2);
    expect(readJournal([])).toEqual({ events: [], nextSegment: 0 });
  });
});

describe('a journal that was cut', () => {
  test('at every byte of its last segment: what whole lines say, and where to cut', () => {
    for (let size = 0; size < LAST.bytes.length; size++) {
      const journal = readJournal(withLast(LAST.bytes.slice(0, size)));
      const whole = LAST.bytes.subarray(0, size).lastIndexOf(LINE_FEED) + 1;
      expect(journal.events).toEqual(EVENTS.slice(0, journal.events.length));
      expect(journal.torn).toEqual(
        whole === size ? undefined : { path: LAST.path, validBytes: whole },
      );
      expect(journal.nextSegment).toBe(LAST.number);
    }
  });

  test('at every byte of every segment, those behind gone: a beginning', () => {
    for (const [number, segment] of SEGMENTS.entries()) {
      for (let size = 0; size <= segment.bytes.length; size += 3) {
        const cut = { ...segment, bytes: segment.bytes.slice(0, size) };
        const result = tryToRead([...SEGMENTS.slice(0, number), cut]);
        expectBelievable(result);
        expect(result).not.toBeInstanceOf(OrchError);
      }
    }
  });

  test('at every byte of a segment that others follow: refused', () => {
    const first = SEGMENTS[0] as Segment;
    for (let size = 0; size < first.bytes.length; size++) {
      const cut = { ...first, bytes: first.bytes.slice(0, size) };
      expect(tryToRead([cut, ...SEGMENTS.slice(1)])).toBeInstanceOf(OrchError);
    }
  });
});

describe('a journal that was changed', () => {
  test('in any byte of its last two records: a beginning or a refusal', () => {
    for (let at = offsetOfRecordFromEnd(2); at < LAST.bytes.length; at++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const bytes = LAST.bytes.slice();
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        const result = tryToRead(withLast(bytes));
        expectBelievable(result);
        // Only a line without its end may be taken for one that was being written.
        if (!(result instanceof OrchError)) expect(at).toBe(LAST.bytes.length - 1);
      }
    }
  });

  test('in any way anywhere: a beginning or a refusal', () => {
    const edit = fc.record({
      segment: fc.nat(SEGMENTS.length - 1),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(40),
      insert: fc.uint8Array({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(edit, ({ segment, at, remove, insert }) => {
        const changed = SEGMENTS.map((each) => {
          if (each.number !== segment) return each;
          const from = Math.floor(at * each.bytes.length);
          const parts = [each.bytes.slice(0, from), insert, each.bytes.slice(from + remove)];
          return { ...each, bytes: new Uint8Array(Buffer.concat(parts)) };
        });
        expectBelievable(tryToRead(changed));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    {
      name: 'its last record twice',
      change: (b: Uint8Array) => [...b, ...b.slice(offsetOfRecordFromEnd(1))],
    },
    {
      name: 'two records in another order',
      change: (b: Uint8Array) => [
        ...b.slice(0, offsetOfRecordFromEnd(2)),
        ...b.slice(offsetOfRecordFromEnd(1)),
        ...b.slice(offsetOfRecordFromEnd(2), offsetOfRecordFromEnd(1)),
      ],
    },
    {
      name: 'a record missing in the middle',
      change: (b: Uint8Array) => [
        ...b.slice(0, offsetOfRecordFromEnd(2)),
        ...b.slice(offsetOfRecordFromEnd(1)),
      ],
    },
    {
      name: 'NULs and a line feed behind it',
      change: (b: Uint8Array) => [...b, 0, 0, 0, LINE_FEED],
    },
    { name: 'an empty line', change: (b: Uint8Array) => [...b, LINE_FEED] },
    {
      name: 'a line of another program',
      change: (b: Uint8Array) => [...b, ...Buffer.from('{"v":1}\n')],
    },
  ])('$name: refused', ({ change }) => {
    const result = tryToRead(withLast(new Uint8Array(change(LAST.bytes))));
    expect(result).toMatchObject({ code: 'ORCH_JOURNAL_DAMAGED' });
  });

  test('NULs behind it, as a file system leaves them: cut off', () => {
    const journal = readJournal(
      withLast(new Uint8Array([...LAST.bytes, ...new Array(4096).fill(0)])),
    );
    expect(journal.events).toEqual(EVENTS);
    expect(journal.torn).toEqual({ path: LAST.path, validBytes: LAST.bytes.length });
  });

  test('a segment gone, doubled or empty in the middle: refused', () => {
    const [first, second, ...rest] = SEGMENTS as [Segment, Segment, ...Segment[]];
    const moved = rest.map((segment) => ({ ...segment, number: segment.number - 1 }));
    const empty = { ...second, bytes: new Uint8Array() };
    for (const segments of [
      [first, ...rest],
      [first, ...moved],
      [second, ...rest],
      [first, { ...first, number: 1 }, ...rest],
      [first, empty, ...rest],
      [first, empty, ...SEGMENTS.slice(1).map((each) => ({ ...each, number: each.number + 1 }))],
    ]) {
      expect(tryToRead(segments)).toBeInstanceOf(OrchError);
    }
  });

  test('events behind the end of a segment: refused, since the next one would go elsewhere', () => {
    const joined = { ...LAST, number: 0, path: 'events/0.jsonl' };
    const bytes = new Uint8Array(Buffer.concat(SEGMENTS.map((segment) => segment.bytes)));
    expect(tryToRead([{ ...joined, bytes }])).toMatchObject({ code: 'ORCH_JOURNAL_DAMAGED' });
  });
});

describe('a line', () => {
  const sealed = (body: string) =>
    `${body.slice(0, -1)},"crc":"${crc32(body.slice(0, -1)).toString(16).padStart(8, '0')}"}`;
  const at = '2026-01-01T00:00:00.000Z';

  test.each([
    ['a newer version', `{"v":2,"seq":1,"at":"${at}","type":"run.waiting"}`, 'newer'],
    ['a type that is not known yet', `{"v":1,"seq":1,"at":"${at}","type":"run.slept"}`, 'newer'],
    ['a type that every object has', `{"v":1,"seq":1,"at":"${at}","type":"constructor"}`, 'newer'],
    ['no time', '{"v":1,"seq":1,"at":"soon","type":"run.waiting"}', 'damaged'],
    ['no number', `{"v":1,"at":"${at}","type":"run.waiting"}`, 'damaged'],
    [
      'an object id that git would take for an option',
      `{"v":1,"seq":1,"at":"${at}","type":"checkpoint.created","wave":0,"commit":"--output=/x"}`,
      'damaged',
    ],
    [
      'a ref of somebody else',
      `{"v":1,"seq":1,"at":"${at}","type":"run.accepted","how":"ff","commit":"${'a'.repeat(40)}","rescue":"refs/heads/main"}`,
      'damaged',
    ],
    [
      'a file outside of the folder of the run',
      `{"v":1,"seq":1,"at":"${at}","type":"plan.changed","frozen":"../x/run-1.json","added":[],"removed":[],"changed":[]}`,
      'damaged',
    ],
    ['a list that is none', `{"v":1,"seq":1,"at":"${at}","type":"run.waiting"}`, 'damaged'],
    ['no JSON', '{"v":1,,}', 'damaged'],
    ['a list', '[1,2]', 'damaged'],
  ])('of %s with a right checksum is %s: %s', (_name, body, problem) => {
    expect(decodeLine(sealed(body))).toMatchObject({ ok: false, problem });
  });

  test('decodes to the event it was made of, whatever its texts hold', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    const outputs = fc.dictionary(text, text, { maxKeys: 5 });
    fc.assert(
      fc.property(text, outputs, (message, values) => {
        const event = {
          v: 1,
          seq: 1,
          at,
          type: 'step.finished',
          wave: 1,
          step: message,
          attempt: 1,
          status: 'passed',
          exit_code: 0,
          duration_s: 0,
          usage: { usd: 0, input_tokens: 0, output_tokens: 0 },
          outputs: values,
          resources: null,
        } as const;
        const line = encodeEvent(event);
        expect(line).not.toContain('\n');
        const bytes = new TextEncoder().encode(line);
        expect(decodeLine(new TextDecoder().decode(bytes))).toEqual({
          ok: true,
          event: JSON.parse(JSON.stringify(event)),
        });
      }),
    );
  });
});
