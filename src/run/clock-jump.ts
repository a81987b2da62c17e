/**
 * What becomes of times that were set when the wall clock jumps ahead: backoff and patience for the
 * queue are lengths of time and move along; a person's deadline is a date and stays.
 *
 * No event tells of a jump. A later process knows the journal's times only, and goes by these.
 */
import { type RunState, stepStateOf } from './state.ts';

/** @param byMs how far the clock went ahead of the time that has passed */
export function moveAlarms(state: RunState, byMs: number): void {
  const { retries, deadlines } = state.agenda;
  for (const { node, atMs } of retries.takeAll()) {
    const step = stepStateOf(state, node);
    if (step.retryAtMs !== atMs) continue; // An event has overtaken it.
    step.retryAtMs += byMs;
    retries.set({ node, atMs: step.retryAtMs });
  }
  for (const alarm of deadlines.takeAll()) {
    const step = stepStateOf(state, alarm.node);
    if (step.status === 'pending' && step.startUntilMs === alarm.atMs) {
      step.startUntilMs += byMs;
      deadlines.set({ node: alarm.node, atMs: step.startUntilMs });
    } else deadlines.set(alarm);
  }
  for (const { gates } of state.waves) {
    for (const gate of gates) if (gate.retryAtMs !== undefined) gate.retryAtMs += byMs;
  }
}
