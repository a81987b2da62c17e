/**
 * What orch wants to know of an agent's work, whatever program it is: what it does, what it spends,
 * how it ended. How each program says it is output/.
 */
import type { FailureKind } from '../run/events.ts';

export interface AgentUsage {
  /** US dollars; absent where the agent does not say what it cost. */
  readonly usd?: number;
  /** Cached input included. */
  readonly input_tokens: number;
  readonly output_tokens: number;
}

export type AgentProgress =
  | { readonly kind: 'message'; readonly text: string }
  /** `detail` is what the tool is used for, in one line: the command, the path. */
  | { readonly kind: 'tool'; readonly tool: string; readonly detail: string }
  /** The sum so far. */
  | { readonly kind: 'usage'; readonly usage: AgentUsage };

/** Those of a run that an agent can speak of; src/run/event-shapes.ts says what they are. */
export type AgentFailureKind = Extract<
  FailureKind,
  'auth' | 'rate_limit' | 'budget' | 'context' | 'api' | 'agent' | 'incomplete'
>;

export interface AgentFailure {
  readonly kind: AgentFailureKind;
  /** One line, in the agent's own words. */
  readonly message: string;
  /** When a limit is lifted, milliseconds since 1970; absent where nobody says. */
  readonly resetAtMs?: number;
}

export interface AgentReport {
  /** False for programs without a last word of their own: their exit code says whether they failed. */
  readonly hasVerdict: boolean;
  readonly failure?: AgentFailure;
  readonly usage: AgentUsage;
  /** To go on with in another attempt. */
  readonly session?: string;
  /** Its last message to people. */
  readonly summary?: string;
}

export interface AgentEnd {
  /** 128 + n for a process that signal n ended; null when nobody knows. */
  readonly exitCode: number | null;
  /** The end of it. */
  readonly stderr: string;
  /** For limits that are lifted "in 5 minutes", or "at 3pm". */
  readonly nowMs: number;
}

export interface OutputReader {
  /** Takes the next bytes of standard output, cut anywhere. */
  push(chunk: Uint8Array): readonly AgentProgress[];
  /** After the last byte. */
  end(end: AgentEnd): AgentReport;
}
