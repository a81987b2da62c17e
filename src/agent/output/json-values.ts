/** Values of JSON that somebody else wrote: whatever is not of the expected type is not there. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): JsonObject | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : undefined;
}

export function objectAt(value: unknown, key: string): JsonObject {
  return asObject(asObject(value)?.[key]) ?? {};
}

export function listAt(value: unknown, key: string): readonly unknown[] {
  const list = asObject(value)?.[key];
  return Array.isArray(list) ? list : [];
}

/** Undefined for the empty text too. */
export function textAt(value: unknown, key: string): string | undefined {
  const text = asObject(value)?.[key];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** A count or an amount; zero when there is none. */
export function amountAt(value: unknown, key: string): number {
  const amount = asObject(value)?.[key];
  return typeof amount === 'number' && Number.isFinite(amount) && amount > 0 ? amount : 0;
}
