/**
 * Walking zod schemas: which schema speaks for a path in a file, what keys it knows, and how its
 * values are called. The only file that looks inside zod's definitions.
 */
import * as z from 'zod';
import { wantedWords } from './schema-parts.ts';

export type Path = readonly (string | number)[];

/** The schema below `optional`, `default` and transforms. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault)
      inner = inner._zod.def.innerType;
    else if (inner instanceof z.ZodPipe) inner = inner._zod.def.in;
    else return inner;
  }
}

/** What may stand below a schema at one key; undefined when nothing may. */
function childOf(schema: z.core.$ZodType, key: string | number): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject)
    return Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined;
  if (inner instanceof z.ZodRecord) return inner._zod.def.valueType;
  if (inner instanceof z.ZodArray) return inner._zod.def.element;
  if (!(inner instanceof z.ZodUnion)) return undefined;
  for (const option of inner.options) {
    const child = childOf(option, key);
    if (child !== undefined) return child;
  }
  return undefined;
}

/** The schema for a path, as it is declared there (so with its description); undefined for unknown keys. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = root;
  for (const key of path) {
    if (schema === undefined) return undefined;
    schema = childOf(schema, key);
  }
  return schema;
}

/** Keys a map may have at a path, those of every branch of a union together. */
export function knownKeys(schema: z.core.$ZodType): readonly string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape);
  return inner instanceof z.ZodUnion ? inner.options.flatMap(knownKeys) : [];
}

/** How to call a schema's values: `a list`, `true or false`, `"keep" or "rollback"`. */
export function wantedOf(schema: z.core.$ZodType): string {
  for (let each = schema, inner = unwrapOnce(each); ; each = inner, inner = unwrapOnce(each)) {
    const registered = wantedWords.get(each as z.ZodType)?.wanted;
    if (registered !== undefined) return registered;
    if (inner === each) break;
  }
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return oneOf(inner.options.map((option) => `"${option}"`));
  if (inner instanceof z.ZodUnion) return oneOf([...new Set(inner.options.map(wantedOf))]);
  return TYPE_WORDS[inner._zod.def.type] ?? 'another value';
}

function unwrapOnce(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return schema._zod.def.innerType;
  return schema instanceof z.ZodPipe ? schema._zod.def.in : schema;
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** Description, default and examples of a key, wherever in its wrappers they stand. */
export function notesAt(schema: z.core.$ZodType): {
  description?: string;
  default?: unknown;
  examples?: readonly unknown[];
} {
  const notes = z.globalRegistry.get(schema as z.ZodType) ?? {};
  const { description, default: fallback, examples } = notes as Record<string, unknown>;
  return {
    ...(typeof description === 'string' ? { description } : {}),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(Array.isArray(examples) ? { examples } : {}),
  };
}
