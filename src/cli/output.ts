/**
 * Writing to the terminal and to scripts: text for people, JSON documents, JSON lines.
 *
 * What is said is decided by the commands. This file sees to it that nothing printed can take over a
 * terminal: names, messages and agents' words are data, and data may hold escape sequences.
 */
import { stripControl } from '../base/text.ts';

/** Where bytes go; process.stdout in the program, a buffer in tests. */
export interface Writer {
  write(text: string): void;
  readonly isTty: boolean;
  /** Width in characters; undefined when it is not a terminal. */
  readonly columns: number | undefined;
}

/** Colours and weights (`ESC [ 1;31 m`); every other sequence moves, hides, renames or asks. */
const STYLE_SEQUENCE = /\x1b\[[0-9;]*m/;

/** Text that is safe to print: no control characters but newline, tab and, where colour is on, styles. */
export function terminalSafe(text: string, color: boolean): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  return lines.map((line) => (color ? safeWithStyles(line) : safePlain(line))).join('\n');
}

function safePlain(line: string): string {
  return line.split(STYLE_SEQUENCE).map(stripControl).join('');
}

function safeWithStyles(line: string): string {
  // Splitting by a group keeps what it matched, at the odd places.
  const parts = line.split(new RegExp(`(${STYLE_SEQUENCE.source})`));
  return parts.map((part, index) => (index % 2 === 1 ? part : stripControl(part))).join('');
}

/** One JSON document, indented: what `--json` prints for everything that is not a stream. */
export function jsonDocument(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** One line of a stream (NDJSON). */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Text that ends in exactly one newline; nothing for nothing. */
export function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
