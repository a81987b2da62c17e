/**
 * Known secrets taken out of what an event says in free text. Ids, paths, refs and numbers stay: they
 * come from files that are committed as they are, and the fold needs them.
 */
import type { Redactor } from '../base/redact.ts';
import type { RunEvent } from './events.ts';

/** The fields of all events that hold what a person or a process has written. */
interface FreeText {
  readonly name?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly failure?: { readonly message: string };
  readonly cache?: { readonly reason: string };
}

export function redactEvent(event: RunEvent, redactor: Redactor): RunEvent {
  const { name, message, detail, outputs, failure, cache } = event as FreeText;
  const clean = (text: string) => redactor.redactText(text);
  const changed: FreeText = {
    ...(name !== undefined && { name: clean(name) }),
    ...(message !== undefined && { message: clean(message) }),
    ...(detail !== undefined && { detail: clean(detail) }),
    ...(outputs !== undefined && { outputs: redactOutputs(outputs, redactor) }),
    ...(failure !== undefined && { failure: { ...failure, message: clean(failure.message) } }),
    ...(cache !== undefined && { cache: { ...cache, reason: clean(cache.reason) } }),
  };
  return { ...event, ...(changed as Partial<RunEvent>) } as RunEvent;
}

function redactOutputs(
  outputs: Readonly<Record<string, string>>,
  redactor: Redactor,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, redactor.redactText(value)]),
  );
}
