/**
 * Values as one line of YAML, for messages and the reference: what a reader can paste into a file.
 */
import type { JsonValue } from './workflow.ts';

/** YAML in one line: `{ max_attempts: 2, backoff: 2s }`. */
export function flowText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value as Readonly<Record<string, JsonValue>>).map(
      ([key, each]) => `${key}: ${flowText(each)}`,
    );
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
  }
  if (typeof value !== 'string') return String(value);
  const isPlain =
    /^[A-Za-z0-9_./$<][^:#,[\]{}"'\n]*$/.test(value) && !/^(true|false|null|[\d.]+)$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
