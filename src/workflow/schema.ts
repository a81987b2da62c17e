/**
 * The workflow file as people write it: every key, its type, default and meaning. Unknown keys are
 * errors everywhere, so that `need:` for `needs:` is caught.
 *
 * What zod can say of one value alone stands here; what takes two (a need that is not defined, a key
 * of another kind of step) is check-*.ts. docs/reference and the JSON Schema for editors are made from
 * this file (schema-keys.ts), so a key without a description fails a test.
 */
import * as z from 'zod';
import {
  CacheSchema,
  CheckpointSchema,
  Count,
  DefaultsSchema,
  Duration,
  Env,
  Globs,
  LevelSchema,
  Name,
  nameLike,
  optional,
  RetrySchema,
  required,
  SECRETS_MEANING,
  SecretsSchema,
  TimeoutSchema,
  Words,
  wantedWords,
} from './schema-parts.ts';

const Names = z.array(Name).register(wantedWords, { wanted: 'a list of names' });
const AgentNames = z
  .union([Name, z.array(Name).min(1)])
  .register(wantedWords, { wanted: 'the name of an agent, or a list of names' });
const Expression = z.string().min(1);
const Scalar = z
  .union([z.string(), z.number(), z.boolean()])
  .register(wantedWords, { wanted: 'text, a number, true or false' });

const InputSchema = z.strictObject({
  type: optional(z.enum(['string', 'number', 'boolean', 'choice']), 'Type of the value.', {
    default: 'string',
    example: 'string',
  }),
  required: optional(z.boolean(), 'Whether a value must be given when there is no default.', {
    default: false,
    example: true,
  }),
  default: optional(Scalar, 'Value when none is given.', { example: 'src' }),
  options: optional(z.array(Scalar).min(1), 'The allowed values of a choice.', {
    example: ['dev', 'prod'],
  }),
  description: optional(z.string(), 'What the input is for.', { example: 'where the code lives' }),
});

const McpCallSchema = z.strictObject({
  server: required(Name, 'Name of an MCP server, or auto. Such steps cannot be run yet.', {
    example: 'docs',
  }),
  tool: required(Words, 'Name of the tool.', { example: 'search' }),
  arguments: optional(
    z.record(z.string(), z.json()),
    'Arguments of the call; texts may hold expressions.',
    { example: { q: 'bm25' } },
  ),
  timeout: optional(Duration, 'Longest time for this call.', { example: '30s' }),
});

const ApprovalSchema = z
  .union([
    Words,
    z.strictObject({
      message: required(Words, 'The question to the person who decides; may hold expressions.', {
        example: 'Ship it?',
      }),
      timeout: optional(Duration, 'Rejected when nobody decides in this time.', { example: '24h' }),
    }),
  ])
  .register(wantedWords, { wanted: 'a message, or a map of message and timeout' });

const MatrixSchema = z
  .union([Expression, z.record(Name, z.json())])
  .register(wantedWords, { wanted: 'a map of lists, or one expression' });

const BudgetSchema = z.strictObject({
  usd: optional(z.number().positive(), 'Money in US dollars.', { example: 5 }),
  tokens: optional(Count, 'Input and output tokens of agents.', { example: '2M' }),
  time: optional(Duration, 'Time; of a run, its waits included.', { example: '2h' }),
});

