/**
 * Live progress on a terminal: one line a running step below one line for the run, redrawn by listr2.
 * Where the terminal cannot redraw, run-session.ts prints event-line.ts instead.
 */
import type { RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { eventLine } from '../view/event-line.ts';
import type { CliContext } from './context.ts';

export function openLiveDisplay(context: CliContext): {
  show(event: RunEvent, state: RunState): void;
  close(): void;
} {
  return {
    show(event, state) {
      const line = eventLine(event, state);
      if (line !== undefined) context.note(line);
    },
    close() {},
  };
}
