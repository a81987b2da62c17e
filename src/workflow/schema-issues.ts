/**
 * What zod found, said to people: each issue becomes a finding at the exact key or value, with the
 * words of the schema and the next thing to write.
 */
import type * as z from 'zod';
import { closestMatch, joinWords } from '../base/text.ts';
import {
  type Finding,
  isPlainMap,
  type Plain,
  placesOf,
  type SourceFile,
  type Span,
} from './places.ts';
import type { CustomIssue } from './schema-parts.ts';
import { knownKeys, notesAt, type Path, schemaAt, unwrap, wantedOf } from './schema-walk.ts';
import { flowText } from './yaml-text.ts';

interface Checked {
  readonly schema: z.ZodType;
  readonly root: Plain;
  readonly source: SourceFile;
}

/** @returns the typed value; undefined when something is wrong, and then `findings` says what */
export function checkSchema<Schema extends z.ZodType>(
  schema: Schema,
  root: Plain,
  source: SourceFile,
  findings: Finding[],
): z.output<Schema> | undefined {
  const result = schema.safeParse(root);
  if (result.success) return result.data;
  const checked = { schema, root, source };
  for (const issue of result.error.issues) findings.push(...explain(issue, [], checked));
  return undefined;
}

function explain(issue: z.core.$ZodIssue, before: Path, checked: Checked): Finding[] {
  const path = [...before, ...issue.path.filter((key) => typeof key !== 'symbol')];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, checked));
    case 'invalid_union':
      return explainUnion(issue, path, checked);
    case 'invalid_type':
      return [
        valueAt(checked.root, path) === undefined
          ? missingKey(path, checked)
          : wrongType(path, checked),
      ];
    case 'invalid_key':
      return [invalidName(path, issue, checked)];
    case 'custom':
      return [custom(issue, path, checked)];
    default:
      return [wrongValue(issue, path, checked)];
  }
}

/** The branch that accepts the kind of value that was written speaks for the union. */
function explainUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
  checked: Checked,
): Finding[] {
  const meant = issue.errors.find(
    (issues) => issues.length > 0 && !issues.some((each) => isAboutKind(each)),
  );
  if (meant !== undefined) return meant.flatMap((each) => explain(each, path, checked));
  return [
    valueAt(checked.root, path) === undefined
      ? missingKey(path, checked)
      : wrongType(path, checked),
  ];
}

function isAboutKind(issue: z.core.$ZodIssue): boolean {
  return (
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_union')
  );
}

function unknownKey(key: string, path: Path, checked: Checked): Finding {
  const schema = schemaAt(checked.schema, path);
  const known = schema === undefined ? [] : knownKeys(schema);
  const span = spanOfKey([...path, key], checked);
  const what = `unknown key "${key}"${placeWords(path)}`;
  const code = 'ORCH_UNKNOWN_KEY';
  if (key === '<<')
    return {
      code,
      what,
      fix: 'merge keys are not supported; use "defaults", "env" or "extends"',
      span,
    };
  const near = closestMatch(key, known) ?? FOREIGN_KEYS[key];
  if (near !== undefined && known.includes(near))
    return { code, what, fix: `did you mean "${near}"?`, span };
  return { code, what, fix: `remove it; known here: ${known.join(', ')}`, span };
}

/** What other tools call our keys. */
const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  if: 'when',
  jobs: 'steps',
  tasks: 'steps',
  depends_on: 'needs',
  dependencies: 'needs',
  'timeout-minutes': 'timeout',
  'continue-on-error': 'continue_on_error',
  allow_failure: 'continue_on_error',
  command: 'run',
  script: 'run',
  strategy: 'matrix',
  retries: 'retry',
  outputs: 'produces',
  inputs: 'reads',
};

