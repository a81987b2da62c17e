/** How events of a run are shown to people while they happen: redrawn on a terminal, else as plain lines. */
import type { RunState } from '../run/state.ts';
import { eventLine } from '../view/event-line.ts';
import type { CliContext } from './context.ts';
import type { Display } from './live-display.ts';

/** @param initial what to show before the first event, of a run that has begun already */
export async function openDisplay(context: CliContext, initial?: RunState): Promise<Display> {
  if (context.live) {
    const { openLiveDisplay } = await import('./live-display.ts');
    return await openLiveDisplay(context, initial);
  }
  return {
    show(event, state, ended) {
      if (context.json) return;
      const line = eventLine(event, state, ended);
      if (line !== undefined) context.note(line);
    },
    close() {},
  };
}
