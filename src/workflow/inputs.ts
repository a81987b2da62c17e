/**
 * Inputs of a workflow: texts from the command line become values of the declared types.
 *
 * Every mistake is found, so that nobody mends one only to meet the next. Values for a nested
 * workflow's inputs are no texts and are checked where the file is loaded (nested.ts).
 */
import { OrchError } from '../base/errors.ts';
import { closestMatch, joinWords } from '../base/text.ts';
import type { InputSpec, JsonValue } from './workflow.ts';

export type InputValue = string | number | boolean;

export type InputsResult =
  | { readonly values: Readonly<Record<string, InputValue>>; readonly errors: readonly [] }
  | { readonly values?: never; readonly errors: readonly [OrchError, ...OrchError[]] };

/**
 * Values by name, in the order of declaration: what was given, else the default. An input that is
 * not required and has neither is the empty value of its type ('' , 0, false).
 * @param given texts as typed: `--input name=value`
 */
export function checkInputs(
  specs: Readonly<Record<string, InputSpec>>,
  given: Readonly<Record<string, string>>,
): InputsResult {
  const errors: OrchError[] = [];
  const values: Record<string, InputValue> = {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(specs, name)) errors.push(unknownInput(name, Object.keys(specs)));
  }
  for (const [name, spec] of Object.entries(specs)) {
    const text = Object.hasOwn(given, name) ? given[name] : undefined;
    const value = text === undefined ? absentValue(name, spec) : parseInput(name, spec, text);
    if (value instanceof OrchError) errors.push(value);
    else
      Object.defineProperty(values, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  const [first, ...more] = errors;
  return first === undefined ? { values, errors: [] } : { errors: [first, ...more] };
}

/**
 * As checkInputs, for callers that show one error.
 * @throws OrchError the mistake, or one that lists them all
 */
export function resolveInputs(
  specs: Readonly<Record<string, InputSpec>>,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, InputValue>> {
  const { values, errors } = checkInputs(specs, given);
  if (values !== undefined) return values;
  const [first] = errors;
  if (errors.length === 1) throw first;
  throw new OrchError(first.code, errors.map(({ what }) => what).join('; '), {
    fix: [...new Set(errors.map(({ fix }) => fix))].join('; '),
  });
}

/**
 * Values for a run that goes on with other inputs: what it began with stays, a new input gets its
 * default. Values of inputs that are gone stay too, for steps that keep their old definition.
 * @throws OrchError ORCH_CHANGES_REFUSED when a new one is required, or an old value does not fit
 */
export function completeInputs(
  specs: Readonly<Record<string, InputSpec>>,
  values: Readonly<Record<string, JsonValue>>,
): Readonly<Record<string, JsonValue>> {
  const missing: [name: string, value: JsonValue][] = [];
  for (const [name, spec] of Object.entries(specs)) {
    const old = Object.hasOwn(values, name) ? values[name] : undefined;
    if (old === undefined) {
      const value = absentValue(name, spec);
      if (value instanceof OrchError)
        throw refused(`the input "${name}" is new and required`, `give "${name}" a default`);
      missing.push([name, value]);
      continue;
    }
    const misfit = misfitOf(spec, old);
    if (misfit !== undefined)
      throw refused(
        `the input "${name}" ${misfit} now, and the run began with ${JSON.stringify(old)}`,
        `take back the change of "${name}"`,
      );
  }
  return { ...values, ...Object.fromEntries(missing) };
}

function refused(what: string, fix: string): OrchError {
  return new OrchError('ORCH_CHANGES_REFUSED', what, {
    fix: `${fix}, or resume without --accept-changes`,
  });
}

/** Whether a value of a nested workflow's `with` fits; the mistake in words when it does not. */
export function misfitOf(spec: InputSpec, value: JsonValue): string | undefined {
  if (spec.type === 'choice') {
    return (spec.options ?? []).some((option) => option === value)
      ? undefined
      : `must be ${joinWords(
          (spec.options ?? []).map((option) => `"${option}"`),
          'or',
        )}`;
  }
  const fits = typeof value === spec.type;
  return fits ? undefined : `must be ${WANTED[spec.type]}`;
}

const WANTED = { string: 'text', number: 'a number', boolean: 'true or false' } as const;

function unknownInput(name: string, known: readonly string[]): OrchError {
  const near = closestMatch(name, known);
  const declared =
    known.length === 0
      ? 'this workflow takes no inputs'
      : `its inputs are ${joinWords(known, 'and')}`;
  return new OrchError('ORCH_UNKNOWN_INPUT', `the workflow has no input "${name}"`, {
    fix: near === undefined ? declared : `did you mean "${near}"?`,
  });
}

function absentValue(name: string, spec: InputSpec): InputValue | OrchError {
  if (spec.default !== undefined) return spec.default;
  if (spec.required) {
    return new OrchError('ORCH_MISSING_INPUT', `the input "${name}" is required`, {
      fix: `add --input ${name}=${spec.options?.[0] ?? '<value>'}`,
    });
  }
  if (spec.type === 'number') return 0;
  return spec.type === 'boolean' ? false : '';
}

function parseInput(name: string, spec: InputSpec, text: string): InputValue | OrchError {
  if (spec.type === 'string') {
    if (!text.includes('\0')) return text;
    const shown = JSON.stringify(text).slice(1, -1);
    return invalid(name, shown, 'must be without a NUL character', `--input ${name}=<text>`);
  }
  if (spec.type === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    return invalid(name, text, 'must be true or false', `--input ${name}=true`);
  }
  if (spec.type === 'number') {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value)
      ? value
      : invalid(name, text, 'must be a number', `--input ${name}=1`);
  }
  const options = spec.options ?? [];
  if (options.includes(text)) return text;
  const near = closestMatch(text, options);
  const wanted = `must be ${joinWords(
    options.map((option) => `"${option}"`),
    'or',
  )}`;
  return invalid(
    name,
    text,
    wanted,
    near === undefined ? `--input ${name}=${options[0] ?? ''}` : `did you mean "${near}"?`,
  );
}

function invalid(name: string, text: string, wanted: string, fix: string): OrchError {
  return new OrchError('ORCH_INVALID_INPUT', `the input "${name}" ${wanted}, not "${text}"`, {
    fix,
  });
}
