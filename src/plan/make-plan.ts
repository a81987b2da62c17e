/**
 * Makes the plan of a workflow: graph, estimates, schedule and waves put together into plain data.
 * The same workflow and options always give the same plan.
 *
 * Times leave out gates and checkpoints; see schedule.ts. bench/plan.ts holds the budget.
 */
import { OrchError } from '../base/errors.ts';
import type { Gate, Workflow } from '../workflow/workflow.ts';
import { criticalPathMs, criticalPoints, lowerBoundMs } from './critical-path.ts';
import { describePlan } from './describe-plan.ts';
import { type Estimate, estimateOf, type LearnedSeconds } from './estimates.ts';
import { graphOf, isLeaf, type NodeSkeleton } from './graph.ts';
import { placeNodes } from './place-nodes.ts';
import type { Plan, PlanNode } from './plan.ts';
import { type PointGraph, pointsOf } from './points.ts';
import { type ChosenStrategy, chooseStrategy, type Strategies } from './strategies.ts';
import { waveParts } from './wave-parts.ts';
import { cutIntoWaves, type WaveCut } from './waves.ts';
import { type Work, workOf } from './work.ts';

export interface PlanOptions {
  /** Slots, at least 1. */
  readonly concurrency: number;
  /** A name or `auto`; what the workflow says when absent. */
  readonly strategy?: string | undefined;
  /** What the workflow says when absent. */
  readonly workspace?: Workflow['workspace'] | undefined;
  /** The project's own; they win over built-in ones of the same name. */
  readonly strategies: Strategies;
  readonly learned?: LearnedSeconds | undefined;
}

/**
 * @throws OrchError for what no plan can be made of: ORCH_CYCLE, ORCH_POOL, ORCH_WAVE,
 * ORCH_UNKNOWN_STRATEGY, ORCH_USAGE (concurrency), and what graph.ts lists
 */
export function makePlan(workflow: Workflow, options: PlanOptions): Plan {
  return planFrom(prepare(workflow, options), options.concurrency);
}

/** One row of `--what-if`: the same workflow with another number of slots, its waves cut for that. */
export interface WhatIf {
  readonly concurrency: number;
  readonly makespanMs: number;
  readonly lowerBoundMs: number;
  readonly waves: number;
}

/** @throws as makePlan */
export function whatIf(
  workflow: Workflow,
  options: Omit<PlanOptions, 'concurrency'>,
  concurrencies: readonly number[],
): WhatIf[] {
  const prepared = prepare(workflow, options);
  return concurrencies.map((concurrency) => {
    const { schedule, waveCount } = cutFor(prepared, concurrency);
    return {
      concurrency,
      makespanMs: schedule.makespanMs,
      lowerBoundMs: lowerBoundMs(prepared.work, concurrency),
      waves: waveCount,
    };
  });
}

/** What does not depend on the number of slots. */
interface Prepared {
  readonly workflow: Workflow;
  readonly workspace: Workflow['workspace'];
  readonly chosen: ChosenStrategy;
  readonly estimates: readonly Estimate[];
  readonly graph: PointGraph;
  readonly work: Work;
}

function prepare(workflow: Workflow, options: Omit<PlanOptions, 'concurrency'>): Prepared {
  const workspace = options.workspace ?? workflow.workspace;
  const asked = options.strategy ?? workflow.strategy;
  const chosen = chooseStrategy(asked, workflow, workspace, options.strategies);
  const nodes = graphOf(workflow.steps);
  const estimates = nodes.map((node) => estimateOf(node, options.learned));
  const graph = pointsOf(nodes);
  const work = workOf(graph, estimates, workflow.pools);
  return { workflow, workspace, chosen, estimates, graph, work };
}

/** A checkpoint of a usual repository takes about half a second. */
const CHECKPOINT_MS = 500;

function cutFor(prepared: Prepared, concurrency: number): WaveCut {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new OrchError('ORCH_USAGE', `${concurrency} steps at once is not possible`, {
      fix: 'give a whole number from 1 as the concurrency',
    });
  }
  const { graph, work, workflow, workspace, chosen } = prepared;
  return cutIntoWaves(graph, work, {
    size: chosen.strategy.waveSize,
    setting: workflow.waves,
    concurrency,
    barriers: workspace === 'in-place',
    waveCostMs: CHECKPOINT_MS + slowestGateMs(workflow.gates),
  });
}

/** Gates of a wave run side by side. */
function slowestGateMs(gates: readonly Gate[]): number {
  const ofWaves = gates.filter((gate) => gate.on === 'wave');
  return ofWaves.reduce((slowest, gate) => Math.max(slowest, gate.estimateMs ?? 0), 0);
}

function planFrom(prepared: Prepared, concurrency: number): Plan {
  const { workflow, workspace, chosen, graph, work, estimates } = prepared;
  const cut = cutFor(prepared, concurrency);
  const path = criticalPoints(graph, work);
  const places = placeNodes(graph, work, cut, path);
  const nodes = graph.nodes.map((node): PlanNode => {
    const estimate = estimates[node.index] ?? { estimateMs: 0, estimateSource: 'default' };
    return { ...node, ...estimate, ...places(node.index) };
  });
  const { waves, reasons } = waveParts(nodes, cut, chosen.strategy, workflow.gates);
  return {
    workflow: workflow.name,
    strategy: chosen.name,
    strategyReason: describePlan({
      chosen,
      setting: workflow.waves,
      workspace,
      cut,
      waves,
      reasons,
    }),
    workspace,
    concurrency,
    nodes,
    waves,
    criticalPath: path.flatMap((point) => leafId(graph.nodes[graph.nodeOf[point] ?? 0])),
    criticalPathMs: criticalPathMs(work),
    workMs: work.workMs,
    lowerBoundMs: lowerBoundMs(work, concurrency),
    makespanMs: cut.schedule.makespanMs,
  };
}

function leafId(node: NodeSkeleton | undefined): string[] {
  return node !== undefined && isLeaf(node) ? [node.id] : [];
}
