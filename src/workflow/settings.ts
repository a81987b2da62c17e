/**
 * Settings that may be said in several places (config.yaml, `defaults`, the step itself) and are put
 * together part by part: timeouts, retries, caches. The nearest place wins for each part.
 */
import type * as z from 'zod';
import type { WorkflowFile } from './schema.ts';
import type { CacheSchema, RetrySchema, TimeoutSchema } from './schema-parts.ts';
import type { Budget, CacheSetting, ConflictsSetting, Retry, Timeout } from './workflow.ts';

/** What a step gets when nobody says anything: one attempt. */
export const DEFAULT_RETRY: Retry = { maxAttempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 };
export const DEFAULT_RETENTION_MS = 7 * 86_400_000;
export const DEFAULT_MAX_FILE_SIZE_BYTES = 10 * 1024 * 1024;

export function readTimeout(written: z.output<typeof TimeoutSchema> | undefined): Timeout {
  if (written === undefined) return {};
  if (typeof written === 'number') return { totalMs: written };
  return {
    ...(written.total === undefined ? {} : { totalMs: written.total }),
    ...(written.idle === undefined ? {} : { idleMs: written.idle }),
    ...(written.queue === undefined ? {} : { queueMs: written.queue }),
  };
}

export function readRetry(written: z.output<typeof RetrySchema> | undefined): Partial<Retry> {
  return {
    ...(written?.max_attempts === undefined ? {} : { maxAttempts: written.max_attempts }),
    ...(written?.backoff === undefined ? {} : { backoffMs: written.backoff }),
    ...(written?.max_backoff === undefined ? {} : { maxBackoffMs: written.max_backoff }),
  };
}

/** Parts from the farthest place to the nearest; the longest backoff is never below the first. */
export function mergeRetry(...parts: readonly Partial<Retry>[]): Retry {
  const merged: Retry = Object.assign({}, DEFAULT_RETRY, ...parts);
  return merged.maxBackoffMs >= merged.backoffMs
    ? merged
    : { ...merged, maxBackoffMs: merged.backoffMs };
}

/** Undefined when nothing is cached. */
export function readCache(
  written: z.output<typeof CacheSchema> | undefined,
): CacheSetting | undefined {
  if (written === undefined || written === false) return undefined;
  return written === true || written.ttl === undefined ? {} : { ttlMs: written.ttl };
}

export function readBudget(written: WorkflowFile['budget']): Budget | undefined {
  if (written === undefined) return undefined;
  const { usd, tokens, time } = written;
  return {
    ...(usd !== undefined && { usd }),
    ...(tokens !== undefined && { tokens }),
    ...(time !== undefined && { timeMs: time }),
  };
}

/** In the order in which they are asked, each once. */
export function agentNames(written: string | readonly string[]): readonly string[] {
  return typeof written === 'string' ? [written] : [...new Set(written)];
}

export function readConflicts(written: WorkflowFile['conflicts']): ConflictsSetting | undefined {
  if (written === undefined) return undefined;
  const { policy, run, timeout, persona, agent } = written;
  return {
    policy,
    timeout: readTimeout(timeout),
    ...(run !== undefined && { run }),
    ...(persona !== undefined && { persona }),
    // Whoever wants an agent to settle conflicts, and names none, takes whichever there is.
    ...(policy === 'agent' && run === undefined && { agents: agentNames(agent ?? 'auto') }),
  };
}
