/**
 * What each wave of a plan holds: its steps in the order of their planned start, its validation and
 * its gates. The cut itself is waves.ts.
 */
import type { Gate } from '../workflow/workflow.ts';
import { gatesOf, validateAdaptively, type WaveValidation } from './gates.ts';
import type { PlanNode, PlanWave } from './plan.ts';
import type { Strategy } from './strategies.ts';
import type { WaveCut } from './waves.ts';

export interface WaveParts {
  readonly waves: readonly PlanWave[];
  /** Why each wave has its validation; empty unless the strategy's validation is adaptive. */
  readonly reasons: readonly string[];
}

export function waveParts(
  nodes: readonly PlanNode[],
  cut: WaveCut,
  strategy: Strategy,
  gates: readonly Gate[],
): WaveParts {
  const members: PlanNode[][] = Array.from({ length: cut.waveCount }, () => []);
  for (const leaf of cut.schedule.order) {
    const node = nodes[leaf];
    if (node !== undefined) members[node.wave - 1]?.push(node);
  }
  const judged = members.map((steps, nth): WaveValidation => {
    if (strategy.validation !== 'adaptive') return { validation: strategy.validation, reason: '' };
    return validateAdaptively(steps.filter(isRisky).length, nth === members.length - 1);
  });
  const waves = members.map((steps, nth): PlanWave => {
    const validation = judged[nth]?.validation ?? 'strict';
    return {
      index: nth + 1,
      steps: steps.map((node) => node.id),
      ...gatesOf(gates, validation, nth === members.length - 1),
      validation,
      startMs: steps.reduce((first, node) => Math.min(first, node.startMs), Infinity),
      endMs: steps.reduce((last, node) => Math.max(last, node.endMs), 0),
    };
  });
  const reasons = judged.map(({ reason }) => reason).filter((reason) => reason !== '');
  return { waves, reasons };
}

function isRisky({ step }: PlanNode): boolean {
  return step.kind === 'agent' || step.kind === 'mcp' || step.retry.maxAttempts > 1;
}
