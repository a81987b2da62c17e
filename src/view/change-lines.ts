/** What differs between the workflow a run began with and the file of today, a line for each step. */
import type { WorkflowChanges } from '../plan/fingerprint.ts';
import type { TakenChanges } from '../run/take-changes.ts';

export function changeLines({ added, removed, changed, settings }: WorkflowChanges): string[] {
  return [
    ...added.map((id) => `  + ${id}`),
    ...removed.map((id) => `  - ${id}`),
    ...changed.map(({ id, fields }) => `  ~ ${id}: ${fields.join(', ')}`),
    ...(settings.length === 0 ? [] : [`  ~ the workflow itself: ${settings.join(', ')}`]),
  ];
}

/** What a run takes of a changed file, and after it what it does not. */
export function takenLines({ taken, kept }: TakenChanges): string[] {
  const settings = kept.settings.join(', ');
  return [
    ...changeLines(taken),
    ...kept.steps.map(({ id, fields, because }) => {
      const what = fields.length === 0 ? 'not in the file any more' : fields.join(', ');
      return `  = ${id}: ${what} (${because}, keeps its old definition)`;
    }),
    ...(settings === '' ? [] : [`  = the workflow itself: ${settings} (as the run began)`]),
  ];
}