function missingKey(path: Path, checked: Checked): Finding {
  const key = String(path.at(-1) ?? 'steps');
  const parent = path.slice(0, -1);
  const what = `"${key}" is missing${placeWords(parent)}`;
  return {
    code: 'ORCH_MISSING_KEY',
    what,
    fix: `add ${exampleOf(path, checked)}`,
    span: spanOfKey(parent, checked),
  };
}

function wrongType(path: Path, checked: Checked): Finding {
  const value = valueAt(checked.root, path);
  const schema = schemaAt(checked.schema, path) ?? checked.schema;
  const wanted = wantedOf(schema);
  const span = spanOfValue(path, checked);
  if (path.length === 0) {
    const fix = 'begin with "name: my-workflow" and "steps:", or see `orch schema workflow`';
    return {
      code: 'ORCH_WRONG_TYPE',
      what: `the file must hold a map of keys, not ${kindOf(value)}`,
      fix,
      span,
    };
  }
  if (value === null) {
    return {
      code: 'ORCH_WRONG_TYPE',
      what: `${subject(path)} is empty`,
      fix: `remove it, or write ${exampleOf(path, checked)}`,
      span,
    };
  }
  const isBareNumber = typeof value === 'number' && /^a (duration|size)/.test(wanted);
  if (isBareNumber) {
    const [code, what, units] = wanted.startsWith('a duration')
      ? (['ORCH_INVALID_DURATION', 'duration', ['s', 'm']] as const)
      : (['ORCH_INVALID_SIZE', 'size', ['KB', 'MB']] as const);
    const fix =
      value < 0
        ? `write ${exampleOf(path, checked)}`
        : `write ${units.map((unit) => `"${value}${unit}"`).join(' or ')}`;
    return { code, what: `${subject(path)} is the bare number ${value}, not a ${what}`, fix, span };
  }
  return {
    code: 'ORCH_WRONG_TYPE',
    what: `${subject(path)} must be ${wanted}, not ${kindOf(value)}`,
    fix: `write ${exampleOf(path, checked)}`,
    span,
  };
}

function invalidName(path: Path, issue: z.core.$ZodIssueInvalidKey, checked: Checked): Finding {
  const name = String(path.at(-1) ?? '');
  const what = `"${name}" is not a valid name`;
  return {
    code: 'ORCH_INVALID_ID',
    what,
    fix: `use ${issue.issues[0]?.message ?? 'letters and digits'}`,
    span: spanOfKey(path, checked),
  };
}

function custom(issue: z.core.$ZodIssueCustom, path: Path, checked: Checked): Finding {
  const { code, fix } = (issue.params ?? {}) as Partial<CustomIssue>;
  const what =
    typeof path.at(-1) === 'number' ? issue.message : `${issue.message}${placeWords(path)}`;
  return {
    code: code ?? 'ORCH_INVALID_VALUE',
    what,
    fix: fix ?? `write ${exampleOf(path, checked)}`,
    span: spanOfValue(path, checked),
  };
}

function wrongValue(issue: z.core.$ZodIssue, path: Path, checked: Checked): Finding {
  const value = valueAt(checked.root, path);
  const span = spanOfValue(path, checked);
  const at = subject(path);
  if (issue.code === 'invalid_value') return notAmong(issue.values.map(String), path, checked);
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const isCount = issue.origin === 'array' || issue.origin === 'string' || issue.origin === 'map';
    if (isCount && issue.code === 'too_small')
      return {
        code: 'ORCH_INVALID_VALUE',
        what: `${at} is empty`,
        fix: `write ${exampleOf(path, checked)}`,
        span,
      };
    const bound =
      issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    const isOpen = issue.code === 'too_small' && issue.inclusive === false;
    const what = `${at} must be ${isOpen ? `more than ${issue.minimum}` : bound}, not ${shown(value)}`;
    return { code: 'ORCH_INVALID_VALUE', what, fix: `write ${exampleOf(path, checked)}`, span };
  }
  if (issue.code === 'invalid_format') {
    const isEmpty = typeof value === 'string' && value.trim() === '';
    if (isEmpty)
      return {
        code: 'ORCH_INVALID_VALUE',
        what: `${at} is empty`,
        fix: `write ${exampleOf(path, checked)}`,
        span,
      };
    const isRule = !issue.message.startsWith('Invalid');
    return {
      code: 'ORCH_INVALID_ID',
      what: `${shown(value)} is not a valid name`,
      fix: isRule ? `use ${issue.message}` : `write ${exampleOf(path, checked)}`,
      span,
    };
  }
  return wrongType(path, checked);
}

