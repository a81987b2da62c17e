/**
 * `.orch/config.yaml`: settings of a repository, all optional.
 *
 * The agents' own section is taken as it is beyond its outline: what an agent program may be told is
 * checked where agents are started. Strategies are data, the built-in ones too, so a project can add
 * its own or change one by its name.
 */
import * as z from 'zod';
import { findingsToError } from './diagnostics.ts';
import { emptyMap, type Finding } from './places.ts';
import { checkSchema } from './schema-issues.ts';
import {
  CheckpointSchema,
  DefaultsSchema,
  Duration,
  LevelSchema,
  Name,
  optional,
  required,
  SecretsSchema,
  Size,
  Words,
} from './schema-parts.ts';
import { readRetry, readTimeout } from './settings.ts';
import { readSource } from './source.ts';
import type { JsonValue, Level, Retry, SecretsPolicy, Timeout } from './workflow.ts';

export type WaveSize = 'small' | 'medium' | 'large' | 'dynamic';

const StrategySchema = z.strictObject({
  description: optional(z.string(), 'What the strategy is for.', {
    example: 'Small steps, light checks',
  }),
  wave_size: required(
    z.enum(['small', 'medium', 'large', 'dynamic']),
    'How many steps a wave holds.',
    { example: 'medium' },
  ),
  validation: required(
    z.enum([...LevelSchema.options, 'adaptive']),
    'Which gates run: those whose level is not above it.',
    { example: 'standard' },
  ),
});

const AgentSchema = z.looseObject({
  cli: required(Words, 'The agent program, acp, or exec for any command.', { example: 'codex' }),
});

const LimitsSchema = z.looseObject({
  memory: optional(Size, 'Most memory of one step with all its processes. Not in force yet.', {
    example: '2G',
  }),
  time: optional(Duration, 'Longest time of one step. Not in force yet: use defaults.timeout.', {
    example: '30m',
  }),
});

export const ConfigSchema = z.strictObject({
  strategies: optional(
    z.record(Name, StrategySchema),
    'Strategies by name, beside the built-in ones.',
    { default: {}, example: { careful: { wave_size: 'small', validation: 'strict' } } },
  ),
  checkpoint: optional(
    CheckpointSchema,
    'What checkpoints hold and for how long, for workflows that do not say.',
    { example: { retention: '7d' } },
  ),
  secrets: optional(
    SecretsSchema,
    'The same for workflows that do not say: `refuse`, `warn` or `allow` what looks like a secret.',
    { example: 'refuse' },
  ),
  max_log: optional(
    Size,
    'Largest output file of one attempt; of a larger one the end is kept, and what is missing named.',
    { default: '64MB', example: '64MB' },
  ),
  concurrency: optional(
    z.int().min(1).max(1_000),
    'Most steps at once, for workflows that do not say; CPU cores when absent.',
    { example: 4 },
  ),
  defaults: optional(
    DefaultsSchema,
    'Settings for steps of workflows that set nothing themselves.',
    { example: { timeout: '20m' } },
  ),
  agents: optional(
    z.record(Name, AgentSchema),
    'Agents by name, for steps that cannot be run yet.',
    {
      default: {},
      example: { coder: { cli: 'codex' } },
    },
  ),
  worktree: optional(
    z.strictObject({
      root: optional(Words, 'Folder for worktrees of isolated runs.', {
        default: '$XDG_CACHE_HOME/orch',
        example: '~/worktrees',
      }),
    }),
    'Where isolated runs work, which are not there yet.',
    { example: { root: '~/worktrees' } },
  ),
  limits: optional(LimitsSchema, 'Limits of every step. Read and checked; not in force yet.', {
    example: { memory: '2G' },
  }),
});

export interface StrategyConfig {
  readonly description?: string;
  readonly waveSize: WaveSize;
  readonly validation: Level | 'adaptive';
}

/** Settings with every default filled in; sizes in bytes, durations in milliseconds. */
export interface Config {
  readonly strategies: Readonly<Record<string, StrategyConfig>>;
  readonly checkpoint: { readonly retentionMs?: number; readonly maxFileSizeBytes?: number };
  readonly secrets?: SecretsPolicy;
  readonly maxLogBytes: number;
  readonly concurrency?: number;
  readonly defaults: {
    readonly timeout: Timeout;
    readonly retry: Partial<Retry>;
    readonly continueOnError?: boolean;
  };
  /** As written. */
  readonly agents: Readonly<Record<string, JsonValue>>;
  readonly worktreeRoot?: string;
  readonly limits: { readonly memoryBytes?: number; readonly timeMs?: number };
}

const DEFAULT_MAX_LOG_BYTES = 64 * 1024 * 1024;

/** What holds where there is no config.yaml. */
export const DEFAULT_CONFIG: Config = configFrom({});

/**
 * Reads the text of a config.yaml.
 * @throws InvalidFileError with every mistake at once
 */
export function parseConfig(text: string, file: string): Config {
  const { value, source, findings: found } = readSource(text, file);
  const findings: Finding[] = [...found];
  // A file without any setting is YAML's null.
  const root = value === null ? emptyMap() : value;
  const typed = root === undefined ? undefined : checkSchema(ConfigSchema, root, source, findings);
  if (typed === undefined || findings.length > 0) throw findingsToError(findings);
  return configFrom(typed);
}

function configFrom(file: z.output<typeof ConfigSchema>): Config {
  const { checkpoint = {}, defaults = {}, limits = {} } = file;
  const strategies = Object.entries(file.strategies ?? {}).map(
    ([name, { description, wave_size, validation }]) => {
      return [
        name,
        { ...(description === undefined ? {} : { description }), waveSize: wave_size, validation },
      ] as const;
    },
  );
  return {
    strategies: Object.fromEntries(strategies),
    checkpoint: {
      ...(checkpoint.retention === undefined ? {} : { retentionMs: checkpoint.retention }),
      ...(checkpoint.max_file_size === undefined
        ? {}
        : { maxFileSizeBytes: checkpoint.max_file_size }),
    },
    ...(file.secrets === undefined ? {} : { secrets: file.secrets }),
    maxLogBytes: file.max_log ?? DEFAULT_MAX_LOG_BYTES,
    ...(file.concurrency === undefined ? {} : { concurrency: file.concurrency }),
    defaults: {
      timeout: readTimeout(defaults.timeout),
      retry: readRetry(defaults.retry),
      ...(defaults.continue_on_error === undefined
        ? {}
        : { continueOnError: defaults.continue_on_error }),
    },
    agents: (file.agents ?? {}) as Readonly<Record<string, JsonValue>>,
    ...(file.worktree?.root === undefined ? {} : { worktreeRoot: file.worktree.root }),
    limits: {
      ...(limits.memory === undefined ? {} : { memoryBytes: limits.memory }),
      ...(limits.time === undefined ? {} : { timeMs: limits.time }),
    },
  };
}
