/**
 * The plan as the JSON that `orch plan --json` prints. Scripts rely on these names: fields may be
 * added, none renamed. Times are seconds with milliseconds.
 */
import { flattenNeeds } from '../plan/flatten-needs.ts';
import { isLeaf } from '../plan/graph.ts';
import type { WhatIf } from '../plan/make-plan.ts';
import type { EstimateSource, Plan, PlanNode, PlanWave } from '../plan/plan.ts';
import type { Level, MatrixValues, StepKind } from '../workflow/workflow.ts';
import { type PlanWarningJson, planWarnings } from './plan-warnings.ts';

export interface PlanJson {
  readonly workflow: string;
  readonly strategy: string;
  readonly strategy_reason: string;
  readonly workspace: Plan['workspace'];
  readonly concurrency: number;
  readonly waves: readonly PlanWaveJson[];
  /** Leaves only, needs spelled out. */
  readonly steps: readonly PlanStepJson[];
  readonly critical_path: readonly string[];
  readonly critical_path_s: number;
  readonly work_s: number;
  readonly lower_bound_s: number;
  readonly makespan_s: number;
  readonly what_if?: readonly WhatIfJson[];
  /** Absent when there are none. */
  readonly warnings?: readonly PlanWarningJson[];
}

export interface PlanWaveJson {
  readonly index: number;
  readonly steps: readonly string[];
  readonly gates: readonly string[];
  readonly gates_left_out: readonly string[];
  readonly validation: Level;
  readonly start_s: number;
  readonly end_s: number;
}

export interface PlanStepJson {
  readonly id: string;
  /** As written, expressions and all. */
  readonly name?: string;
  readonly kind: StepKind;
  /** True for a matrix whose instances are not known yet. */
  readonly dynamic?: true;
  readonly matrix?: MatrixValues;
  readonly needs: readonly string[];
  readonly wave: number;
  readonly estimate_s: number;
  readonly estimate_source: EstimateSource;
  readonly start_s: number;
  readonly end_s: number;
  readonly critical: boolean;
}

export interface WhatIfJson {
  readonly concurrency: number;
  readonly makespan_s: number;
  readonly lower_bound_s: number;
  readonly waves: number;
}

export function planJson(plan: Plan, whatIfs: readonly WhatIf[] = []): PlanJson {
  const needs = flattenNeeds(plan);
  const warnings = planWarnings(plan);
  return {
    workflow: plan.workflow,
    strategy: plan.strategy,
    strategy_reason: plan.strategyReason,
    workspace: plan.workspace,
    concurrency: plan.concurrency,
    waves: plan.waves.map(waveJson),
    steps: plan.nodes.filter(isLeaf).map((node) => stepJson(node, needs.get(node.id) ?? [])),
    critical_path: plan.criticalPath,
    critical_path_s: secondsOf(plan.criticalPathMs),
    work_s: secondsOf(plan.workMs),
    lower_bound_s: secondsOf(plan.lowerBoundMs),
    makespan_s: secondsOf(plan.makespanMs),
    ...(whatIfs.length > 0 ? { what_if: whatIfs.map(whatIfJson) } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

function waveJson(wave: PlanWave): PlanWaveJson {
  return {
    index: wave.index,
    steps: wave.steps,
    gates: wave.gates.map((gate) => gate.name),
    gates_left_out: wave.gatesLeftOut,
    validation: wave.validation,
    start_s: secondsOf(wave.startMs),
    end_s: secondsOf(wave.endMs),
  };
}

function stepJson(node: PlanNode, needs: readonly string[]): PlanStepJson {
  return {
    id: node.id,
    ...(node.step.name === undefined ? {} : { name: node.step.name }),
    kind: node.step.kind,
    ...(node.kind === 'dynamic' ? { dynamic: true } : {}),
    ...(node.matrix === undefined ? {} : { matrix: node.matrix }),
    needs,
    wave: node.wave,
    estimate_s: secondsOf(node.estimateMs),
    estimate_source: node.estimateSource,
    start_s: secondsOf(node.startMs),
    end_s: secondsOf(node.endMs),
    critical: node.critical,
  };
}

function whatIfJson(row: WhatIf): WhatIfJson {
  return {
    concurrency: row.concurrency,
    makespan_s: secondsOf(row.makespanMs),
    lower_bound_s: secondsOf(row.lowerBoundMs),
    waves: row.waves,
  };
}

function secondsOf(durationMs: number): number {
  return Math.round(durationMs) / 1000;
}
