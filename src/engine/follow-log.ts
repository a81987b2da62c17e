/**
 * Reads what the attempts of a run have printed, once or for as long as somebody works on the run.
 * Following sleeps until the journal or an output file changes.
 */
import type { Redactor, RedactStream } from '../base/redact.ts';
import type { FilesPort, OpenFile } from '../ports/files.ts';
import type { Ports } from '../ports/ports.ts';
import type { RunState } from '../run/state.ts';
import { LineSplitter, type LogLine } from '../view/log-text.ts';
import { type LogSelection, type LogSource, selectLogs } from './attempt-logs.ts';
import { JournalFollower } from './follow-journal.ts';
import { holderOf } from './look-at-run.ts';
import { runFiles } from './run-files.ts';
import { WakeUp } from './wake-up.ts';

const PART_BYTES = 1 << 20;
/** A change wakes at once; this often the process of the run is looked for. */
const LOOK_MS = 1_000;
const STREAMS = ['out', 'err'] as const;

/**
 * One output file, read as it grows. It is held open: when the attempt ends and a copy without its
 * secrets takes the place of the file, the old one is read to its end, and nothing is shown twice.
 */
class Tail implements Disposable {
  readonly #path: string;
  readonly #redactor: Redactor;
  readonly #splitter = new LineSplitter();
  #redacted: RedactStream;
  #file: OpenFile | undefined;
  #offset = 0;

  constructor(path: string, redactor: Redactor) {
    this.#path = path;
    this.#redactor = redactor;
    this.#redacted = redactor.stream();
  }

  read(files: FilesPort, line: (text: string) => void): void {
    this.#file ??= files.openRead(this.#path);
    if (this.#file === undefined) return;
    if (this.#file.sizeBytes < this.#offset) {
      this.#offset = 0; // It was cut: see max_log.
      this.#redacted = this.#redactor.stream();
    }
    for (;;) {
      const bytes = this.#file.read(this.#offset, PART_BYTES);
      if (bytes.length === 0) return;
      this.#offset += bytes.length;
      for (const text of this.#splitter.take(this.#redacted.push(bytes))) line(text);
    }
  }

  end(line: (text: string) => void): void {
    for (const text of this.#splitter.take(this.#redacted.end())) line(text);
    for (const text of this.#splitter.end()) line(text);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** All that the attempts have printed so far. @param redactor takes out what this process knows to be secret */
export function readLogs(
  files: FilesPort,
  sources: readonly LogSource[],
  redactor: Redactor,
  show: (line: LogLine) => void,
): void {
  for (const origin of sources) {
    for (const stream of STREAMS) {
      using tail = new Tail(`${origin.folder}/${stream}`, redactor);
      const line = (text: string) => show({ origin, stream, text });
      tail.read(files, line);
      tail.end(line);
    }
  }
}

interface Followed {
  readonly source: LogSource;
  readonly tails: ReadonlyMap<LogLine['stream'], Tail>;
}

/**
 * What is there, then what comes, until nobody works on the run any more.
 * @returns the state of the run then
 * @throws OrchError ORCH_NO_SUCH_STEP, and as JournalFollower
 */
export async function followLogs(
  ports: Ports,
  commonDir: string,
  run: string,
  selection: LogSelection,
  redactor: Redactor,
  show: (line: LogLine) => void,
): Promise<RunState> {
  const files = runFiles(commonDir, run);
  using wakeUp = new WakeUp(ports);
  for (const folder of [files.folder, files.events]) wakeUp.watch(folder);
  const follower = new JournalFollower(ports.files, files);
  using open = new OpenLogs();
  const closed = new Set<string>();
  for (;;) {
    const isHeld = holderOf(ports, files) !== undefined; // Before the journal is read to its end.
    const isNew = follower.read() > 0 || open.logs.size === 0;
    const sources = isNew ? selectLogs(follower.state, files, selection) : undefined;
    for (const source of sources ?? []) {
      if (closed.has(source.folder)) continue;
      const known = open.logs.get(source.folder);
      if (known === undefined) wakeUp.watch(source.folder);
      open.logs.set(source.folder, { source, tails: known?.tails ?? tailsOf(source, redactor) });
    }
    for (const { source, tails } of open.logs.values()) {
      readTails(ports.files, source, tails, show, source.hasEnded || !isHeld);
      if (!source.hasEnded) continue;
      open.close(source.folder);
      closed.add(source.folder);
      wakeUp.unwatch(source.folder);
    }
    if (!isHeld) return follower.state;
    await wakeUp.sleep(LOOK_MS);
  }
}

/** By folder. */
class OpenLogs implements Disposable {
  readonly logs = new Map<string, Followed>();

  close(folder: string): void {
    for (const tail of this.logs.get(folder)?.tails.values() ?? []) tail[Symbol.dispose]();
    this.logs.delete(folder);
  }

  [Symbol.dispose](): void {
    for (const folder of [...this.logs.keys()]) this.close(folder);
  }
}

function tailsOf({ folder }: LogSource, redactor: Redactor): Map<LogLine['stream'], Tail> {
  return new Map(STREAMS.map((stream) => [stream, new Tail(`${folder}/${stream}`, redactor)]));
}

function readTails(
  files: FilesPort,
  origin: LogSource,
  tails: ReadonlyMap<LogLine['stream'], Tail>,
  show: (line: LogLine) => void,
  isEnd: boolean,
): void {
  for (const [stream, tail] of tails) {
    const line = (text: string) => show({ origin, stream, text });
    tail.read(files, line);
    if (isEnd) tail.end(line);
  }
}

/** The last lines of an output; empty when there is none. */
export function lastLines(
  files: FilesPort,
  path: string,
  redactor: Redactor,
  count: number,
): string[] {
  const size = files.size(path) ?? 0;
  const from = Math.max(0, size - LAST_LINES_BYTES);
  const bytes = files.readPart(path, from, LAST_LINES_BYTES) ?? new Uint8Array();
  const lines = new TextDecoder().decode(redactor.redactBytes(bytes)).split('\n');
  if (from > 0) lines.shift(); // Most likely cut, and with it a secret that may stand there.
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-count);
}

const LAST_LINES_BYTES = 64 * 1024;
