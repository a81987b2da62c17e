/**
 * A workflow after it has been read: every default filled in, inheritance and nested workflows
 * resolved, durations in milliseconds. This is what a run freezes into its run.json, so a field may
 * be added but none renamed without a new `v` there.
 *
 * What people write (keys, units, shorthands) is schema.ts; expressions stay text here and are
 * evaluated when their time comes (expressions.ts).
 */

export type StepKind = 'run' | 'agent' | 'mcp' | 'approval' | 'workflow';
export type TriggerRule = 'all_success' | 'none_failed' | 'all_done' | 'one_success';
export type Level = 'light' | 'standard' | 'strict';
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Values of one matrix instance, in the order of the matrix keys. */
export type MatrixValues = Readonly<Record<string, JsonValue>>;

export interface InputSpec {
  readonly type: 'string' | 'number' | 'boolean' | 'choice';
  readonly required: boolean;
  readonly default?: string | number | boolean;
  readonly options?: readonly string[];
  readonly description?: string;
}

export interface Timeout {
  /** From start to end of one attempt; none when absent. */
  readonly totalMs?: number;
  /** Without output and without CPU time. */
  readonly idleMs?: number;
  /** Ready but not started. */
  readonly queueMs?: number;
}

export interface Retry {
  /** 1 means no retry. */
  readonly maxAttempts: number;
  /** First backoff; doubles each time, with full jitter. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

export interface CacheSetting {
  /** How long an entry may be used; for ever when absent. */
  readonly ttlMs?: number;
}

/** What an agent step asks of whom. */
export interface AgentCall {
  /** Of agents; where one cannot do it, the next takes over. `auto` is the first one that there is. */
  readonly names: readonly string[];
  readonly persona?: string;
  /** May hold expressions. */
  readonly prompt: string;
}

/** What may be spent; whatever is absent has no limit. */
export interface Budget {
  readonly usd?: number;
  /** Input and output. */
  readonly tokens?: number;
  readonly timeMs?: number;
}

export interface MatrixInstance {
  /** What stands in the brackets of the instance's id: `index` of `implement(index)`. */
  readonly label: string;
  readonly values: MatrixValues;
}

/** A matrix is known when the file is read, or is an expression that is known when its needs are done. */
export type Matrix =
  | { readonly kind: 'static'; readonly instances: readonly MatrixInstance[] }
  | { readonly kind: 'dynamic'; readonly expression: string };

export interface Step {
  /** Full id: `outer/inner` for a step of a nested workflow. */
  readonly id: string;
  readonly kind: StepKind;
  /** The `workflow` step this one belongs to; absent at the top. Names in expressions are looked up there. */
  readonly parent?: string;
  readonly name?: string;
  /** Full ids. */
  readonly needs: readonly string[];
  readonly triggerRule: TriggerRule;
  readonly when?: string;
  readonly matrix?: Matrix;
  /** Shell script, run with `sh -c`. */
  readonly run?: string;
  readonly approval?: { readonly message: string; readonly timeoutMs?: number };
  /** A nested workflow: values for its inputs; `path` is only for people. */
  readonly workflow?: {
    readonly path: string;
    readonly with: Readonly<Record<string, JsonValue>>;
    readonly inputs: Readonly<Record<string, InputSpec>>;
    readonly outputs: Readonly<Record<string, string>>;
  };
  readonly agent?: AgentCall;
  /** Of one attempt. */
  readonly budget?: Budget;
  /** As written; such steps cannot be run yet. */
  readonly mcp?: JsonValue;
  readonly continueOnError: boolean;
  readonly timeout: Timeout;
  readonly retry: Retry;
  /** Values may hold expressions. The workflow's own `env` is already merged in below the step's. */
  readonly env: Readonly<Record<string, string>>;
  readonly uses: Readonly<Record<string, number>>;
  /** Globs relative to the repository's top. */
  readonly reads: readonly string[];
  readonly produces: readonly string[];
  readonly cache?: CacheSetting;
  readonly estimateMs?: number;
  readonly category: string;
  /** The author's own cut. */
  readonly wave?: number;
  /** Where in the file it stands, for messages at run time. */
  readonly spot: { readonly file: string; readonly line: number; readonly column: number };
}

export interface Gate {
  /** `outer/tests` for a gate of a nested workflow. */
  readonly name: string;
  /** The `workflow` step this one belongs to; absent at the top. Its inputs are the gate's. */
  readonly parent?: string;
  readonly run: string;
  /** After every wave, or once before the last checkpoint. */
  readonly on: 'wave' | 'end';
  readonly level: Level;
  readonly timeout: Timeout;
  readonly retry: Retry;
  readonly env: Readonly<Record<string, string>>;
  /** What its result depends on; the whole tree when empty. */
  readonly reads: readonly string[];
  readonly cache?: CacheSetting;
  readonly estimateMs?: number;
}

/** What happens when the work of two isolated steps does not merge. */
export interface ConflictsSetting {
  /** `fail`: the step that came later fails. `ask`: it waits for a person. */
  readonly policy: 'fail' | 'agent' | 'ours' | 'theirs' | 'ask';
  /** Shell script that settles a conflict in a worktree that holds it; for the policy `agent`, in place of one. */
  readonly run?: string;
  readonly timeout: Timeout;
  readonly persona?: string;
  /** Of the policy `agent` where there is no `run`; the first one that is there settles conflicts. */
  readonly agents?: readonly string[];
}

export interface WavesSetting {
  readonly auto: boolean;
  readonly max: number;
  readonly minSteps: number;
}

/** What happens when new or changed text looks like a secret. */
export type SecretsPolicy = 'refuse' | 'warn' | 'allow';

export interface Workflow {
  readonly name: string;
  readonly description?: string;
  /** Path of the file, relative to the repository's top where it lies inside. */
  readonly file: string;
  readonly strategy: string;
  readonly workspace: 'in-place' | 'isolated';
  readonly concurrency?: number;
  readonly failFast: boolean;
  readonly onFailure: 'keep' | 'rollback';
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly env: Readonly<Record<string, string>>;
  readonly pools: Readonly<Record<string, number>>;
  readonly waves: WavesSetting;
  readonly checkpoint: { readonly retentionMs: number; readonly maxFileSizeBytes: number };
  /** As set here or in config.yaml; what holds when neither does depends on where checkpoints go. */
  readonly secrets?: SecretsPolicy;
  /** In the order of the file; a nested workflow's steps follow their `workflow` step. */
  readonly steps: readonly Step[];
  readonly gates: readonly Gate[];
  /** Absent in records of older versions: `fail`. */
  readonly conflicts?: ConflictsSetting;
  /** Of the whole run. */
  readonly budget?: Budget;
  /** As written; used by what later versions build. */
  readonly notify?: JsonValue;
}
