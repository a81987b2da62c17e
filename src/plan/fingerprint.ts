/**
 * What a step does, as a digest: two steps with the same fingerprint do the same. Where a step stands
 * in its file, how it is called for people, how long it takes and what kind of work it is do not
 * count. From that follows what changed between the workflow a run has frozen and the file of today.
 */
import { createHash } from 'node:crypto';
import type { Step, Workflow } from '../workflow/workflow.ts';

const NOT_PART_OF_WORK: ReadonlySet<string> = new Set(['spot', 'name', 'estimateMs', 'category']);

/** 64 hex digits (sha256). The order of keys and of `needs` does not matter. */
export function stepFingerprint(step: Step): string {
  const fields = fieldsOf(step);
  const keys = [...fields.keys()].sort();
  const text = keys.map((key) => `${JSON.stringify(key)}:${fields.get(key)}`).join();
  return createHash('sha256').update(`{${text}}`).digest('hex');
}

export interface WorkflowChanges {
  /** Ids in the order of the current file. */
  readonly added: readonly string[];
  /** Ids in the order of the frozen file. */
  readonly removed: readonly string[];
  /** In the order of the current file; names of fields of Step, sorted. */
  readonly changed: readonly { readonly id: string; readonly fields: readonly string[] }[];
  /** Names of fields of Workflow that differ, steps apart, sorted: `env`, `gates`, ... */
  readonly settings: readonly string[];
}

export function diffWorkflows(frozen: Workflow, current: Workflow): WorkflowChanges {
  const before = new Map(frozen.steps.map((step) => [step.id, step]));
  const now = new Set(current.steps.map((step) => step.id));
  const changed = current.steps.flatMap((step) => {
    const old = before.get(step.id);
    const fields = old === undefined ? [] : differing(fieldsOf(old), fieldsOf(step));
    return fields.length === 0 ? [] : [{ id: step.id, fields }];
  });
  return {
    added: current.steps.filter(({ id }) => !before.has(id)).map(({ id }) => id),
    removed: frozen.steps.filter(({ id }) => !now.has(id)).map(({ id }) => id),
    changed,
    settings: differing(settingsOf(frozen), settingsOf(current)),
  };
}

function fieldsOf(step: Step): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [key, value] of Object.entries(step)) {
    if (value === undefined || NOT_PART_OF_WORK.has(key)) continue;
    fields.set(key, canonicalText(key === 'needs' ? [...step.needs].sort() : value));
  }
  return fields;
}

function settingsOf(workflow: Workflow): Map<string, string> {
  const { steps: _steps, ...settings } = workflow;
  return new Map(
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, canonicalText(value)]),
  );
}

function differing(
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): string[] {
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].filter((key) => left.get(key) !== right.get(key)).sort();
}

/** JSON with sorted keys and without absent values, so that equal values give equal text. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalText(item)}`).join()}}`;
}