function notAmong(allowed: readonly string[], path: Path, checked: Checked): Finding {
  const value = valueAt(checked.root, path);
  if (value === undefined) return missingKey(path, checked);
  if (value === null) return wrongType(path, checked);
  const near = typeof value === 'string' ? closestMatch(value, allowed) : undefined;
  const words = joinWords(
    allowed.map((each) => `"${each}"`),
    'or',
  );
  const fix = near === undefined ? `write one of ${allowed.join(', ')}` : `did you mean "${near}"?`;
  return {
    code: 'ORCH_INVALID_VALUE',
    what: `${subject(path)} must be ${words}, not ${shown(value)}`,
    fix,
    span: spanOfValue(path, checked),
  };
}

/** `timeout: 20m`, from the schema's own example. */
function exampleOf(path: Path, { schema }: Checked): string {
  const key = typeof path.at(-1) === 'number' ? path.at(-2) : path.at(-1);
  const keyPath = typeof path.at(-1) === 'number' ? path.slice(0, -1) : path;
  const declared = schemaAt(schema, keyPath);
  if (path.length === 2 && path[0] === 'steps') return `${key}: { run: npm test }`;
  const [example] = declared === undefined ? [] : (notesAt(declared).examples ?? []);
  if (example !== undefined) return `${key}: ${flowText(example as never)}`;
  return declared === undefined
    ? `a value for "${key}"`
    : `${key}: <${wantedOf(unwrap(declared))}>`;
}

function subject(path: Path): string {
  const last = path.at(-1);
  if (typeof last !== 'number') return `"${last}"`;
  return `item ${last + 1} of "${path.at(-2)}"`;
}

/** Where in the file's own terms: ` in step "build"`, ` in gate 2`, ` in "retry"`. */
function placeWords(path: Path): string {
  const [first, second, ...rest] = path;
  if (first === undefined) return '';
  if (first === 'steps' && second !== undefined)
    return `${rest.length > 0 ? ` in "${rest.filter((key) => typeof key === 'string').join('.')}"` : ''}${rest.length > 0 ? ' of' : ' in'} step "${second}"`;
  if (first === 'gates' && second !== undefined) return ` in gate ${Number(second) + 1}`;
  return ` in "${path.filter((key) => typeof key === 'string').join('.')}"`;
}

function kindOf(value: Plain | undefined): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? `the text ${shown(value)}` : shown(value);
}

function shown(value: Plain | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

export function valueAt(root: Plain, path: Path): Plain | undefined {
  let value: Plain | undefined = root;
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)];
    else if (isPlainMap(value) && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

function spanOfKey(path: Path, checked: Checked): Span {
  return spanAt(path, 'key', checked);
}

function spanOfValue(path: Path, checked: Checked): Span {
  return spanAt(path, 'value', checked);
}

/** The key or value at a path; an item of a list has no key, and the file itself is its first line. */
function spanAt(path: Path, part: 'key' | 'value', { root, source }: Checked): Span {
  const last = path.at(-1);
  const places = placesOf(valueAt(root, path.slice(0, -1)));
  if (last === undefined || places === undefined)
    return placesOf(root)?.self ?? { source, start: 0, end: 1 };
  const span = part === 'key' ? (places.key(last) ?? places.value(last)) : places.value(last);
  return span ?? places.self;
}
