/**
 * Writing to the terminal and to scripts: text for people, JSON documents, JSON lines.
 *
 * What is said is decided by the commands. This file sees to it that nothing printed can take over a
 * terminal: names, messages and agents' words are data, and data may hold escape sequences.
 */

/** Where bytes go; process.stdout in the program, a buffer in tests. */
export interface Writer {
  write(text: string): void;
  readonly isTty: boolean;
  /** Width in characters; undefined when it is not a terminal. */
  readonly columns: number | undefined;
}

/** Colours and weights (`ESC [ 1;31 m`); every other sequence moves, hides, renames or asks. */
const STYLE_SEQUENCE = /\x1b\[[0-9;]*m/g;
/** C0 without tab and newline, DEL, C1, and the marks that turn the direction of text. */
const HARMFUL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that is safe to print: control characters become visible (`\x1b`), except newline, tab and, where
 * colour is on, styles.
 */
export function terminalSafe(text: string, color: boolean): string {
  const plain = text.replaceAll('\r\n', '\n');
  if (!color) return plain.replace(STYLE_SEQUENCE, '').replace(HARMFUL, escapeCharacter);
  const styles = plain.match(STYLE_SEQUENCE) ?? [];
  const words = plain.split(STYLE_SEQUENCE).map((part) => part.replace(HARMFUL, escapeCharacter));
  return words.map((part, index) => part + (styles[index] ?? '')).join('');
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
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
