/** Named resources of a run: what is free of them, and what rate limits have taken away (agent-pools.ts). */

export interface AgentLimit {
  readonly size: number;
  /** How many of `size` are in force. */
  limit: number;
  /** Attempts that began before this time say nothing new of a limit. Milliseconds since 1970. */
  loweredAtMs: number;
  /** Nothing is started before this time. */
  pausedUntilMs: number;
}

export interface Pools {
  /** Free units by pool name; below zero while more runs than a lowered limit allows. */
  readonly free: Map<string, number>;
  readonly limits: Map<string, AgentLimit>;
}

export type Uses = Readonly<Record<string, number>>;

export function newPools(): Pools {
  return { free: new Map(), limits: new Map() };
}

export function hasRoom(pools: Pools, uses: Uses, nowMs: number): boolean {
  return Object.entries(uses).every(
    ([pool, units]) =>
      (pools.free.get(pool) ?? 0) >= units && (pools.limits.get(pool)?.pausedUntilMs ?? 0) <= nowMs,
  );
}

/** When the next pause ends; undefined when nothing is paused. */
export function nextResumeMs({ limits }: Pools, nowMs: number): number | undefined {
  let nextMs: number | undefined;
  for (const { pausedUntilMs } of limits.values()) {
    if (pausedUntilMs > nowMs) nextMs = Math.min(nextMs ?? pausedUntilMs, pausedUntilMs);
  }
  return nextMs;
}
