/** What fields of events hold that are more than a word or a number; see events.ts. */

export type StepEndStatus = 'passed' | 'failed' | 'cancelled';
export type RunEndStatus = 'passed' | 'failed' | 'cancelled';

export type FailureKind =
  | 'exit'
  | 'timeout'
  | 'stall'
  | 'signal'
  | 'missing_output'
  | 'bad_output'
  | 'expression'
  | 'rejected'
  | 'unavailable'
  | 'environment'
  | 'crash'
  | 'interrupted'
  | 'cancelled'
  | 'conflict'
  | 'base'
  | 'secret'
  | 'child'
  // Of agents. `api`: the model cannot be reached or fails; `agent`: the agent says that it failed;
  // `incomplete`: it ended without saying that it was done.
  | 'auth'
  | 'rate_limit'
  | 'budget'
  | 'context'
  | 'api'
  | 'agent'
  | 'incomplete';

export interface Failure {
  readonly kind: FailureKind;
  /** For people: `exit code 1`. */
  readonly message: string;
  /** ISO 8601: when a rate limit is lifted, as far as anybody says. */
  readonly resume_at?: string;
}

/** The agent that has an attempt. */
export interface StepAgent {
  /** Its name in the workflow. */
  readonly name: string;
  /** The program that orch knows it as. */
  readonly program: string;
  readonly model?: string;
  readonly persona?: string;
  /** SHA-256 of the prompt, which lies in the attempt's folder. */
  readonly prompt: string;
  /** The session of an earlier attempt that it goes on with. */
  readonly session?: string;
}

export interface Resources {
  /** CPU seconds of the whole process tree. */
  readonly cpu_s: number;
  /** Largest sum of resident memory seen; null when the work ended before the first look at it. */
  readonly max_rss_bytes: number | null;
}

/** Money and tokens; zero for commands. */
export interface Usage {
  readonly usd: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** How the cache was used, and why it could not be. */
export interface CacheUse {
  readonly hit: boolean;
  /** Digest of all that the result depends on. */
  readonly key: string;
  /** In words: since when nothing has changed, or what did. */
  readonly reason: string;
}

/** One side of a conflict: what a path holds there. */
export interface ConflictSide {
  readonly mode: string;
  readonly oid: string;
}

/** A file that two steps changed so that git could not bring the changes together. */
export interface ConflictFile {
  /** From the top of the work tree. */
  readonly path: string;
  /** What the attempt began on; null where there was no such file, as in the next two. */
  readonly base: ConflictSide | null;
  /** What was merged before. */
  readonly ours: ConflictSide | null;
  /** What the attempt left. */
  readonly theirs: ConflictSide | null;
  /** In git's words. */
  readonly message: string;
}

/** A place in a file of the work tree that looks like a secret. */
export interface SecretPlace {
  /** From the top of the work tree. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The rule that found it: `aws`, `privatekey`, `github`. */
  readonly rule: string;
}

export interface LeftOutFile {
  /** From the top of the work tree. */
  readonly path: string;
  /** `too_large`, `nested_repository`, `newly_unignored`, `secret`, `assume_unchanged`, `skip_worktree` or `unreadable`. */
  readonly reason: string;
  readonly size_bytes?: number;
}
