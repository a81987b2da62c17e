/**
 * What a record must look like before it is believed. A checksum says that nothing was flipped and
 * nothing of who wrote it; records come with branches of strangers. Small on purpose: schemas that
 * explain themselves to people take too long to load for commands that only look.
 */
export type Shape = (value: unknown) => boolean;

export const text: Shape = (value) => typeof value === 'string';
export const flag: Shape = (value) => typeof value === 'boolean';
export const amount: Shape = (value) => typeof value === 'number' && Number.isFinite(value);
/** From 0. */
export const count: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
export const anything: Shape = () => true;
/** ISO 8601. */
export const instant: Shape = (value) =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value));
/** Full id of a git object, sha1 or sha256. */
export const oid: Shape = (value) =>
  typeof value === 'string' && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value);

export function oneOf(...words: readonly string[]): Shape {
  return (value) => words.includes(value as string);
}

export function matching(pattern: RegExp): Shape {
  return (value) => typeof value === 'string' && pattern.test(value);
}

export function orNull(shape: Shape): Shape {
  return (value) => value === null || shape(value);
}

/** Of a record's key that may be absent. */
export function optional(shape: Shape): Shape {
  return (value) => value === undefined || shape(value);
}

export function listOf(shape: Shape): Shape {
  return (value) => Array.isArray(value) && value.every(shape);
}

export function mapOf(shape: Shape): Shape {
  return (value) => isPlain(value) && Object.values(value).every(shape);
}

/** Keys that are not named may hold anything: newer programs add some. */
export function record(keys: Readonly<Record<string, Shape>>): Shape {
  const entries = Object.entries(keys);
  return (value) => isPlain(value) && entries.every(([key, shape]) => shape(value[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
