/** `orch status` in words: what is going on now, and what to type next. */
import { plural, stripControl } from '../base/text.ts';
import type { Progress } from '../run/progress.ts';
import { nextLine, type Reader } from './next-line.ts';
import type { Fate } from './run-facts.ts';
import type { ActiveRun, RunningWork, RunOverview, WaitingStep } from './run-overview.ts';
import { agoText, durationText, elapsedText } from './time-text.ts';

export interface StatusDocument {
  /** Null when HEAD is detached or the folder has no commit yet. */
  readonly branch: string | null;
  readonly runs: readonly ActiveRun[];
  /** The newest run that is over. */
  readonly last_run: RunOverview | null;
  readonly tasks: {
    readonly total: number;
    readonly ready: number;
    readonly in_progress: number;
    readonly done: number;
  };
  readonly agents: readonly never[];
  /** Runs whose files cannot be read, and why. */
  readonly unreadable: readonly UnreadableRun[];
}

export interface UnreadableRun {
  readonly run: string;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}

/** @param nowMs wall clock */
export function statusLines(status: StatusDocument, nowMs: number, reader: Reader): string[] {
  const lines = [`branch ${status.branch === null ? '(detached)' : stripControl(status.branch)}`];
  for (const run of status.runs) lines.push('', ...activeRunLines(run, nowMs, reader));
  if (status.runs.length === 0) lines.push('no run is active');
  for (const { run, message, fix } of status.unreadable) {
    lines.push('', `${run}: ${stripControl(message)}`, `  fix: ${stripControl(fix)}`);
  }
  if (status.last_run !== null)
    lines.push(
      '',
      lastRunLine(status.last_run, nowMs),
      ...nextLine(reader, status.last_run.next, '  '),
    );
  return lines;
}

function activeRunLines(run: ActiveRun, nowMs: number, reader: Reader): string[] {
  return [
    `${run.run}: ${statusWords(run, nowMs)}`,
    `  ${progressText(run.progress)}`,
    ...run.waves.filter(({ status }) => isUnderWay(status)).map(waveLine),
    ...run.running.map((work) => `  ${workText(work)}`),
    ...run.waiting.map((step) => `  ${waitingText(step)}`),
    ...nextLine(reader, run.next, '  '),
  ];
}

function workText(work: RunningWork): string {
  const what = `${work.kind === 'gate' ? 'gate ' : ''}${stripControl(work.name)}`;
  const notes = [
    ...(work.fate === 'running' || work.fate === 'alive'
      ? [elapsedText(work.elapsed_s * 1000)]
      : []),
    ...(work.attempt > 1 ? [`attempt ${work.attempt}`] : []),
  ];
  const more = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  if (work.fate === 'running') return `running ${what}${more}`;
  const fate: Fate =
    work.fate === 'ended' ? { kind: 'ended', exitCode: work.exit_code ?? 0 } : { kind: work.fate };
  return `${fateText(fate)}: ${what}${more}`;
}

export function fateText(fate: Fate): string {
  if (fate.kind === 'alive') return 'goes on without orch';
  return fate.kind === 'gone'
    ? 'was lost with orch'
    : `ended meanwhile, with exit code ${fate.exitCode}`;
}

/** `waits for you: ship: Ship it? (until ...)` */
export function waitingText({ step, message, until, answered }: WaitingStep): string {
  const end = until === null ? '' : ` (until ${until})`;
  const what = `${stripControl(step)}: ${stripControl(message)}`;
  return answered ? `has its answer: ${what}` : `waits for you: ${what}${end}`;
}

/** `running (process 123, for 3m 20s)`, `interrupted (process gone), last event 5m ago`. */
export function statusWords(run: RunOverview, nowMs: number): string {
  if (run.held_by !== null) {
    const since = elapsedText(nowMs - Date.parse(run.started_at));
    return `${run.status} (process ${run.held_by.pid}, begun ${since} ago)`;
  }
  return `${endWords(run)}${rollbackWords(run)}`;
}

/** `, and a rollback to wave 0 is half done`; nothing for nearly all runs. */
export function rollbackWords({ rollback_open: open }: RunOverview): string {
  return open === null ? '' : `, and a rollback to wave ${open.to} is half done`;
}

function endWords(run: RunOverview): string {
  if (run.abandoned) return 'interrupted (process gone)';
  if (run.source === 'git') return `${run.status} (as of its newest checkpoint in git)`;
  return run.accepted ? `${run.status}, accepted` : run.status;
}

/** `3 of 10 steps, 30 %, about 2m left` */
export function progressText({ done, total, percent, seconds_left }: Progress): string {
  const left = seconds_left === null ? '' : `, about ${elapsedText(seconds_left * 1000)} left`;
  return `${done} of ${plural(total, 'step')}, ${percent} %${left}`;
}

function isUnderWay(status: string): boolean {
  return status === 'open' || status === 'sealed' || status === 'checkpointing';
}

function waveLine({ wave, status, ...progress }: ActiveRun['waves'][number]): string {
  const how = status === 'open' ? '' : `, ${status === 'sealed' ? 'at its gates' : status}`;
  return `  wave ${wave}: ${progressText(progress)}${how}`;
}

function lastRunLine(run: RunOverview, nowMs: number): string {
  const ended = run.ended_at === null ? '' : ` ${agoText(Date.parse(run.ended_at), nowMs)}`;
  const took = run.duration_s === null ? '' : `, took ${durationText(run.duration_s * 1000)}`;
  return `last run ${run.run}: ${run.status}${run.accepted ? ', accepted,' : ''}${ended}${took}${rollbackWords(run)}`;
}
