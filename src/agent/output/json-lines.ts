/** A stream of bytes as the JSON objects in its lines; every other line is somebody's log. */
import { asObject, type JsonObject } from './json-values.ts';

/** A longer line is passed over: no agent's event is as long. */
const MAX_LINE_CHARACTERS = 8 << 20;

/** Colours and titles that a program sets although nobody sees them. */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g;

export class JsonLines {
  readonly #decoder = new TextDecoder();
  #rest = '';
  #isTooLong = false;

  push(chunk: Uint8Array): readonly JsonObject[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    const [first, ...others] = lines;
    const whole = first === undefined || !this.#isTooLong ? lines : others;
    if (lines.length > 0) this.#isTooLong = false;
    if (this.#rest.length > MAX_LINE_CHARACTERS) this.#isTooLong = true;
    if (this.#isTooLong) this.#rest = '';
    return whole.flatMap(objectsOf);
  }

  /** The last line may have no end. */
  end(): readonly JsonObject[] {
    return this.#isTooLong ? [] : objectsOf(this.#rest + this.#decoder.decode());
  }
}

function objectsOf(line: string): readonly JsonObject[] {
  const text = line.replace(ESCAPES, '').trim();
  if (!text.startsWith('{')) return [];
  try {
    const value = asObject(JSON.parse(text));
    return value === undefined ? [] : [value];
  } catch {
    return []; // A log that begins with a brace.
  }
}
