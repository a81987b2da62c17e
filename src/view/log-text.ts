/**
 * Output of processes made fit for a reader: whole lines, with nothing in them that could drive a
 * terminal. Colours may stay; a progress bar that redraws its line shows its last state.
 */
import { stripControl } from '../base/text.ts';

/** A control sequence, whole: CSI, OSC and its like up to their end, and two-character escapes. */
const SEQUENCE =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]/g;
const STYLE = /^\x1b\[[0-9;]*m$/;
const RESET = '\x1b[0m';

/** @param color whether colours stay; a line that has any then ends with a reset */
export function cleanLogLine(line: string, color: boolean): string {
  const shown = lastRedraw(line);
  let hasStyle = false;
  let text = '';
  let from = 0;
  for (const match of shown.matchAll(SEQUENCE)) {
    text += stripControl(shown.slice(from, match.index));
    from = match.index + match[0].length;
    if (!color || !STYLE.test(match[0])) continue;
    text += match[0];
    hasStyle = true;
  }
  text += stripControl(shown.slice(from));
  return hasStyle ? text + RESET : text;
}

/** What stands after the last carriage return that is followed by anything. */
function lastRedraw(line: string): string {
  const whole = line.replace(/\r+$/, '');
  return whole.slice(whole.lastIndexOf('\r') + 1);
}

/** Bytes as they come to whole lines; a character or a line may be cut anywhere. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = '';

  /** Whole lines, without their line feeds. */
  take(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length <= MAX_LINE_CHARS) return lines;
    lines.push(this.#rest); // Output without line feeds must not pile up.
    this.#rest = '';
    return lines;
  }

  /** What is left when no more comes: a last line without its line feed. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = '';
    return rest === '' ? [] : [rest];
  }
}

const MAX_LINE_CHARS = 1 << 20;

/** Where a line comes from. */
export interface LogOrigin {
  /** Step or gate. */
  readonly kind: 'step' | 'gate';
  readonly name: string;
  readonly wave: number;
  readonly attempt: number;
}

export interface LogLine {
  readonly origin: LogOrigin;
  readonly stream: 'out' | 'err';
  readonly text: string;
}

/** As scripts get it: `{step|gate, wave, attempt, stream, text}`, without any control sequence. */
export function logLineJson({ origin, stream, text }: LogLine): Record<string, unknown> {
  return {
    [origin.kind]: origin.name,
    wave: origin.wave,
    attempt: origin.attempt,
    stream,
    text: cleanLogLine(text, false),
  };
}

/** What stands before each line when there are several origins: `implement(index) | `. */
export function logPrefix({ kind, name, attempt }: LogOrigin): string {
  const what = kind === 'gate' ? `gate ${stripControl(name)}` : stripControl(name);
  return `${what}${attempt > 1 ? `#${attempt}` : ''} | `;
}
