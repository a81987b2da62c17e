/**
 * Matrices: the instances of a step, with ids a person can read.
 *
 * The rules are GitHub Actions': every combination of the lists in the order of their keys, the last
 * key changing fastest, minus `exclude`, plus `include` (which adds values to the combinations it does
 * not contradict, else is a combination of its own). A dynamic matrix is the same once its expression
 * has a value. What is no list is an error, never an empty matrix: a run that silently does nothing
 * is worse than one that stops.
 */
import { OrchError } from '../base/errors.ts';
import { plural } from '../base/text.ts';
import type { JsonValue, MatrixInstance, MatrixValues } from './workflow.ts';

/** More than any machine runs at once; a matrix of matrices grows past any bound otherwise. */
const MAX_INSTANCES = 10_000;
const MAX_LABEL_CHARACTERS = 60;

type JsonMap = Readonly<Record<string, JsonValue>>;

/** What is wrong with a matrix, and under which key; the caller knows the place. */
export class MatrixError extends OrchError {
  readonly path: readonly (string | number)[];

  constructor(what: string, fix: string, path: readonly (string | number)[] = []) {
    super('ORCH_MATRIX', what, { fix });
    this.path = path;
  }
}

/**
 * Instances of a matrix: a map of lists with `include` and `exclude`, or a list whose items are
 * instances (maps of values, or single values, which are then called `value`).
 * @throws MatrixError ORCH_MATRIX for what is neither, for no instance, one twice or too many
 */
export function expandMatrix(value: JsonValue): readonly MatrixInstance[] {
  const all = isList(value) ? listed(value) : isMap(value) ? combined(value) : undefined;
  if (all === undefined) {
    const got = value === null ? 'nothing' : `${typeof value} ${JSON.stringify(value)}`;
    throw new MatrixError(
      `a matrix must be a list or a map of lists, not ${got}`,
      'give it a list: [a, b]',
    );
  }
  if (all.length === 0)
    throw new MatrixError(
      'the matrix has no instance',
      'give it at least one value, or skip the step with "when"',
    );
  refuseTwins(all);
  return withLabels(all);
}

function listed(items: readonly JsonValue[]): MatrixValues[] {
  if (items.length > MAX_INSTANCES) throw tooMany(items.length);
  return items.map((item) => (isMap(item) ? item : { value: item }));
}

function combined(matrix: JsonMap): MatrixValues[] {
  const { include = [], exclude = [] } = matrix;
  const axes = Object.entries(matrix).filter(([key]) => key !== 'include' && key !== 'exclude');
  const lists = axes.map(([key, values]) => [key, nonEmptyList(key, values)] as const);
  const product = lists.reduce((count, [, values]) => count * values.length, 1);
  if (product > MAX_INSTANCES) throw tooMany(product);
  const excluded = listOfMaps('exclude', exclude);
  const included = listOfMaps('include', include);
  let combinations: MatrixValues[] = lists.length === 0 ? [] : [{}];
  for (const [key, values] of lists) {
    combinations = combinations.flatMap((before) =>
      values.map((value) => ({ ...before, [key]: value })),
    );
  }
  const kept = combinations.filter(
    (values) => !excluded.some((pattern) => matches(values, pattern)),
  );
  return addIncluded(kept, included, new Set(lists.map(([key]) => key)));
}

/** As on GitHub: an included map extends every combination whose own values it leaves as they are. */
function addIncluded(
  kept: readonly MatrixValues[],
  included: readonly JsonMap[],
  axes: ReadonlySet<string>,
): MatrixValues[] {
  const extended = kept.map((values) => ({ ...values }) as Record<string, JsonValue>);
  const additional: MatrixValues[] = [];
  for (const entry of included) {
    const own = Object.fromEntries(Object.entries(entry).filter(([key]) => axes.has(key)));
    const targets = kept.flatMap((values, index) =>
      matches(values, own) ? [extended[index]] : [],
    );
    if (targets.length === 0) additional.push(entry);
    for (const target of targets) if (target !== undefined) Object.assign(target, entry);
  }
  const all = [...extended, ...additional];
  if (all.length > MAX_INSTANCES) throw tooMany(all.length);
  return all;
}

function matches(values: MatrixValues, pattern: JsonMap): boolean {
  return Object.entries(pattern).every(
    ([key, wanted]) => Object.hasOwn(values, key) && sameJson(values[key], wanted),
  );
}

function nonEmptyList(key: string, values: JsonValue | undefined): readonly JsonValue[] {
  if (!isList(values)) {
    throw new MatrixError(
      `"${key}" of the matrix must be a list, not ${JSON.stringify(values)}`,
      `write ${key}: [${JSON.stringify(values)}]`,
      [key],
    );
  }
  if (values.length === 0)
    throw new MatrixError(
      `"${key}" of the matrix is empty`,
      'give it at least one value, or remove the key',
      [key],
    );
  const seen = new Map<string, number>();
  for (const [index, value] of values.entries()) {
    const text = canonical(value);
    if (seen.has(text))
      throw new MatrixError(
        `"${key}" of the matrix has the value ${text} twice`,
        'remove one of the two',
        [key, index],
      );
    seen.set(text, index);
  }
  return values;
}

function listOfMaps(key: string, values: JsonValue): readonly JsonMap[] {
  const list = isList(values) ? values : undefined;
  if (list === undefined || !list.every(isMap)) {
    throw new MatrixError(
      `"${key}" of the matrix must be a list of maps`,
      `write ${key}: [{ name: value }]`,
      [key],
    );
  }
  return list;
}

function refuseTwins(all: readonly MatrixValues[]): void {
  const seen = new Set<string>();
  for (const values of all) {
    const text = canonical(values);
    if (seen.has(text))
      throw new MatrixError(`the matrix has the instance ${text} twice`, 'remove one of the two');
    seen.add(text);
  }
}

function tooMany(count: number): MatrixError {
  return new MatrixError(
    `the matrix has ${plural(count, 'instance')}; at most ${MAX_INSTANCES} are allowed`,
    'split the step, or exclude combinations',
  );
}

/** Labels hold no bracket, slash or white space, and twins get a number: `a`, `a#2`. */
function withLabels(all: readonly MatrixValues[]): MatrixInstance[] {
  const used = new Set<string>();
  return all.map((values) => {
    const plain = labelOf(values);
    let label = plain;
    for (let n = 2; used.has(label); n++) label = `${plain}#${n}`;
    used.add(label);
    return { label, values };
  });
}

function labelOf(values: MatrixValues): string {
  const words = Object.values(values).map((value) =>
    (typeof value === 'object' && value !== null ? wordsOf(value) : String(value))
      .replace(/[^\p{L}\p{N}._+@=:-]+/gu, '-')
      .replace(/^-+|-+$/g, ''),
  );
  const label = words.join(',');
  // Cut between characters, not inside one that takes two code units.
  return [...(label === '' ? 'empty' : label)].slice(0, MAX_LABEL_CHARACTERS).join('');
}

function wordsOf(value: JsonValue): string {
  if (isList(value)) return value.map(wordsOf).join('-');
  if (isMap(value)) return Object.values(value).map(wordsOf).join('-');
  return String(value);
}

/** JSON with sorted keys, so that equal values give equal texts. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}

function sameJson(left: JsonValue | undefined, right: JsonValue): boolean {
  return left !== undefined && canonical(left) === canonical(right);
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
