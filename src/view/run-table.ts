/** Runs and workflow files as rows of tables. Words only: borders and colours are the command line's. */
import { stripControl } from '../base/text.ts';
import type { RunOverview } from './run-overview.ts';
import type { UnreadableRun } from './status-text.ts';
import type { ColumnRules } from './table-text.ts';
import { agoText, durationText } from './time-text.ts';

/** One run in a list: read here, read off a checkpoint's message, or not readable. */
export type ListedRun =
  | RunOverview
  | CommittedOverview
  | (UnreadableRun & { readonly source: 'here' });

/** What the newest checkpoint of a run says in its message. */
export interface CommittedOverview {
  readonly run: string;
  readonly workflow: string;
  readonly status: string;
  readonly source: 'git';
  /** `origin/orch/x-261121-k3f9` */
  readonly branch: string;
  readonly wave: number;
  readonly ended_at: string;
}

export const RUN_COLUMNS = ['run', 'workflow', 'status', 'started', 'duration', 'steps'] as const;
/** The id of a run begins with its workflow. */
export const RUN_RULES: ColumnRules = {
  whole: ['run'],
  spare: ['workflow', 'duration', 'started', 'steps'],
};

/** @param nowMs wall clock */
export function runRow(run: ListedRun, nowMs: number): string[] {
  if ('code' in run) return [run.run, '', 'unreadable', '', '', stripControl(run.message)];
  const name = stripControl(run.workflow);
  if (!('progress' in run)) {
    const saved = agoText(Date.parse(run.ended_at), nowMs);
    return [
      run.run,
      name,
      stripControl(run.status),
      `saved ${saved}`,
      '',
      `wave ${run.wave}, in git`,
    ];
  }
  const started = agoText(Date.parse(run.started_at), nowMs);
  const took = run.duration_s === null ? '' : durationText(run.duration_s * 1000);
  const half = run.rollback_open === null ? '' : ', rollback half done';
  return [run.run, name, `${run.status}${half}`, started, took, stepsText(run)];
}

function stepsText({ steps, progress }: RunOverview): string {
  const troubles = (['failed', 'skipped', 'cancelled'] as const)
    .filter((status) => steps[status] > 0)
    .map((status) => `${steps[status]} ${status}`);
  const of = `${progress.done}/${progress.total}`;
  return troubles.length === 0 ? of : `${of} (${troubles.join(', ')})`;
}

export interface WorkflowFile {
  readonly file: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly steps: number | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly fix: string;
    readonly line: number | null;
    readonly column: number | null;
    /** How many mistakes the file has; this is the first. */
    readonly mistakes: number;
  } | null;
}

export const WORKFLOW_COLUMNS = ['file', 'workflow', 'steps', 'description'] as const;
export const WORKFLOW_RULES: ColumnRules = { whole: ['file'], spare: ['steps', 'workflow'] };

export function workflowRow({ file, name, steps, description, error }: WorkflowFile): string[] {
  if (error !== null) {
    const place = error.line === null ? '' : `${error.line}:${error.column}: `;
    const more = error.mistakes > 1 ? ` (and ${error.mistakes - 1} more)` : '';
    return [stripControl(file), 'invalid', '', oneLine(`${place}${error.message}${more}`)];
  }
  return [stripControl(file), oneLine(name ?? ''), String(steps ?? ''), oneLine(description ?? '')];
}

function oneLine(text: string): string {
  return stripControl(text.replace(/\s+/g, ' ').trim());
}
