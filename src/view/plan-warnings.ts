/** What a plan gives cause to think about, as words and as JSON. */
import { stripControl } from '../base/text.ts';
import { findOverlaps } from '../plan/overlaps.ts';
import type { Plan } from '../plan/plan.ts';

export interface PlanWarningJson {
  readonly code: 'produces_overlap';
  readonly steps: readonly string[];
  readonly paths: readonly string[];
  readonly message: string;
}

const NAMED_MAX = 3;
const LINES_MAX = 10;

export function planWarnings(plan: Plan): PlanWarningJson[] {
  return findOverlaps(plan).map(({ steps, paths }) => {
    const named = paths.slice(0, NAMED_MAX).join(', ');
    const more = paths.length > NAMED_MAX ? ` and ${paths.length - NAMED_MAX} more` : '';
    const message = `${steps[0]} and ${steps[1]} both produce ${named}${more} and may run at once, so merging them may conflict; let one need the other, or let them write elsewhere`;
    return { code: 'produces_overlap', steps, paths, message };
  });
}

/** `warning: ...`, one line each; ids and paths are made harmless. */
export function warningLines(plan: Plan): string[] {
  const lines = planWarnings(plan).map(({ message }) => `warning: ${stripControl(message)}`);
  if (lines.length <= LINES_MAX) return lines;
  const more = lines.length - LINES_MAX;
  return [...lines.slice(0, LINES_MAX), `warning: and ${more} more like these`];
}
