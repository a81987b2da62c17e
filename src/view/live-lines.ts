/**
 * Live progress as lines: one for the run, then what runs and who is waited for, as many as fit.
 * Drawing them again and again is the command line's business.
 */
import { clipToWidth, stripControl } from '../base/text.ts';
import { type Progress, progressOf } from '../run/progress.ts';
import type { RunState } from '../run/state.ts';
import { clipId } from './clip-id.ts';
import { type RunningWork, runningWork, waitingSteps } from './run-overview.ts';
import { progressText } from './status-text.ts';
import { elapsedText } from './time-text.ts';

export interface LiveSize {
  readonly columns: number;
  /** Lines that may be used; at least one is. */
  readonly rows: number;
}

/** Costs a look at every step: ask for it once a second, not once a frame. */
export function liveProgress(state: RunState, nowMs: number): Progress {
  return progressOf(state, nowMs).run;
}

/** @param nowMs wall clock */
export function liveLines(
  state: RunState,
  progress: Progress,
  nowMs: number,
  size: LiveSize,
): string[] {
  const wave = Math.max(1, Math.min(state.frontier, state.plan.waves.length));
  const head = `wave ${wave}/${state.plan.waves.length}, ${progressText(progress)}`;
  const details = [
    ...runningWork(state, nowMs).map((work) => workLine(work, size.columns)),
    ...waitingSteps(state).map(({ step, message }) => `  waits for you: ${step}: ${message}`),
  ];
  const room = Math.max(0, size.rows - 1);
  const shown = details.length <= room ? details : details.slice(0, Math.max(0, room - 1));
  const hidden = details.length - shown.length;
  const more = hidden > 0 && room > 0 ? [`  and ${hidden} more`] : [];
  return [head, ...shown, ...more].map((line) => clipToWidth(oneLine(line), size.columns));
}

/** A long name is cut, not the time behind it. */
function workLine({ kind, name, attempt, elapsed_s }: RunningWork, columns: number): string {
  const again = attempt > 1 ? ` (attempt ${attempt})` : '';
  const before = `  ${kind === 'gate' ? 'gate ' : ''}`;
  const after = `  ${elapsedText(elapsed_s * 1000)}${again}`;
  return `${before}${clipId(oneLine(name), columns - before.length - after.length)}${after}`;
}

function oneLine(text: string): string {
  return stripControl(text.replace(/[\r\n\t]+/g, ' '));
}
