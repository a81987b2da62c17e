/**
 * Decides what `orch gc` may delete. The rule is to keep: a thing goes only when it is old enough and
 * when it was proved that nothing is lost with it. Every verdict says why, also the one to keep.
 *
 * Age counts from the moment the result was accepted, for runs whose journal is wholly in a checkpoint
 * from their end. What a run left that nobody has accepted is never old.
 */
import { formatDuration } from '../base/duration.ts';
import { plural } from '../base/text.ts';

export interface Verdict {
  readonly remove: boolean;
  readonly why: string;
}

/** What is known of a run whose files are here. */
export interface RetainedRun {
  readonly run: string;
  /** Who works on it; undefined when nobody alive does. */
  readonly heldBy?: string;
  /** Why its files cannot be read. */
  readonly damage?: string;
  readonly status: string;
  readonly isFinished: boolean;
  /** A rollback or accept of it was cut short. */
  readonly isHalfDone: boolean;
  /** Milliseconds since 1970. */
  readonly endedAtMs?: number;
  readonly acceptedAtMs?: number;
  readonly retentionMs: number;
  /**
   * Every checkpoint is whole and reachable from its branch or from HEAD, and the journal in the
   * newest is what the journal here begins with; else what is wrong.
   */
  readonly proof: { readonly isProved: true } | { readonly isProved: false; readonly why: string };
  /** Files in its folder that no commit could hold, and when the last of them were put there. */
  readonly leftOut?: { readonly count: number; readonly newestAtMs: number };
  /** Events after the newest checkpoint that it does not speak for itself. */
  readonly eventsBehind: number;
}

/** Whether the run's folder may go: journal, logs, private index. */
export function judgeRun(run: RetainedRun, nowMs: number): Verdict {
  const obstacle = obstacleTo(run, nowMs);
  if (obstacle !== undefined) return keep(obstacle);
  const { leftOut } = run;
  const isFresh = leftOut !== undefined && nowMs - leftOut.newestAtMs < run.retentionMs;
  if (leftOut !== undefined && (run.acceptedAtMs === undefined || isFresh))
    return keep(
      `it has ${plural(leftOut.count, 'file')} that no commit could hold: orch salvage ${run.run}`,
    );
  if (run.acceptedAtMs !== undefined)
    return remove(`accepted ${age(run.acceptedAtMs, nowMs)} ago; its checkpoints are kept`);
  if (run.eventsBehind > 0)
    return keep(
      `not accepted, and ${plural(run.eventsBehind, 'event')} of its journal ${run.eventsBehind === 1 ? 'is' : 'are'} nowhere else`,
    );
  return remove(
    `ended ${age(run.endedAtMs ?? nowMs, nowMs)} ago; its journal is wholly in its last checkpoint`,
  );
}

/** Whether refs of attempts and sealed waves of a run may go; rescues need more, see judgeRescue. */
export function judgeLeavings(run: RetainedRun, nowMs: number): Verdict {
  if (run.acceptedAtMs === undefined) return keep('its run was not accepted');
  const obstacle = obstacleTo(run, nowMs);
  if (obstacle !== undefined) return keep(obstacle);
  return remove(`its run was accepted ${age(run.acceptedAtMs, nowMs)} ago`);
}

/** @param isHeldElsewhere its files are, all of them, in a commit that is kept */
export function judgeRescue(run: RetainedRun, isHeldElsewhere: boolean, nowMs: number): Verdict {
  const verdict = judgeLeavings(run, nowMs);
  if (!verdict.remove || isHeldElsewhere) return verdict;
  return keep('it holds files that nothing else holds; look at it, then: git update-ref -d');
}

/**
 * What the merges of an isolated run refer to is on no branch: an attempt may go when it was merged and
 * the result that has it is kept, the merges when all that they refer to has a ref or is in the result.
 * @param holdsLeftWork it holds work that is in no result
 */
export function judgeIsolated(run: RetainedRun, holdsLeftWork: boolean, nowMs: number): Verdict {
  const verdict = judgeLeavings(run, nowMs);
  if (!verdict.remove || !holdsLeftWork) return verdict;
  return keep(`it holds work that is in no result: orch salvage ${run.run}`);
}

/** A cache entry is made again when it is missed. */
export function judgeCacheEntry(madeAtMs: number, retentionMs: number, nowMs: number): Verdict {
  return nowMs - madeAtMs < retentionMs
    ? keep(`made ${age(madeAtMs, nowMs)} ago`)
    : remove(`made ${age(madeAtMs, nowMs)} ago; a step makes it again`);
}

/** What is kept for a run of which the files are gone: nothing says any more whether it was accepted. */
export const UNKNOWN_RUN: Verdict = keep(
  'the files of its run are not here to say whether it may go',
);

/** Everything that keeps a run whole, whatever is asked. */
function obstacleTo(run: RetainedRun, nowMs: number): string | undefined {
  if (run.heldBy !== undefined) return `${run.heldBy} is at work on it`;
  if (run.damage !== undefined) return `its files cannot be read: ${run.damage}`;
  if (!run.isFinished) return `it has not finished (${run.status})`;
  if (run.isHalfDone) return `a rollback or accept of it was cut short: orch resume ${run.run}`;
  const sinceMs = run.acceptedAtMs ?? run.endedAtMs;
  if (sinceMs === undefined) return 'nothing says when it ended';
  if (nowMs - sinceMs < run.retentionMs) {
    const how = run.acceptedAtMs === undefined ? 'ended' : 'accepted';
    return `${how} ${age(sinceMs, nowMs)} ago, kept for ${formatDuration(run.retentionMs)}`;
  }
  return run.proof.isProved ? undefined : run.proof.why;
}

const MINUTE_MS = 60_000;

/** To the minute; a clock that was set back gives 0s. */
export function age(sinceMs: number, nowMs: number): string {
  const elapsedMs = Math.max(0, nowMs - sinceMs);
  return formatDuration(
    elapsedMs < MINUTE_MS
      ? Math.floor(elapsedMs / 1000) * 1000
      : Math.floor(elapsedMs / MINUTE_MS) * MINUTE_MS,
  );
}

export function keep(why: string): Verdict {
  return { remove: false, why };
}

export function remove(why: string): Verdict {
  return { remove: true, why };
}
