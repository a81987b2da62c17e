/**
 * Plain values of YAML files and the places they came from: the vocabulary of every file here that
 * reports mistakes.
 *
 * Values are bare maps, lists and scalars; where a map's keys and values stand is kept beside them,
 * so that values put together from several files (extends) still point into the right one, and
 * nothing is paid for places nobody asks for.
 */
import type { ErrorCode } from '../base/error-codes.ts';
import type { SourceSpot } from '../base/errors.ts';

export type Plain = string | number | boolean | null | Plain[] | PlainMap;
/** Without a prototype, so that no key is special. */
export interface PlainMap {
  [key: string]: Plain;
}

/** A stretch of a file: offsets into its text, end not included. */
export interface Span {
  readonly source: SourceFile;
  readonly start: number;
  readonly end: number;
}

export interface SourceFile {
  /** As people know it: relative to the repository's top, or absolute. */
  readonly file: string;
  readonly text: string;
  /** Offsets at which lines begin, the first of them 0. */
  readonly lineStarts: readonly number[];
}

/** Where the parts of one map or list stand. */
export interface ContainerPlaces {
  readonly self: Span;
  key(key: string | number): Span | undefined;
  value(key: string | number): Span | undefined;
}

/** One mistake with its stretch of text; diagnostics.ts turns it into lines and columns. */
export interface Finding {
  readonly code: ErrorCode;
  readonly what: string;
  readonly fix: string;
  readonly span: Span;
  readonly related?: readonly { readonly what: string; readonly span: Span }[];
}

const places = new WeakMap<object, ContainerPlaces>();

/** Where a map's or list's parts stand; undefined for values that came from no file. */
export function placesOf(container: Plain | undefined): ContainerPlaces | undefined {
  return typeof container === 'object' && container !== null ? places.get(container) : undefined;
}

/** Remembers where the parts of a container that was put together from others stand. */
export function setPlaces(container: PlainMap | Plain[], where: ContainerPlaces): void {
  places.set(container, where);
}

export function isPlainMap(value: Plain | undefined): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A map without a prototype. */
export function emptyMap(): PlainMap {
  return Object.create(null) as PlainMap;
}

/** Line and column of a span, counted from 1, with its length up to the end of the first line. */
export function spotOf(span: Span): SourceSpot {
  const { text, lineStarts, file } = span.source;
  const start = Math.max(0, Math.min(span.start, text.length));
  const line = lineOf(lineStarts, start);
  const column = start - (lineStarts[line - 1] ?? 0) + 1;
  const lineEnd = text.indexOf('\n', start);
  const end = Math.min(span.end, lineEnd < 0 ? text.length : lineEnd);
  const shown = text.slice(start, end).trimEnd();
  return { file, line, column, length: Math.max(1, shown.length) };
}

/** Where lines begin; a line ends with LF, with or without a CR before it. */
export function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Number, from 1, of the last line that begins at or before an offset. */
function lineOf(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
