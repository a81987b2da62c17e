/**
 * How long a step will take, and how we know: as the author declared, else as past runs taught, else
 * a default for its kind. Where the learned figures come from is learn's business; here they are a
 * function.
 */
import type { StepKind } from '../workflow/workflow.ts';
import { isLeaf, type NodeSkeleton } from './graph.ts';
import type { EstimateSource } from './plan.ts';

/** Seconds that such a step took in the past; undefined when nothing is known. */
export type LearnedSeconds = (category: string, id: string) => number | undefined;

export interface Estimate {
  /** Whole milliseconds, so that sums along different paths compare exactly. */
  readonly estimateMs: number;
  readonly estimateSource: EstimateSource;
}

/**
 * What a step takes when nobody knows better: a command a minute, an agent five, a tool call ten
 * seconds. An approval takes no time here, because a plan cannot know when a person will answer.
 */
export const DEFAULT_ESTIMATE_MS: Readonly<Record<StepKind, number>> = {
  run: 60_000,
  agent: 300_000,
  mcp: 10_000,
  approval: 0,
  workflow: 0,
};

/** Nodes that hold others (`matrix`, `workflow`) take 0: their parts are counted, and only once. */
export function estimateOf(node: NodeSkeleton, learned?: LearnedSeconds): Estimate {
  if (!isLeaf(node)) return { estimateMs: 0, estimateSource: 'default' };
  const { step } = node;
  if (isDuration(step.estimateMs)) {
    return { estimateMs: Math.round(step.estimateMs), estimateSource: 'declared' };
  }
  const seconds = learned?.(step.category, node.id);
  if (isDuration(seconds)) {
    return { estimateMs: Math.round(seconds * 1000), estimateSource: 'learned' };
  }
  return { estimateMs: DEFAULT_ESTIMATE_MS[step.kind], estimateSource: 'default' };
}

function isDuration(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}
