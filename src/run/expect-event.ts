/**
 * What must hold before an event is folded. The journal's checksums hold, so an event that does not
 * fit is a mistake of the engine, and is refused before it becomes history.
 */
import type { GateStarted, RunEventBody, StepStarted, StepWaiting } from './events.ts';
import {
  type Attempt,
  type RunState,
  type StepState,
  type StepStatus,
  type WaveStatus,
  waveOf,
} from './state.ts';

export function expectStep(
  event: RunEventBody,
  { status }: StepState,
  ...wanted: StepStatus[]
): void {
  if (!wanted.includes(status)) throw misfit(event, `the step is ${status}`);
}

export function expectNext(
  event: StepStarted | StepWaiting | GateStarted,
  { attempts }: { readonly attempts: readonly Attempt[] },
): void {
  if (event.attempt !== attempts.length + 1)
    throw misfit(event, `there were ${attempts.length} attempts`);
}

export function expectWave(
  state: RunState,
  event: RunEventBody & { readonly wave: number },
  wanted: WaveStatus,
): void {
  const { status } = waveOf(state, event.wave);
  if (status !== wanted) throw misfit(event, `the wave is ${status}`);
}

export function misfit(event: RunEventBody, because: string): Error {
  return new Error(`an event does not fit, ${because}: ${JSON.stringify(event).slice(0, 300)}`);
}