export const StepSchema = z.strictObject({
  name: optional(Words, 'Name for people; may hold expressions.', { example: 'Run the linter' }),
  needs: optional(Names, 'Steps that must have ended before this one starts.', {
    default: [],
    example: ['build'],
  }),
  trigger_rule: optional(
    z.enum(['all_success', 'none_failed', 'all_done', 'one_success']),
    'What must be true of the needs for the step to start.',
    { default: 'all_success', example: 'none_failed' },
  ),
  when: optional(
    z.union([Expression, z.boolean()]).register(wantedWords, { wanted: 'an expression' }),
    'Condition, asked once the needs have ended; the step is skipped when it does not hold.',
    { example: "steps.lint.status == 'passed'" },
  ),
  matrix: optional(
    MatrixSchema,
    'Runs the step once for each combination of values; include and exclude as on GitHub, or one expression that gives a list or a map.',
    { example: { module: ['index', 'query'] } },
  ),
  run: optional(
    Words,
    'Shell script, run with `sh -c`. Values reach it through env, never through expressions.',
    { example: 'npm test' },
  ),
  agent: optional(
    AgentNames,
    'Name of an agent: one of config.yaml or of a program that orch knows; auto for the first one that there is. Of a list, the next one takes over where one is not there, not logged in, out of money or limited, or crashes.',
    { example: 'claude' },
  ),
  persona: optional(Words, 'Who the agent should be.', { example: 'architect' }),
  prompt: optional(Words, 'What the agent should do; may hold expressions.', {
    example: 'Design search.',
  }),
  budget: optional(
    BudgetSchema,
    'What one attempt of the agent may spend; it is stopped and has failed then.',
    { example: { usd: 1 } },
  ),
  mcp: optional(z.array(McpCallSchema).min(1), 'Calls of MCP tools, made in parallel.', {
    example: [{ server: 'docs', tool: 'search' }],
  }),
  approval: optional(ApprovalSchema, 'Waits for a person to approve or reject.', {
    example: 'Ship it?',
  }),
  workflow: optional(Words, 'Path or name of a workflow to run as this step.', {
    example: './release.yaml',
  }),
  with: optional(
    z.record(Name, Scalar),
    'Values for the inputs of the nested workflow; may hold expressions.',
    { example: { target: 'src' } },
  ),
  timeout: optional(TimeoutSchema, 'Longest time for one attempt; none by default.', {
    example: '20m',
  }),
  retry: optional(RetrySchema, 'What happens after an attempt that may succeed on retry.', {
    example: { max_attempts: 3, backoff: '2s' },
  }),
  continue_on_error: optional(
    z.boolean(),
    'Whether the run goes on as if the step had passed when it failed.',
    { default: false, example: true },
  ),
  env: optional(Env, 'Environment variables; values may hold expressions.', {
    example: { NODE_ENV: 'test' },
  }),
  uses: optional(
    z.record(Name, z.int().positive()),
    'How much of which pool the step takes while it runs.',
    { example: { gpu: 1 } },
  ),
  reads: optional(Globs, 'What the step depends on, as globs from the top of the repository.', {
    default: [],
    example: ['src/**'],
  }),
  produces: optional(
    Globs,
    'What must exist when the step is done, as globs from the top of the repository.',
    { default: [], example: ['docs/search.md'] },
  ),
  cache: optional(
    CacheSchema,
    'Skips the step when its command, its environment and everything it reads are unchanged.',
    { default: false, example: true },
  ),
  estimate: optional(
    Duration,
    'How long the step takes, for the plan; when absent a command counts as 1m, an agent as 5m, an MCP step as 10s, an approval as nothing.',
    { example: '8m' },
  ),
  category: optional(
    Words,
    'Kind of work; the id of the step when absent. For learning from past runs, which is not there yet.',
    {
      example: 'implement',
    },
  ),
  wave: optional(
    z.int().min(1).max(10_000),
    "The author's own cut: the wave in which the step runs.",
    { example: 2 },
  ),
  insert_after: optional(
    Name,
    'Puts the step behind another one in the order of the file; for workflows that extend a template.',
    { example: 'build' },
  ),
});

const GateSchema = z.strictObject({
  name: required(
    nameLike(
      /^[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}$/,
      'letters, digits, spaces and "-", "_", ".", at most 64',
    ),
    'Name of the gate, once in a workflow.',
    { example: 'tests' },
  ),
  run: required(Words, 'Shell script, run with `sh -c`; the gate holds when it exits with 0.', {
    example: 'npm test',
  }),
  on: optional(z.enum(['wave', 'end']), 'After every wave, or once before the last checkpoint.', {
    default: 'wave',
    example: 'end',
  }),
  level: optional(LevelSchema, "Runs when this is not above the wave's validation.", {
    default: 'standard',
    example: 'strict',
  }),
  timeout: optional(TimeoutSchema, 'Longest time for one attempt; none by default.', {
    example: '10m',
  }),
  retry: optional(RetrySchema, 'What happens after an attempt that may succeed on retry.', {
    example: { max_attempts: 2 },
  }),
  env: optional(Env, 'Environment variables; values may hold expressions.', {
    example: { CI: 'true' },
  }),
  reads: optional(Globs, 'What the result depends on; the whole tree when absent.', {
    default: [],
    example: ['src/**'],
  }),
  cache: optional(
    CacheSchema,
    'Takes the last result when the command, its environment and what it reads are unchanged.',
    { default: false, example: true },
  ),
  estimate: optional(
    Duration,
    'How long the gate takes, for the choice of where waves end; when absent it counts as nothing.',
    { example: '2m' },
  ),
});

const WavesSchema = z.strictObject({
  auto: optional(
    z.boolean(),
    'Whether the strategy cuts waves; otherwise only `wave` on steps does.',
    { default: true, example: true },
  ),
  max: optional(z.int().min(1).max(10_000), 'Most waves the strategy makes.', {
    default: 10,
    example: 10,
  }),
  min_steps: optional(
    z.int().min(1).max(1_000_000),
    'Fewest steps in a wave, where the graph allows.',
    { default: 2, example: 2 },
  ),
});

