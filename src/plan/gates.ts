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

/** What adaptive validation looks at. */
export interface WaveContent {
  /** Share of all work, 0 to 1. */
  readonly workShare: number;
  /** Steps done by agents or tools, or that the author expects to fail now and then (`retry`). */
  readonly riskySteps: number;
}

export interface WaveValidation {
  readonly validation: Level;
  readonly reason: string;
}

/** From this share of the work on a wave is worth the standard checks. */
const LARGE_SHARE = 0.1;

/** The last wave strictly, for nothing comes after it; risky and large ones as standard; else lightly. */
export function validateAdaptively(content: WaveContent, isLast: boolean): WaveValidation {
  if (isLast) return { validation: 'strict', reason: 'last wave' };
  if (content.riskySteps > 0) {
    const steps = content.riskySteps === 1 ? '1 step' : `${content.riskySteps} steps`;
    return { validation: 'standard', reason: `${steps} by agents or with retries` };
  }
  const percent = `${Math.round(content.workShare * 100)} % of the work`;
  if (content.workShare >= LARGE_SHARE) return { validation: 'standard', reason: percent };
  return { validation: 'light', reason: percent };
}
