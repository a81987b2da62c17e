/**
 * The plan: what would happen, as plain data. Made by make-plan.ts from a workflow and estimates,
 * printed by `orch plan`, frozen into run.json by `orch run`, and walked by run/decide.ts.
 */
import type { Gate, Level, MatrixValues, Step } from '../workflow/workflow.ts';

export type EstimateSource = 'declared' | 'learned' | 'default';
export type Validation = Level;

/**
 * One node of the graph. `step`: does work. `matrix`: stands for all instances of a matrix step (ends
 * when they have ended; has no events of its own). `workflow`: a nested workflow (starts before its
 * children, ends after them, takes no slot). `dynamic`: a matrix not yet expanded.
 */
export type NodeKind = 'step' | 'matrix' | 'dynamic' | 'workflow';

export interface PlanNode {
  readonly index: number;
  /** `implement(index)`, `outer/inner`. */
  readonly id: string;
  readonly kind: NodeKind;
  readonly step: Step;
  readonly matrix?: MatrixValues;
  /** Indices of nodes. A `matrix` node needs its instances; a `workflow` node does not list its children. */
  readonly needs: readonly number[];
  /** Index of the `workflow` node this node lies in. */
  readonly parent?: number;
  /** Index of the `matrix` node this instance belongs to. */
  readonly matrixNode?: number;
  readonly estimateMs: number;
  readonly estimateSource: EstimateSource;
  /** Longest path from the start of this node to the end of the run, by estimates: its priority. */
  readonly remainingMs: number;
  /** From 1. Matrix and workflow nodes: the wave of their last part. */
  readonly wave: number;
  /** Offsets from the run's start in the list schedule. */
  readonly startMs: number;
  readonly endMs: number;
  readonly critical: boolean;
}

export interface PlanWave {
  /** From 1. */
  readonly index: number;
  /** Ids of nodes of kind `step` and `dynamic`, in order of planned start. */
  readonly steps: readonly string[];
  readonly gates: readonly Gate[];
  /** Gates that the wave's validation leaves out, by name. */
  readonly gatesLeftOut: readonly string[];
  readonly validation: Validation;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Plan {
  readonly workflow: string;
  readonly strategy: string;
  readonly strategyReason: string;
  readonly workspace: 'in-place' | 'isolated';
  readonly concurrency: number;
  readonly nodes: readonly PlanNode[];
  readonly waves: readonly PlanWave[];
  /** Ids from first to last. */
  readonly criticalPath: readonly string[];
  readonly criticalPathMs: number;
  readonly workMs: number;
  readonly lowerBoundMs: number;
  readonly makespanMs: number;
}
