/**
 * Reads what the attempts of a run have printed, once or for as long as somebody works on the run.
 * Following sleeps until the journal or an output file changes.
 */
import type { FilesPort } from '../ports/files.ts';
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

/** One output file, read as it grows. */
class Tail {
  readonly #path: string;
  readonly #splitter = new LineSplitter();
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  read(files: FilesPort, line: (text: string) => void): void {
    if ((files.size(this.#path) ?? 0) < this.#offset) this.#offset = 0; // It was cut: see max_log.
    for (;;) {
      const bytes = files.readPart(this.#path, this.#offset, PART_BYTES);
      if (bytes === undefined || bytes.length === 0) return;
      this.#offset += bytes.length;
      for (const text of this.#splitter.take(bytes)) line(text);
    }
  }

  end(line: (text: string) => void): void {
    for (const text of this.#splitter.end()) line(text);
  }
}

/** All that the attempts have printed so far. */
export function readLogs(
  files: FilesPort,
  sources: readonly LogSource[],
  show: (line: LogLine) => void,
): void {
  for (const origin of sources) {
    for (const stream of STREAMS) {
      const tail = new Tail(`${origin.folder}/${stream}`);
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
  show: (line: LogLine) => void,
): Promise<RunState> {
  const files = runFiles(commonDir, run);
  using wakeUp = new WakeUp(ports);
  for (const folder of [files.folder, files.events]) wakeUp.watch(folder);
  const follower = new JournalFollower(ports.files, files);
  const open = new Map<string, Followed>();
  const closed = new Set<string>();
  for (;;) {
    const isHeld = holderOf(ports, files) !== undefined; // Before the journal is read to its end.
    const isNew = follower.read() > 0 || open.size === 0;
    const sources = isNew ? selectLogs(follower.state, files, selection) : undefined;
    for (const source of sources ?? []) {
      if (closed.has(source.folder)) continue;
      if (!open.has(source.folder)) wakeUp.watch(source.folder);
      open.set(source.folder, { source, tails: open.get(source.folder)?.tails ?? tailsOf(source) });
    }
    for (const { source, tails } of open.values()) {
      readTails(ports.files, source, tails, show, source.hasEnded || !isHeld);
      if (!source.hasEnded) continue;
      open.delete(source.folder);
      closed.add(source.folder);
      wakeUp.unwatch(source.folder);
    }
    if (!isHeld) return follower.state;
    await wakeUp.sleep(LOOK_MS);
  }
}

function tailsOf({ folder }: LogSource): Map<LogLine['stream'], Tail> {
  return new Map(STREAMS.map((stream) => [stream, new Tail(`${folder}/${stream}`)]));
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
export function lastLines(files: FilesPort, path: string, count: number): string[] {
  const size = files.size(path) ?? 0;
  const from = Math.max(0, size - LAST_LINES_BYTES);
  const bytes = files.readPart(path, from, LAST_LINES_BYTES) ?? new Uint8Array();
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (from > 0) lines.shift(); // Most likely cut.
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-count);
}

const LAST_LINES_BYTES = 64 * 1024;
