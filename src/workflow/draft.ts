/**
 * A workflow file on its way through the checks: plain values that may be wrong in any way, and the
 * readers that take from them what is there.
 */
import {
  emptyMap,
  type Finding,
  isPlainMap,
  type Plain,
  type PlainMap,
  placesOf,
  type SourceFile,
  type Span,
} from './places.ts';
import type { Located } from './references.ts';
import type { WorkflowFile } from './schema.ts';

/** One file with its templates merged in; `file` is undefined while something is wrong with it. */
export interface Draft {
  readonly source: SourceFile;
  readonly located: Located;
  readonly root: PlainMap;
  readonly file: WorkflowFile | undefined;
  /** Drafts of the workflows that its steps name, by step id. */
  readonly nested: Map<string, Draft>;
}

/** One step as it stands in the file, whatever state it is in. */
export interface StepDraft {
  readonly id: string;
  readonly index: number;
  readonly raw: PlainMap;
  /** The step's key. */
  readonly span: Span;
}

/** What every check is given: the file, its steps, and where to put what is wrong. */
export interface Checker {
  readonly root: PlainMap;
  readonly source: SourceFile;
  readonly steps: readonly StepDraft[];
  readonly stepOf: ReadonlyMap<string, StepDraft>;
  readonly ids: readonly string[];
  report(finding: Finding): void;
  /** The near miss; after very many of them nothing, so that a file of mistakes is no way to burn time. */
  suggest(word: string, candidates: readonly string[]): string | undefined;
}

/** The map at a key; an empty one for anything else. */
export function mapAt(map: PlainMap, key: string): PlainMap {
  const value = map[key];
  return isPlainMap(value) ? value : emptyMap();
}

/** The list at a key; an empty one for anything else. */
export function listAt(map: PlainMap, key: string): readonly Plain[] {
  const value = map[key];
  return Array.isArray(value) ? value : [];
}

/** Where a value stands; the nearest place known when it came from nowhere. */
export function valueSpan(
  container: PlainMap | readonly Plain[],
  key: string | number,
  fallback: Span,
): Span {
  const places = placesOf(container as PlainMap | Plain[]);
  return places?.value(key) ?? places?.self ?? fallback;
}

/** Where a key stands; an item of a list stands for itself. */
export function keySpan(
  container: PlainMap | readonly Plain[],
  key: string | number,
  fallback: Span,
): Span {
  const places = placesOf(container as PlainMap | Plain[]);
  return places?.key(key) ?? valueSpan(container, key, fallback);
}
