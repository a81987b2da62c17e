/**
 * What steps take of the pools of a run, and what rate limits take away.
 *
 * Agents have a pool each, or share one (`pool` in config.yaml). A rate limit halves what may run of it at
 * once and pauses it until the limit is lifted; every attempt that passes gives one place back: additive
 * increase, multiplicative decrease.
 * @see Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance", 1989
 */
import type { PlanNode } from '../plan/plan.ts';
import type { AgentLimit, Uses } from './pools.ts';
import { type RunState, stepStateOf } from './state.ts';

/** Everything is free; limits that the run has met stay in force. */
export function freeAll({ pools, workflow, agents, plan }: RunState): void {
  pools.free.clear();
  for (const [pool, size] of Object.entries(workflow.pools)) pools.free.set(pool, size);
  for (const { pool } of Object.values(agents)) {
    const name = poolName(workflow.pools, pool);
    const size = workflow.pools[pool] ?? plan.concurrency;
    const { limit = size, ...met } = pools.limits.get(name) ?? {
      loweredAtMs: 0,
      pausedUntilMs: 0,
    };
    pools.limits.set(name, { ...met, size, limit: Math.min(limit, size) });
    pools.free.set(name, Math.min(limit, size));
  }
}

/** What a step takes while it runs: what it says, and a place of the agent whose turn it is. */
export function usesOf(state: RunState, { step, index }: PlanNode): Uses {
  const pool = agentPoolOf(state, index, step.agent?.names);
  return pool === undefined || step.uses[pool] !== undefined
    ? step.uses
    : { ...step.uses, [pool]: 1 };
}

function agentPoolOf(
  state: RunState,
  index: number,
  names: readonly string[] | undefined,
): string | undefined {
  const name = names?.[stepStateOf(state, index).agentAt ?? 0];
  const pool = name === undefined ? undefined : state.agents[name]?.pool;
  return pool === undefined ? undefined : poolName(state.workflow.pools, pool);
}

/** A pool that the workflow does not have cannot be meant by its `uses`. */
function poolName(pools: Readonly<Record<string, number>>, pool: string): string {
  return Object.hasOwn(pools, pool) ? pool : `agent:${pool}`;
}

export function takeOrGive(state: RunState, node: PlanNode, sign: 1 | -1): void {
  const { free } = state.pools;
  for (const [pool, units] of Object.entries(usesOf(state, node)))
    free.set(pool, (free.get(pool) ?? 0) + sign * units);
}

/** An attempt met a rate limit. @param startedAtMs when it began */
export function lowerLimit(
  state: RunState,
  node: PlanNode,
  startedAtMs: number,
  resumeAtMs: number | undefined,
): void {
  changeLimit(state, node, (limit) => {
    // Of those that ran side by side, the first one tells it all.
    const isNews = startedAtMs >= limit.loweredAtMs;
    return {
      ...limit,
      ...(isNews && {
        limit: Math.max(1, Math.floor(limit.limit / 2)),
        loweredAtMs: state.atMs,
      }),
      pausedUntilMs: Math.max(limit.pausedUntilMs, resumeAtMs ?? 0),
    };
  });
}

export function raiseLimit(state: RunState, node: PlanNode): void {
  changeLimit(state, node, (limit) => ({ ...limit, limit: Math.min(limit.size, limit.limit + 1) }));
}

function changeLimit(
  state: RunState,
  { index, step }: PlanNode,
  change: (limit: AgentLimit) => AgentLimit,
): void {
  const pool = agentPoolOf(state, index, step.agent?.names);
  const before = pool === undefined ? undefined : state.pools.limits.get(pool);
  if (pool === undefined || before === undefined) return;
  const after = change(before);
  state.pools.limits.set(pool, after);
  const { free } = state.pools;
  free.set(pool, (free.get(pool) ?? 0) + after.limit - before.limit);
}
