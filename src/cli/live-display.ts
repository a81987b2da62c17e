/**
 * Live progress on a terminal: a few lines at the bottom, and above them for good what a person wants
 * to find there afterwards. Where the terminal cannot redraw, display.ts prints plain lines instead.
 * How lines get to the bottom and stay there is live-screen.ts.
 */
import type { RunEvent } from '../run/events.ts';
import type { Progress } from '../run/progress.ts';
import type { RunState } from '../run/state.ts';
import { eventLine } from '../view/event-line.ts';
import { liveLines, liveProgress } from '../view/live-lines.ts';
import type { CliContext } from './context.ts';
import { openScreen, type ScreenSize } from './live-screen.ts';

export interface Display {
  /** @param ended steps as of the event; as the state says when absent */
  show(event: RunEvent, state: RunState, ended?: number): void;
  /** Leaves nothing of itself on the screen; further calls do nothing. */
  close(): void;
}

/** Progress looks at every step: without news it is worked out this often, not for every frame. */
const PROGRESS_MS = 1_000;

/** What the frames are made of; changed by events. */
interface Picture {
  state: RunState | undefined;
  progress: Progress | undefined;
  progressAtMs: number;
  hasNews: boolean;
}

/** @param initial what to show before the first event, of a run that has begun already */
export async function openLiveDisplay(context: CliContext, initial?: RunState): Promise<Display> {
  const picture: Picture = { state: initial, progress: undefined, progressAtMs: 0, hasNews: false };
  const screen = await openScreen((size) => frameOf(picture, size));
  return {
    show(event, state, ended) {
      picture.state = state;
      picture.hasNews = true;
      if (!isWorthKeeping(event)) return;
      const line = eventLine(event, state, ended);
      if (line !== undefined) context.note(line);
    },
    close: () => screen.close(),
  };
}

/** Starts and ordinary ends are seen in the frames; what went wrong, and what is saved, stays to be read. */
function isWorthKeeping(event: RunEvent): boolean {
  if (event.type === 'step.started') return false;
  return event.type !== 'step.finished' || event.status === 'failed';
}

function frameOf(picture: Picture, size: ScreenSize): string[] {
  const { state } = picture;
  if (state === undefined) return ['starting'];
  const nowMs = Date.now();
  const isOld = picture.hasNews || nowMs - picture.progressAtMs >= PROGRESS_MS;
  if (picture.progress === undefined || isOld) {
    picture.progress = liveProgress(state, nowMs);
    picture.progressAtMs = nowMs;
    picture.hasNews = false;
  }
  return liveLines(state, picture.progress, nowMs, size);
}
