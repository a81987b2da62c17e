/**
 * Takes known values out of bytes and text as they stream by, wherever a chunk happens to end.
 *
 * All values are sought at once by an automaton (Aho and Corasick, CACM 18(6), 1975): one step a byte,
 * however many values there are. Works on bytes, so text need not be UTF-8. Overlapping values become
 * one mask, so that no half of one is left.
 */

/** Stands for whatever was taken out. */
export const MASK = '***';

export interface RedactStream {
  /** What may be shown by now; at most the longest value less one byte is held back. */
  push(chunk: Uint8Array): Uint8Array;
  /** The rest. */
  end(): Uint8Array;
}

export interface Redactor {
  /** Nothing is sought, so whoever would have to copy or read for it can leave that. */
  readonly isEmpty: boolean;
  /** The same text when no value is in it. */
  redactText(text: string): string;
  redactBytes(bytes: Uint8Array): Uint8Array;
  stream(): RedactStream;
}

/** @param values empty ones and repeated ones do not count */
export function createRedactor(values: Iterable<string>): Redactor {
  const encoder = new TextEncoder();
  const patterns = [...new Set(values)].filter((value) => value !== '');
  const automaton =
    patterns.length === 0 ? undefined : build(patterns.map((v) => encoder.encode(v)));
  const redactBytes = (bytes: Uint8Array): Uint8Array => {
    if (automaton === undefined) return bytes;
    const stream = new Stream(automaton);
    return concat([stream.push(bytes), stream.end()]);
  };
  return {
    isEmpty: automaton === undefined,
    redactBytes,
    redactText(text) {
      // A value is text, so it can be sought as such: most texts hold none.
      if (!patterns.some((value) => text.includes(value))) return text;
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        redactBytes(encoder.encode(text)),
      );
    },
    stream: () => (automaton === undefined ? PASS : new Stream(automaton)),
  };
}

const NOTHING = new Uint8Array();
const PASS: RedactStream = { push: (chunk) => chunk, end: () => NOTHING };
const MASK_BYTES = new TextEncoder().encode(MASK);

/** States are numbers; 0 is the root. */
interface Automaton {
  /** By byte, the column of it; bytes that stand in no value share column 0. */
  readonly columns: Uint8Array;
  readonly width: number;
  /** By state and column, the next state. */
  readonly next: Int32Array;
  /** By state, how many of the last bytes may be the beginning of a value that goes on. */
  readonly depth: Int32Array;
  /** By state, the length of the longest value that ends here; 0 when none does. */
  readonly ends: Int32Array;
}

function build(values: readonly Uint8Array[]): Automaton {
  const columns = new Uint8Array(256);
  let width = 1; // UTF-8 leaves more than ten byte values unused, so a column fits into a byte.
  for (const byte of new Set(values.flatMap((value) => [...value]))) columns[byte] = width++;
  const most = values.reduce((sum, value) => sum + value.length, 1);
  const next = new Int32Array(most * width);
  const depth = new Int32Array(most);
  const ends = new Int32Array(most);
  let states = 1;
  for (const value of values) {
    let state = 0;
    for (const byte of value) {
      const at = state * width + (columns[byte] ?? 0);
      if (next[at] === 0) {
        depth[states] = (depth[state] ?? 0) + 1;
        next[at] = states++;
      }
      state = next[at] ?? 0;
    }
    ends[state] = value.length;
  }
  completeLinks({ columns, width, next, depth, ends }, states);
  return { columns, width, next, depth, ends };
}

/** Breadth first: where a value does not go on, the longest end that begins another one does. */
function completeLinks({ width, next, depth, ends }: Automaton, states: number): void {
  const links = new Int32Array(states);
  const queue: number[] = [];
  for (let column = 0; column < width; column++) {
    const child = next[column] ?? 0;
    if (child !== 0) queue.push(child);
  }
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0;
    const link = links[state] ?? 0;
    ends[state] = Math.max(ends[state] ?? 0, ends[link] ?? 0);
    let isLeaf = true;
    for (let column = 0; column < width; column++) {
      const at = state * width + column;
      const child = next[at] ?? 0;
      const beyond = next[link * width + column] ?? 0;
      if (child === 0) next[at] = beyond;
      else {
        links[child] = beyond;
        queue.push(child);
        isLeaf = false;
      }
    }
    if (isLeaf) depth[state] = depth[link] ?? 0;
  }
}

class Stream implements RedactStream {
  readonly #automaton: Automaton;
  #state = 0;
  /** Bytes that are not out yet; the first one stands at `#from` of the whole. */
  #held: Uint8Array = NOTHING;
  #from = 0;
  #at = 0;
  /** Found and not out yet, in order, apart from each other. */
  #found: { start: number; end: number }[] = [];

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
  }

  push(chunk: Uint8Array): Uint8Array {
    const { columns, width, next, ends } = this.#automaton;
    let state = this.#state;
    for (let i = 0; i < chunk.length; i++) {
      state = next[state * width + (columns[chunk[i] as number] as number)] as number;
      const length = ends[state] as number;
      if (length !== 0) this.#find(this.#at + i + 1 - length, this.#at + i + 1);
    }
    this.#state = state;
    this.#at += chunk.length;
    this.#held = concat([this.#held, chunk]);
    return this.#release(this.#at - (this.#automaton.depth[state] ?? 0));
  }

  end(): Uint8Array {
    this.#state = 0;
    return this.#release(this.#at);
  }

  #find(foundStart: number, end: number): void {
    let start = foundStart;
    for (let last = this.#found.at(-1); last && last.end > start; last = this.#found.at(-1)) {
      start = Math.min(start, last.start);
      this.#found.pop();
    }
    this.#found.push({ start, end });
  }

  /** @param until no value that is still to be found begins before this */
  #release(until: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let from = this.#from;
    for (const { start, end } of this.#found) {
      if (start >= until) break;
      parts.push(this.#slice(from, Math.max(from, start)));
      from = Math.max(from, Math.min(end, until));
      if (end > until) break; // It may grow yet; what it covers is never shown, and need not be held.
      parts.push(MASK_BYTES);
    }
    this.#found = this.#found.filter(({ end }) => end > until);
    parts.push(this.#slice(from, until));
    this.#held = this.#held.slice(until - this.#from);
    this.#from = until;
    return concat(parts);
  }

  #slice(start: number, end: number): Uint8Array {
    return this.#held.subarray(start - this.#from, end - this.#from);
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const filled = parts.filter(({ length }) => length > 0);
  if (filled.length <= 1) return filled[0] ?? NOTHING;
  const whole = new Uint8Array(filled.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of filled) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
