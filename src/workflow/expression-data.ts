/**
 * JSON values as the evaluator of @actions/expressions wants them, and back.
 *
 * Its own dictionary copies every key at once and keeps its index in an ordinary object, so that a
 * key such as `constructor` gets lost and a context of 10,000 steps is paid for by every expression.
 * The one here looks a key up when it is asked for, first as written, then without regard to case.
 */
import { data } from '@actions/expressions';
import type { JsonValue } from './workflow.ts';

type ExpressionData = data.ExpressionData;
type JsonMap = Readonly<Record<string, JsonValue>>;

class JsonDictionary extends data.Dictionary {
  readonly value: JsonMap;
  #byLowerCase: Map<string, string> | undefined;

  constructor(value: JsonMap) {
    super();
    this.value = value;
  }

  override get(key: string): ExpressionData | undefined {
    const own = Object.hasOwn(this.value, key) ? key : this.#lowerCaseKeys().get(key.toLowerCase());
    return own === undefined ? undefined : toData(this.value[own]);
  }

  override values(): ExpressionData[] {
    return Object.values(this.value).map(toData);
  }

  override pairs(): { key: string; value: ExpressionData }[] {
    return Object.entries(this.value).map(([key, value]) => ({ key, value: toData(value) }));
  }

  #lowerCaseKeys(): Map<string, string> {
    this.#byLowerCase ??= new Map(
      Object.keys(this.value)
        .reverse() // Of two keys that differ in case alone, the first one counts.
        .map((key) => [key.toLowerCase(), key]),
    );
    return this.#byLowerCase;
  }
}

/** A JSON value for the evaluator; undefined counts as null. */
export function toData(value: JsonValue | undefined): ExpressionData {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === 'string') return new data.StringData(value);
  if (typeof value === 'number') return new data.NumberData(value);
  if (typeof value === 'boolean') return new data.BooleanData(value);
  if (!isList(value)) return new JsonDictionary(value);
  const list = new data.Array();
  for (const item of value) list.add(toData(item));
  return list;
}

/** The evaluator's result as JSON; NaN and the infinities become null, as JSON has none. */
export function fromData(result: ExpressionData): JsonValue {
  if (result instanceof JsonDictionary) return result.value;
  switch (result.kind) {
    case data.Kind.String:
    case data.Kind.Boolean:
      return (result as data.StringData | data.BooleanData).value;
    case data.Kind.Number: {
      const { value } = result as data.NumberData;
      return Number.isFinite(value) ? value : null;
    }
    case data.Kind.Array:
      return (result as data.Array).values().map(fromData);
    case data.Kind.Dictionary:
      return Object.fromEntries(
        (result as data.Dictionary).pairs().map(({ key, value }) => [key, fromData(value)]),
      );
    default:
      return null;
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
