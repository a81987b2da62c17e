/**
 * Which gates a wave gets: its validation, and the gates whose level is not above it. What is left
 * out is named, so that nobody believes in a check that never ran.
 */
import type { Gate, Level } from '../workflow/workflow.ts';

const STRICTNESS: Readonly<Record<Level, number>> = { light: 0, standard: 1, strict: 2 };

export interface WaveGates {
  readonly gates: readonly Gate[];
  /** Names of gates that would belong here but for their level. */
  readonly gatesLeftOut: readonly string[];
}

/** Gates `on: wave` belong to every wave, gates `on: end` to the last. */
export function gatesOf(gates: readonly Gate[], validation: Level, isLast: boolean): WaveGates {
  const here = gates.filter((gate) => gate.on === 'wave' || isLast);
  const fits = (gate: Gate): boolean => STRICTNESS[gate.level] <= STRICTNESS[validation];
  return {
    gates: here.filter(fits),
    gatesLeftOut: here.filter((gate) => !fits(gate)).map((gate) => gate.name),
  };
}

export interface WaveValidation {
  readonly validation: Level;
  readonly reason: string;
}

/**
 * Standard checks for every wave, so that a gate without a level is never left out; strict ones where
 * most can go wrong: in the last wave, for nothing comes after it, and where steps are risky.
 * @param riskySteps done by agents or tools, or that the author expects to fail now and then (`retry`)
 */
export function validateAdaptively(riskySteps: number, isLast: boolean): WaveValidation {
  if (isLast) return { validation: 'strict', reason: 'last wave' };
  if (riskySteps === 0) return { validation: 'standard', reason: 'nothing risky' };
  const steps = riskySteps === 1 ? '1 step' : `${riskySteps} steps`;
  return { validation: 'strict', reason: `${steps} by agents or with retries` };
}
