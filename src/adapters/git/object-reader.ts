/**
 * One `git cat-file --batch` for all that is read of a repository's commits and trees, because the start of
 * a process costs far more than an answer. It ends by itself when nobody has asked for a while, and with its
 * input when this process is gone.
 */
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Oid } from '../../ports/git.ts';

/** Long enough for the next question of the same command, short enough for nothing to be left at its end. */
const IDLE_MS = 200;

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** What git said of one object; undefined when it is not there. */
export interface FoundObject {
  readonly type: string;
  readonly content: Buffer;
}

interface Question {
  readonly answered: (found: FoundObject | undefined) => void;
  readonly failed: (error: Error) => void;
}

export class ObjectReader {
  readonly #start: () => GitProcess;
  #process: GitProcess | undefined;
  #waiting: Question[] = [];
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** So many bytes are wanted before it is worth another look. */
  #wantedBytes = 1;
  #idle: NodeJS.Timeout | undefined;

  /** @param start starts `git cat-file --batch` */
  constructor(start: () => GitProcess) {
    this.#start = start;
  }

  /** @throws Error when git ends before it has answered */
  ask(oid: Oid): Promise<FoundObject | undefined> {
    clearTimeout(this.#idle);
    const process = this.#process ?? this.#open();
    hold(process, true);
    return new Promise((answered, failed) => {
      this.#waiting.push({ answered, failed });
      process.stdin.write(`${oid}\n`);
    });
  }

  #open(): GitProcess {
    const process = this.#start();
    this.#process = process;
    this.#received = [];
    this.#receivedBytes = 0;
    this.#wantedBytes = 1;
    let words = '';
    process.stderr.on('data', (chunk: Buffer) => {
      words += chunk;
    });
    process.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    // Its end tells the story.
    process.stdin.on('error', () => {});
    const gone = (why: string) => {
      if (this.#process !== process) return;
      this.#process = undefined;
      const left = this.#waiting;
      this.#waiting = [];
      for (const { failed } of left) failed(new Error(`git cat-file: ${why}`));
    };
    process.on('error', (error) => gone(error.message));
    process.on('close', (code, signal) => gone(words.trim() || `ended with ${signal ?? code}`));
    return process;
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes >= this.#wantedBytes && this.#waiting.length > 0) {
      const bytes = Buffer.concat(this.#received);
      const used = this.#answer(bytes);
      this.#received = [bytes.subarray(used)];
      this.#receivedBytes = bytes.length - used;
      if (used === 0) return;
    }
    if (this.#waiting.length === 0) this.#rest();
  }

  /** `<oid> <type> <size>`, content, line feed; or `<oid> missing`. @returns bytes of one whole answer, or 0 */
  #answer(bytes: Buffer): number {
    const lineEnd = bytes.indexOf(0x0a);
    if (lineEnd < 0) {
      this.#wantedBytes = bytes.length + 1;
      return 0;
    }
    const [, type = '', size] = bytes.toString('latin1', 0, lineEnd).split(' ');
    const end = size === undefined ? lineEnd : lineEnd + 1 + Number(size);
    if (bytes.length <= end) {
      this.#wantedBytes = end + 1;
      return 0;
    }
    this.#wantedBytes = 1;
    const content = bytes.subarray(lineEnd + 1, end);
    this.#waiting.shift()?.answered(size === undefined ? undefined : { type, content });
    return end + 1;
  }

  #rest(): void {
    const process = this.#process;
    if (process === undefined) return;
    hold(process, false);
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#process === process) this.#process = undefined;
      process.stdin.end();
    }, IDLE_MS);
    this.#idle.unref();
  }
}

/** Whether this process goes on living for the sake of that one. */
function hold(process: GitProcess, isHeld: boolean): void {
  for (const one of [process, process.stdin, process.stdout, process.stderr]) {
    // Pipes are sockets, which the types do not say.
    const handle = one as { ref?: () => void; unref?: () => void };
    if (isHeld) handle.ref?.();
    else handle.unref?.();
  }
}
