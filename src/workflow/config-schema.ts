/**
 * `.orch/config.yaml`: settings of a repository, all optional. Agents are agent-settings.ts.
 *
 * Strategies are data, the built-in ones too, so a project can add its own or change one by its name.
 */
import * as z from 'zod';
import { AgentSchema, agentFrom } from './agent-settings.ts';
import type { AgentDefinition } from './agents.ts';
import { findingsToError } from './diagnostics.ts';
import { emptyMap, type Finding } from './places.ts';
import { checkSchema } from './schema-issues.ts';
import {
  CheckpointSchema,
  DefaultsSchema,
  Duration,
  Globs,
  LevelSchema,
  Name,
  optional,
  required,
  SecretsSchema,
  Size,
  Words,
  wantedWords,
} from './schema-parts.ts';
import { readRetry, readTimeout } from './settings.ts';
import { readSource } from './source.ts';
import type { Level, Retry, SecretsPolicy, Timeout } from './workflow.ts';

/** More would not leave a hundred worktrees ports of their own. */
const MAX_WORKTREE_PORTS = 400;

/** What a setup reads where nobody says: what package managers go by. */
const COMMON_MANIFESTS = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'package.json',
  'requirements*.txt',
  'poetry.lock',
  'uv.lock',
  'Pipfile.lock',
  'pyproject.toml',
  'Gemfile.lock',
  'go.sum',
  'Cargo.lock',
  'composer.lock',
] as const;

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

const LimitsSchema = z.looseObject({
  memory: optional(Size, 'Most memory of one step with all its processes. Not in force yet.', {
    example: '2G',
  }),
  disk: optional(
    Size,
    'How much of the disk worktrees of isolated runs and what orch keeps in .git/orch may take; beyond it, free worktrees are removed, those used longest ago first.',
    { default: '20GB', example: '50GB' },
  ),
  time: optional(Duration, 'Longest time of one step. Not in force yet: use defaults.timeout.', {
    example: '30m',
  }),
});

const SetupSchema = z
  .union([
    Words,
    z.strictObject({
      run: required(Words, 'Shell script that makes a worktree ready.', { example: 'npm ci' }),
      reads: optional(
        Globs,
        'Tracked files; the script runs again in a worktree whose commit has others.',
        { default: 'lock files and manifests at the top', example: ['package-lock.json'] },
      ),
    }),
  ])
  .register(wantedWords, { wanted: 'a script, or a map of run and reads' });

const WorktreeSchema = z.strictObject({
  root: optional(
    Words,
    "Folder for worktrees of isolated runs, outside the repository; relative to the repository's top.",
    { default: '$XDG_CACHE_HOME/orch', example: '~/worktrees' },
  ),
  include: optional(
    Globs,
    'Files that git ignores and jobs need, as in .gitignore: copied from your checkout. Those that .worktreeinclude lists are copied too.',
    { default: [], example: ['.env'] },
  ),
  setup: optional(
    SetupSchema,
    'Script that makes a worktree ready, run as part of its first job.',
    {
      example: 'npm ci',
    },
  ),
  ports: optional(
    z.int().min(0).max(MAX_WORKTREE_PORTS),
    'How many ports each worktree has for itself.',
    { default: 0, example: 10 },
  ),
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
    'Agents by name. A program that orch knows needs no entry: its name is enough.',
    {
      default: {},
      example: { coder: { cli: 'codex' } },
    },
  ),
  worktree: optional(WorktreeSchema, 'The worktrees in which isolated runs work.', {
    default: {},
    example: { include: ['.env'], setup: 'npm ci' },
  }),
  limits: optional(
    LimitsSchema,
    'Limits: of the disk that is taken, and of every step (not in force yet).',
    {
      example: { memory: '2G' },
    },
  ),
});

export interface StrategyConfig {
  readonly description?: string;
  readonly waveSize: WaveSize;
  readonly validation: Level | 'adaptive';
}

export interface WorktreeConfig {
  /** As written: it may begin with `~`, or be relative to the top of the repository. */
  readonly root?: string;
  readonly include: readonly string[];
  readonly setup?: { readonly run: string; readonly reads: readonly string[] };
  readonly ports: number;
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
  readonly agents: Readonly<Record<string, AgentDefinition>>;
  readonly worktree: WorktreeConfig;
  readonly limits: {
    readonly memoryBytes?: number;
    readonly timeMs?: number;
    readonly diskBytes: number;
  };
}

const DEFAULT_MAX_LOG_BYTES = 64 * 1024 * 1024;
const DEFAULT_DISK_BYTES = 20 * 1024 ** 3;

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
    agents: Object.fromEntries(
      Object.entries(file.agents ?? {}).map(([name, written]) => [name, agentFrom(name, written)]),
    ),
    worktree: worktreeFrom(file.worktree ?? {}),
    limits: {
      ...(limits.memory === undefined ? {} : { memoryBytes: limits.memory }),
      ...(limits.time === undefined ? {} : { timeMs: limits.time }),
      diskBytes: limits.disk ?? DEFAULT_DISK_BYTES,
    },
  };
}

function worktreeFrom(file: z.output<typeof WorktreeSchema>): WorktreeConfig {
  const { root, include = [], setup, ports = 0 } = file;
  const { run, reads = COMMON_MANIFESTS } =
    typeof setup === 'string' || setup === undefined ? { run: setup } : setup;
  return {
    ...(root === undefined ? {} : { root }),
    include,
    ...(run === undefined ? {} : { setup: { run, reads } }),
    ports,
  };
}
