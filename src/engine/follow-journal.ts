/**
 * A journal that somebody else writes, read as it grows: each call folds what is new since the last.
 * A line that is still being written is left for the next call.
 */
import { OrchError } from '../base/errors.ts';
import type { FilesPort } from '../ports/files.ts';
import { applyEvent } from '../run/apply-event.ts';
import { createState, replacePlan } from '../run/create-state.ts';
import type { RunEvent } from '../run/events.ts';
import { decodeLine } from '../run/journal-line.ts';
import type { RunState } from '../run/state.ts';
import { type Frozen, readFrozen } from './frozen.ts';
import { type RunFiles, segmentPath } from './run-files.ts';

const LINE_FEED = 10;
const PART_BYTES = 1 << 20;

export class JournalFollower {
  readonly frozen: Frozen;
  readonly state: RunState;
  readonly #files: FilesPort;
  readonly #run: RunFiles;
  #segment = 0;
  #offset = 0;

  /** @throws OrchError as readFrozen */
  constructor(files: FilesPort, run: RunFiles) {
    this.#files = files;
    this.#run = run;
    this.frozen = readFrozen(files, run.frozen, run.run);
    this.state = createState(this.frozen);
  }

  /**
   * Folds what is new.
   * @param observe sees each new event once it is folded
   * @returns how many there were
   * @throws OrchError ORCH_JOURNAL_DAMAGED, ORCH_JOURNAL_NEWER
   */
  read(observe: (event: RunEvent, state: RunState) => void = () => {}): number {
    let count = 0;
    let partBytes = PART_BYTES;
    for (;;) {
      const path = segmentPath(this.#run, this.#segment);
      const bytes = this.#files.readPart(path, this.#offset, partBytes) ?? new Uint8Array();
      const end = bytes.lastIndexOf(LINE_FEED);
      if (end === -1) {
        if (bytes.length < partBytes) return count;
        partBytes *= 2; // One line is longer than that: outputs of steps stand in it.
        continue;
      }
      this.#offset += end + 1;
      const lines = new TextDecoder().decode(bytes.subarray(0, end)).split('\n');
      for (const line of lines) {
        const event = decode(line, path);
        this.#fold(event);
        observe(event, this.state);
        if (event.type !== 'checkpoint.started') continue;
        this.#segment += 1;
        this.#offset = 0;
      }
      count += lines.length;
    }
  }

  #fold(event: RunEvent): void {
    if (event.type === 'plan.changed') {
      const path = `${this.#run.folder}/${event.frozen}`;
      replacePlan(this.state, readFrozen(this.#files, path, this.#run.run));
    }
    applyEvent(this.state, event);
  }
}

function decode(line: string, path: string): RunEvent {
  const decoded = decodeLine(line);
  if (decoded.ok) return decoded.event;
  if (decoded.problem === 'newer') {
    throw new OrchError('ORCH_JOURNAL_NEWER', `${path} was written by a newer orch`, {
      fix: 'npm install --global git-orch@latest',
    });
  }
  throw new OrchError(
    'ORCH_JOURNAL_DAMAGED',
    `${path} is damaged: ${JSON.stringify(line.slice(0, 60))}`,
    { fix: 'orch doctor' },
  );
}
