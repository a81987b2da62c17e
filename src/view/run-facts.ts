/**
 * What a view is given of a run: its state, and what no journal tells: who holds it now, and the
 * moment at which its progress is to be told.
 */
import type { RunState } from '../run/state.ts';

export interface RunFacts {
  readonly state: RunState;
  /** `here`: from the journal of this repository; `git`: as of the newest checkpoint that git has. */
  readonly source: 'here' | 'git';
  /** What git calls the place of its checkpoints, as people type it: a branch, or `HEAD`. */
  readonly branch: string;
  /** The process that works on it; null when none does. */
  readonly heldBy: { readonly pid: number; readonly what: string } | null;
  /** Wall clock, milliseconds since 1970; of a run that nobody works on, the time of its last event. */
  readonly asOfMs: number;
  /** Its result is on a branch of the user's. */
  readonly isAccepted: boolean;
  /** The process that held the run is gone without a word. */
  readonly isAbandoned: boolean;
  /** Of a run that nobody works on: what became of the work its journal shows as running, by workKey. */
  readonly fates: ReadonlyMap<string, Fate>;
  /** Steps that have their answer, which waits for a resume. */
  readonly answered: ReadonlySet<string>;
}

export type Fate =
  | { readonly kind: 'alive' }
  /** A resume reads how. */
  | { readonly kind: 'ended'; readonly exitCode: number }
  | { readonly kind: 'gone' };

/** @param wave of a gate; steps have names of their own */
export function workKey(kind: 'step' | 'gate', wave: number, name: string): string {
  return kind === 'step' ? `step ${name}` : `gate ${wave} ${name}`;
}
