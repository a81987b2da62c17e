/**
 * The journal on disk: opened once by the one process that holds the run's lock, appended to in
 * batches, each durable before anyone acts on it. What lines mean is run/; which of them to believe
 * is run/journal-read.ts.
 */
import type { AppendFile, FilesPort } from '../ports/files.ts';
import type { RunEvent } from '../run/events.ts';
import { encodeEvent } from '../run/journal-line.ts';
import { type Journal, readJournal, type Segment } from '../run/journal-read.ts';
import { type RunFiles, segmentPath } from './run-files.ts';

/** The segments as they are on disk, in order. */
export function readSegments(files: FilesPort, run: RunFiles): Segment[] {
  return files
    .list(run.events)
    .filter((name) => /^\d+\.jsonl$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
    .map((number) => {
      const path = segmentPath(run, number);
      return { number, path, bytes: files.read(path) ?? new Uint8Array() };
    });
}

/** Reads without changing anything: a torn end is left where it is. */
export function loadJournal(files: FilesPort, run: RunFiles): Journal {
  return readJournal(readSegments(files, run));
}

export class JournalWriter {
  readonly #files: FilesPort;
  readonly #run: RunFiles;
  #segment: number;
  #file: AppendFile | undefined;
  /** Half a line may stand at the end now; only a reader that cuts it off may go on behind it. */
  #isBroken = false;

  /** Cuts a torn end off first. */
  constructor(files: FilesPort, run: RunFiles, journal: Journal) {
    this.#files = files;
    this.#run = run;
    this.#segment = journal.nextSegment;
    if (journal.torn) files.truncate(journal.torn.path, journal.torn.validBytes);
  }

  /** On disk when it returns. A checkpoint.started ends its segment. @throws the system's error, never retried */
  append(events: readonly RunEvent[]): void {
    let lines = '';
    for (const event of events) {
      lines += `${encodeEvent(event)}\n`;
      if (event.type !== 'checkpoint.started') continue;
      this.#write(lines);
      lines = '';
      this.close();
      this.#segment += 1;
    }
    this.#write(lines);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #write(lines: string): void {
    if (lines === '') return;
    if (this.#isBroken) throw new Error('the journal could not be written before');
    this.#isBroken = true;
    this.#file ??= this.#files.openAppend(segmentPath(this.#run, this.#segment));
    this.#file.append(new TextEncoder().encode(lines));
    this.#isBroken = false;
  }
}
