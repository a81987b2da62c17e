/** The journal's writer, on real files and on files that fail; what its reader makes of bytes is test/run/journal.test.ts. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { JournalWriter, loadJournal } from '../../src/engine/journal.ts';
import { readExitLog } from '../../src/engine/keeper-pool.ts';
import { type RunFiles, runFiles } from '../../src/engine/run-files.ts';
import type { FilesPort } from '../../src/ports/files.ts';
import type { RunEvent, RunEventBody } from '../../src/run/events.ts';
import { makeFaultyFiles } from '../rig/faulty-files.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const CHECKPOINT: RunEventBody = {
  type: 'checkpoint.started',
  wave: 0,
  tree: '7'.repeat(40),
  parent: null,
  status: 'running',
};
const OTHER: RunEventBody = { type: 'run.interrupted', signal: 'SIGINT' };

let files: FilesPort;
let run: RunFiles;

beforeEach(() => {
  files = createFiles();
  run = runFiles(makeTemporaryFolder(), 'r');
  files.makeFolder(run.events);
});

function eventsOf(first: number, ...bodies: RunEventBody[]): RunEvent[] {
  return bodies.map((body, place) => ({
    v: 1,
    seq: first + place,
    at: '2026-01-01T00:00:00.000Z',
    ...body,
  }));
}

function open(through: FilesPort = files): JournalWriter {
  return new JournalWriter(through, run, loadJournal(files, run));
}

describe('JournalWriter', () => {
  test('begins a segment behind each checkpoint.started, also within one batch', () => {
    const events = eventsOf(1, OTHER, CHECKPOINT, OTHER, CHECKPOINT, OTHER);
    const journal = open();
    journal.append(events);
    journal.append([]);
    journal.close();
    expect(readdirSync(run.events).sort()).toEqual(['0.jsonl', '1.jsonl', '2.jsonl']);
    expect(loadJournal(files, run).events).toEqual(events);
  });

  test('ends a segment with the event that closes it: a checkpoint adds a file and rewrites none', () => {
    const journal = open();
    journal.append(eventsOf(1, OTHER, CHECKPOINT));
    expect(readdirSync(run.events)).toEqual(['0.jsonl']);
    const before = readFileSync(`${run.events}/0.jsonl`);
    journal.append(eventsOf(3, OTHER));
    journal.close();
    expect(readFileSync(`${run.events}/0.jsonl`)).toEqual(before);
  });

  test('cuts half a line off before it writes behind it', () => {
    const first = open();
    first.append(eventsOf(1, OTHER));
    first.close();
    appendFileSync(`${run.events}/0.jsonl`, '{"v":1,"seq":2,"at');
    const second = open();
    second.append(eventsOf(2, OTHER));
    second.close();
    expect(loadJournal(files, run).events).toHaveLength(2);
  });

  test('changes nothing when it only reads', () => {
    appendFileSync(`${run.events}/0.jsonl`, 'half');
    expect(loadJournal(files, run)).toMatchObject({ events: [], torn: { validBytes: 0 } });
    expect(readFileSync(`${run.events}/0.jsonl`, 'utf8')).toBe('half');
  });

  test.each(['before', 'short', 'after'] as const)(
    'writes nothing more after a failure (%s), and the next one goes on with what is whole',
    (moment) => {
      const faulty = makeFaultyFiles(files, { call: 3, errno: 'EIO', moment });
      const journal = open(faulty);
      journal.append(eventsOf(1, OTHER));
      expect(() => journal.append(eventsOf(2, OTHER))).toThrow(/EIO/);
      expect(() => journal.append(eventsOf(2, OTHER))).toThrow(/could not be written before/);
      journal.close();
      const { events } = loadJournal(files, run);
      expect(events).toHaveLength(moment === 'after' ? 2 : 1);
      const next = open();
      next.append(eventsOf(events.length + 1, OTHER));
      next.close();
      expect(loadJournal(files, run).events).toHaveLength(events.length + 1);
    },
  );
});

describe('readExitLog', () => {
  test.each([
    ['nothing', undefined, []],
    [
      'a line a job',
      'step/a/1 0\nstep/b/1 137\n',
      [
        ['step/a/1', 0],
        ['step/b/1', 137],
      ],
    ],
    ['not a line that is still being written', 'step/a/1 0\nstep/b/1 13', [['step/a/1', 0]]],
    [
      'not what is no line of a keeper',
      'hello\na b c\nstep/a/1\nstep/a/1 1234\nstep/a/1 -1\n 5\n',
      [],
    ],
    [
      'not two lines that a crash ran together',
      'step/a/1 step/b/1 0\nstep/c/1 2\n',
      [['step/c/1', 2]],
    ],
    ['the last word on a job', 'step/a/1 1\nstep/a/1 0\n', [['step/a/1', 0]]],
  ] as const)('reads %s', (_name, text, codes) => {
    expect([...readExitLog(text)]).toEqual(codes);
  });
});
