/**
 * Whether an attempt that failed is followed by another, and when: exponential backoff with full
 * jitter, so that many steps that failed together do not come back together.
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
import type { Retry } from '../workflow/workflow.ts';
import type { FailureKind } from './events.ts';

/** A process that was lost (a reboot, the kernel's memory killer) is started again this often. */
export const MAX_CRASHES = 3;

/** Beyond every backoff that anyone waits for. */
const MAX_DOUBLINGS = 40;

/** What can succeed when it is tried again; a mistake in the workflow or a person's no cannot. */
const RETRIABLE: ReadonlySet<FailureKind> = new Set([
  'exit',
  'timeout',
  'stall',
  'signal',
  'missing_output',
  'bad_output',
  'api',
  'agent',
  'incomplete',
  // On what was merged meanwhile, the same work may well go together with it.
  'conflict',
]);

export function isRetriable(kind: FailureKind): boolean {
  return RETRIABLE.has(kind);
}

export interface FailedAttempt {
  readonly kind: FailureKind;
  /** Attempts that counted before this one. */
  readonly counted: number;
  /** Lost processes before this one. */
  readonly crashes: number;
}

/**
 * @param random in [0, 1)
 * @returns milliseconds until the next attempt; undefined when there is none
 */
export function retryDelayMs(
  retry: Retry,
  attempt: FailedAttempt,
  random: number,
): number | undefined {
  if (attempt.kind === 'crash') return attempt.crashes + 1 < MAX_CRASHES ? 0 : undefined;
  if (!RETRIABLE.has(attempt.kind) || attempt.counted + 1 >= retry.maxAttempts) return undefined;
  // Without a bound 2 ** n is infinite at last, and no backoff at all times infinity is no number.
  const doublings = Math.min(attempt.counted, MAX_DOUBLINGS);
  const ceilingMs = Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** doublings);
  return Math.round(random * ceilingMs);
}
