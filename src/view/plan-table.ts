/**
 * The plan as rows for a terminal. Words and marks only: colours, column widths and borders are the
 * command line's business. Ids and names come from a file and are made harmless here.
 */
import { plural, stripControl } from '../base/text.ts';
import { flattenNeeds } from '../plan/flatten-needs.ts';
import type { WhatIf } from '../plan/make-plan.ts';
import type { Plan, PlanNode, PlanWave } from '../plan/plan.ts';
import { warningLines } from './plan-warnings.ts';
import type { ColumnRules } from './table-text.ts';
import { durationText } from './time-text.ts';

export interface PlanTable {
  /** Whole lines, to stand above the tables. */
  readonly header: readonly string[];
  readonly columns: readonly string[];
  readonly sections: readonly PlanSection[];
  /** Rows under WHAT_IF_COLUMNS; empty when nothing was asked. */
  readonly whatIf: readonly (readonly string[])[];
}

export interface PlanSection {
  /** `Wave 1 of 3, 0s to 12.5s`. */
  readonly title: string;
  readonly rows: readonly PlanRow[];
  /** Gates of the wave, and what was left out. */
  readonly notes: readonly string[];
}

export interface PlanRow {
  /** As many as there are columns. */
  readonly cells: readonly string[];
  /** On the critical path; the first cell then begins with CRITICAL_MARK. */
  readonly critical: boolean;
}

export const CRITICAL_MARK = '*';
export const PLAN_COLUMNS = ['step', 'needs', 'start', 'end', 'estimate'] as const;
export const PLAN_RULES: ColumnRules = { ids: ['step'], spare: ['needs', 'estimate'] };
export const WHAT_IF_COLUMNS = ['at once', 'makespan', 'lower bound', 'waves'] as const;
/** A cell with more needs says how many there are besides. */
const NEEDS_NAMED_MAX = 3;
const PATH_NAMED_MAX = 12;

export function planTable(plan: Plan, whatIfs: readonly WhatIf[] = []): PlanTable {
  const needs = flattenNeeds(plan);
  const nodeOf = new Map(plan.nodes.map((node) => [node.id, node]));
  return {
    header: headerOf(plan),
    columns: PLAN_COLUMNS,
    sections: plan.waves.map((wave) => ({
      title: `Wave ${wave.index} of ${plan.waves.length}, ${spanOf(wave)}`,
      rows: wave.steps.flatMap((id) => {
        const node = nodeOf.get(id);
        return node === undefined ? [] : [rowOf(node, needs.get(id) ?? [])];
      }),
      notes: notesOf(wave),
    })),
    whatIf: whatIfs.map((row) => [
      String(row.concurrency),
      durationText(row.makespanMs),
      durationText(row.lowerBoundMs),
      String(row.waves),
    ]),
  };
}

function headerOf(plan: Plan): string[] {
  const leaves = plan.waves.reduce((sum, wave) => sum + wave.steps.length, 0);
  const size = `${plural(leaves, 'step')} in ${plural(plan.waves.length, 'wave')}`;
  const how = `${plan.concurrency} at once, ${plan.workspace}`;
  const path = plan.criticalPath.map(stripControl);
  const named = path.slice(0, PATH_NAMED_MAX).join(' > ');
  const more = path.length > PATH_NAMED_MAX ? ` > ${path.length - PATH_NAMED_MAX} more` : '';
  const lines = [
    `${stripControl(plan.workflow)}: ${size}, ${how}`,
    `Strategy ${stripControl(plan.strategy)}: ${stripControl(plan.strategyReason)}`,
    `Time ${durationText(plan.makespanMs)}, at least ${durationText(plan.lowerBoundMs)}, work ${durationText(plan.workMs)}`,
  ];
  const warnings = warningLines(plan);
  if (path.length === 0) return [...lines, ...warnings];
  const critical = `Critical path ${durationText(plan.criticalPathMs)}: ${named}${more}`;
  return [...lines, critical, ...warnings];
}

function rowOf(node: PlanNode, needs: readonly string[]): PlanRow {
  const mark = node.critical ? CRITICAL_MARK : ' ';
  const dynamic = node.kind === 'dynamic' ? ' (matrix known later)' : '';
  const source = node.estimateSource === 'declared' ? '' : ` (${node.estimateSource})`;
  const named = needs.slice(0, NEEDS_NAMED_MAX).map(stripControl).join(', ');
  const more = needs.length > NEEDS_NAMED_MAX ? ` and ${needs.length - NEEDS_NAMED_MAX} more` : '';
  const cells = [
    `${mark} ${stripControl(node.id)}${dynamic}`,
    `${named}${more}`,
    durationText(node.startMs),
    durationText(node.endMs),
    `${durationText(node.estimateMs)}${source}`,
  ];
  return { cells, critical: node.critical };
}

function notesOf(wave: PlanWave): string[] {
  const notes: string[] = [];
  const gates = wave.gates.map((gate) => stripControl(gate.name));
  if (gates.length > 0) notes.push(`gates: ${gates.join(', ')}`);
  const leftOut = wave.gatesLeftOut.map(stripControl);
  if (leftOut.length > 0) {
    notes.push(`left out by ${wave.validation} validation: ${leftOut.join(', ')}`);
  }
  return notes;
}

function spanOf(wave: PlanWave): string {
  return `${durationText(wave.startMs)} to ${durationText(wave.endMs)}`;
}