const ConflictsSchema = z.strictObject({
  policy: required(
    z.enum(['fail', 'agent', 'ours', 'theirs', 'ask']),
    'What happens when the work of two steps does not merge: the later one fails, an agent settles it, one side is taken (ours: what was merged before), or a person is asked.',
    { default: 'fail', example: 'ours' },
  ),
  run: optional(
    Words,
    'Shell script that settles a conflict for the policy agent. It runs in a worktree that holds the conflict and finds what both sides wanted in $ORCH_PROMPT_FILE.',
    { example: './settle.sh' },
  ),
  timeout: optional(TimeoutSchema, 'Longest time for settling one conflict; none by default.', {
    example: '10m',
  }),
  persona: optional(Words, 'Who the agent that settles conflicts should be.', {
    example: 'developer',
  }),
  agent: optional(AgentNames, 'The agent that settles conflicts, as in `agent` of a step.', {
    example: 'claude',
  }),
});

const NotifySchema = z.strictObject({
  on: required(
    z.array(z.enum(['started', 'passed', 'failed', 'waiting', 'cancelled', 'interrupted'])).min(1),
    'What to tell of.',
    { example: ['failed', 'waiting'] },
  ),
  to: required(z.array(Name).min(1), 'Names of channels in config.yaml.', { example: ['slack'] }),
});

export const WorkflowSchema = z.strictObject({
  name: optional(
    z.string().regex(/^[^\s\p{C}](?:[^\p{C}]{0,98}[^\s\p{C}])?$/u, {
      error: 'one line of 1 to 100 characters',
    }),
    'Name of the workflow; the name of its file when absent.',
    { example: 'add-search' },
  ),
  extends: optional(Words, 'Template to build on: a path, or a name under .orch/templates.', {
    example: 'feature',
  }),
  description: optional(z.string(), 'What the workflow is for.', {
    example: 'Add full-text search',
  }),
  strategy: optional(
    Name,
    'How waves are cut and checked: auto, progressive, systematic, adaptive, enterprise, or one of config.yaml.',
    { default: 'auto', example: 'adaptive' },
  ),
  workspace: optional(
    z.enum(['in-place', 'isolated']),
    'Where steps work: in your checkout, or each in a worktree of its own that is merged when the step is done.',
    { default: 'in-place', example: 'isolated' },
  ),
  concurrency: optional(
    z.int().min(1).max(1_000),
    'Most steps at once; the number of CPU cores when absent.',
    { example: 4 },
  ),
  fail_fast: optional(z.boolean(), 'Whether a failed step stops the others from starting.', {
    default: true,
    example: false,
  }),
  on_failure: optional(
    z.enum(['keep', 'rollback']),
    'What happens to the files when a wave fails for good.',
    { default: 'keep', example: 'rollback' },
  ),
  inputs: optional(
    z.record(Name, InputSchema),
    'Values given when the run starts; scripts find them as $ORCH_INPUT_<NAME>.',
    { default: {}, example: { target: { type: 'string', default: 'src' } } },
  ),
  outputs: optional(
    z.record(Name, z.string()),
    'Values handed to the workflow that nests this one, as expressions.',
    { default: {}, example: { version: '${{ steps.tag.outputs.version }}' } },
  ),
  env: optional(Env, 'Environment variables of all steps; values may hold expressions.', {
    default: {},
    example: { NODE_ENV: 'test' },
  }),
  budget: optional(
    BudgetSchema,
    'What the run may spend. When it is spent nothing more is started, what agents are at is stopped, and the run waits.',
    { example: { usd: 5, time: '2h' } },
  ),
  pools: optional(z.record(Name, z.int().positive()), 'Named resources with their sizes.', {
    default: {},
    example: { gpu: 1 },
  }),
  waves: optional(WavesSchema, 'How waves are cut.', { example: { max: 5 } }),
  checkpoint: optional(CheckpointSchema, 'What checkpoints hold, and for how long.', {
    example: { max_file_size: '10MB' },
  }),
  secrets: optional(SecretsSchema, SECRETS_MEANING, { example: 'refuse' }),
  defaults: optional(DefaultsSchema, 'Settings for steps that set nothing themselves.', {
    example: { timeout: '20m' },
  }),
  conflicts: optional(ConflictsSchema, 'How merge conflicts of isolated steps are settled.', {
    example: { policy: 'ours' },
  }),
  steps: required(
    z.record(Name, StepSchema),
    'The steps by id, in the order in which people should read them.',
    { example: { test: { run: 'npm test' } } },
  ),
  gates: optional(z.array(GateSchema), 'Checks that a result is good enough.', {
    default: [],
    example: [{ name: 'tests', run: 'npm test' }],
  }),
  notify: optional(NotifySchema, 'Who is told of what. Read and checked; nobody is told yet.', {
    example: { on: ['failed'], to: ['slack'] },
  }),
});

/** A workflow file whose values each are right; durations in milliseconds, sizes in bytes. */
export type WorkflowFile = z.output<typeof WorkflowSchema>;
export type StepFile = z.output<typeof StepSchema>;
export type GateFile = z.output<typeof GateSchema>;
