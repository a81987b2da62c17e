/**
 * What the schemas say to people and editors: JSON Schemas for completion, and a flat list of every
 * key from which docs/reference is generated. Nothing here is written twice; it all comes from the
 * schemas themselves.
 */
import * as z from 'zod';
import { ConfigSchema } from './config-schema.ts';
import { WorkflowSchema } from './schema.ts';
import { notesAt, unwrap, wantedOf } from './schema-walk.ts';
import type { JsonValue } from './workflow.ts';
import { flowText } from './yaml-text.ts';

export type SchemaKind = 'workflow' | 'config';
export const SCHEMA_KINDS: readonly SchemaKind[] = ['workflow', 'config'];

/** One key of a file, as a line of the reference. */
export interface KeyDescription {
  readonly kind: SchemaKind;
  /** `steps.<id>.retry.max_attempts`, `gates[].name`. */
  readonly path: string;
  /** In words: `a list of names`. */
  readonly type: string;
  readonly required: boolean;
  /** As YAML's flow style would write it; absent when there is none. */
  readonly default?: string;
  readonly description: string;
  readonly example?: string;
}

const SCHEMAS: Readonly<Record<SchemaKind, z.ZodType>> = {
  workflow: WorkflowSchema,
  config: ConfigSchema,
};

/** A JSON Schema (draft 2020-12) of a file, for completion in editors. */
export function jsonSchemaOf(kind: SchemaKind): Readonly<Record<string, unknown>> {
  return {
    title: kind === 'workflow' ? 'orch workflow' : 'orch config.yaml',
    ...z.toJSONSchema(SCHEMAS[kind], { io: 'input', unrepresentable: 'any' }),
  };
}

/** Every key of workflow and config files, parents before children, in the order of the schemas. */
export function describeKeys(
  kinds: readonly SchemaKind[] = SCHEMA_KINDS,
): readonly KeyDescription[] {
  return kinds.flatMap((kind) => keysBelow(kind, SCHEMAS[kind], ''));
}

function keysBelow(kind: SchemaKind, schema: z.core.$ZodType, prefix: string): KeyDescription[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion)
    return inner.options.flatMap((option) => keysBelow(kind, option, prefix));
  if (inner instanceof z.ZodArray) return keysBelow(kind, inner._zod.def.element, `${prefix}[]`);
  if (inner instanceof z.ZodRecord)
    return keysBelow(
      kind,
      inner._zod.def.valueType,
      `${prefix}.<${prefix === 'steps' ? 'id' : 'name'}>`,
    );
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape).flatMap(([key, child]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [
      describeKey(kind, path, child as z.ZodType),
      ...keysBelow(kind, child as z.ZodType, path),
    ];
  });
}

function describeKey(kind: SchemaKind, path: string, schema: z.ZodType): KeyDescription {
  const notes = notesAt(schema);
  const [example] = notes.examples ?? [];
  return {
    kind,
    path,
    type: wantedOf(schema),
    required: !(schema instanceof z.ZodOptional),
    ...(notes.default === undefined ? {} : { default: flowText(notes.default as JsonValue) }),
    description: notes.description ?? '',
    ...(example === undefined ? {} : { example: flowText(example as JsonValue) }),
  };
}
