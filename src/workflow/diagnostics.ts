/**
 * Mistakes in files, for people: place, sentence, the source line with carets under the exact text,
 * other places that explain it, and the next thing to write.
 *
 * Files are other people's text: control characters are made visible, tabs and wide characters keep
 * the carets in place, and a line of a megabyte is shown around the mistake only.
 */
import { type Diagnostic, InvalidFileError, type SourceSpot } from '../base/errors.ts';
import { clipToWidth, displayWidth, plural, stripControl } from '../base/text.ts';
import { type Finding, lineStartsOf, spotOf } from './places.ts';

const TAB = '    ';
const MAX_WIDTH = 100;
/** Columns kept to the left of a mistake far out in a long line. */
const LEFT_WIDTH = 40;
const MAX_RENDERED = 100;

/** The text of a file by its name; undefined when it is not at hand, and then no line is shown. */
export type TextOf = (file: string) => string | undefined;

/** By file, line, column; of the same mistake at the same place only the first. */
function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const sorted = [...diagnostics].sort(
    (left, right) =>
      compareText(left.spot.file, right.spot.file) ||
      left.spot.line - right.spot.line ||
      left.spot.column - right.spot.column ||
      compareText(left.what, right.what),
  );
  const seen = new Set<string>();
  return sorted.filter(({ spot, code, what }) => {
    const key = JSON.stringify([spot.file, spot.line, spot.column, code, what]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** All diagnostics as text, sorted and without doubles; the first hundred when there are more. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], textOf: TextOf): string {
  const sorted = sortDiagnostics(diagnostics);
  const lines = new LineReader(textOf);
  const blocks = sorted.slice(0, MAX_RENDERED).map((diagnostic) => renderOne(diagnostic, lines));
  const rest = sorted.length - MAX_RENDERED;
  if (rest > 0) blocks.push(`... and ${plural(rest, 'more mistake')}`);
  return blocks.join('\n\n');
}

/** Findings as one error, which knows their lines and columns and how to show them. */
export function findingsToError(findings: readonly Finding[]): InvalidFileError {
  const texts = new Map<string, string>();
  const toSpot = (span: Finding['span']): SourceSpot => {
    texts.set(span.source.file, span.source.text);
    return spotOf(span);
  };
  const diagnostics = findings.map(({ code, what, fix, span, related }): Diagnostic => {
    const others = related?.map((other) => ({
      what: stripControl(other.what),
      spot: toSpot(other.span),
    }));
    return {
      code,
      what: oneLine(what),
      fix: oneLine(fix),
      spot: toSpot(span),
      ...(others === undefined ? {} : { related: others }),
    };
  });
  const sorted = sortDiagnostics(diagnostics);
  return new InvalidFileError(
    sorted,
    renderDiagnostics(sorted, (file) => texts.get(file)),
  );
}

function oneLine(text: string): string {
  return stripControl(text.replace(/[\t\r\n]+/g, ' '));
}

function renderOne({ code, what, fix, spot, related = [] }: Diagnostic, lines: LineReader): string {
  const parts = [`${placeText(spot)}: ${oneLine(what)}`, ...renderLine(spot, lines)];
  for (const other of related) {
    parts.push(
      `  ${placeText(other.spot)}: ${oneLine(other.what)}`,
      ...renderLine(other.spot, lines),
    );
  }
  parts.push(`  fix: ${oneLine(fix)} [${code}]`);
  return parts.join('\n');
}

function placeText({ file, line, column }: SourceSpot): string {
  return `${stripControl(file)}:${line}:${column}`;
}

/** The source line and the carets below it; nothing when the text is not at hand. */
function renderLine(spot: SourceSpot, lines: LineReader): string[] {
  const line = lines.read(spot.file, spot.line);
  if (line === undefined) return [];
  const at = spot.column - 1;
  const length = spot.length ?? 1;
  // A window of characters first, so that a line of a megabyte is never walked through.
  const from = Math.max(0, at - MAX_WIDTH * 2);
  let before = shown(line.slice(from, at));
  const isFar = from > 0 || displayWidth(before) > LEFT_WIDTH;
  const width = displayWidth(before) + displayWidth(shown(line.slice(at, at + MAX_WIDTH * 2)));
  if (isFar && width > MAX_WIDTH) before = `…${lastColumns(before, LEFT_WIDTH - 1)}`;
  const left = displayWidth(before);
  const marked = clipToWidth(
    shown(line.slice(at, at + Math.min(length, MAX_WIDTH))),
    MAX_WIDTH - left,
  );
  const rest = shown(line.slice(at + length, at + length + MAX_WIDTH));
  const text = clipToWidth(`${before}${marked}${rest}`, MAX_WIDTH).trimEnd();
  const gutter = String(spot.line).padStart(4);
  const carets = '^'.repeat(Math.max(1, displayWidth(marked)));
  return [`${gutter} | ${text}`, `${' '.repeat(gutter.length)} | ${' '.repeat(left)}${carets}`];
}

function shown(text: string): string {
  return stripControl(text.replaceAll('\t', TAB));
}

function lastColumns(text: string, maxWidth: number): string {
  const characters = [...text];
  let width = 0;
  let start = characters.length;
  while (start > 0) {
    width += displayWidth(characters[start - 1] ?? '');
    if (width > maxWidth) break;
    start--;
  }
  return characters.slice(start).join('');
}

/** Lines of files by number, the table of line starts made once a file. */
class LineReader {
  readonly #textOf: TextOf;
  readonly #starts = new Map<string, { text: string; starts: readonly number[] } | undefined>();

  constructor(textOf: TextOf) {
    this.#textOf = textOf;
  }

  read(file: string, line: number): string | undefined {
    if (!this.#starts.has(file)) this.#starts.set(file, this.#index(file));
    const indexed = this.#starts.get(file);
    const start = indexed?.starts[line - 1];
    if (indexed === undefined || start === undefined) return undefined;
    const end = indexed.starts[line];
    const text = indexed.text.slice(start, end === undefined ? undefined : end - 1);
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  }

  #index(file: string): { text: string; starts: readonly number[] } | undefined {
    const text = this.#textOf(file);
    if (text === undefined) return undefined;
    const starts = lineStartsOf(text);
    return { text, starts };
  }
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
