/**
 * `agents:` of config.yaml: the programs that do agent steps, by the names that workflows use. What
 * each program is told on its command line is agent/programs.ts.
 */
import * as z from 'zod';
import { AGENT_PROGRAMS, type AgentDefinition } from './agents.ts';
import { Duration, Env, Name, optional, required, Words, wantedWords } from './schema-parts.ts';

const Argv = z
  .union([Words, z.array(z.string()).min(1)])
  .register(wantedWords, { wanted: 'a program, or a list of a program and its arguments' });

const EnvNames = z
  .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/))
  .register(wantedWords, { wanted: 'a list of names of environment variables' });

const LimitsSchema = z.strictObject({
  time: optional(Duration, 'Longest time of one attempt, for steps without a timeout.', {
    example: '30m',
  }),
  idle: optional(
    Duration,
    'Longest time without output and without CPU time, for steps without a timeout.',
    { example: '5m' },
  ),
});

const PriceSchema = z.strictObject({
  input_per_mtok: required(z.number().min(0), 'US dollars for a million input tokens.', {
    example: 1.25,
  }),
  output_per_mtok: required(z.number().min(0), 'US dollars for a million output tokens.', {
    example: 10,
  }),
});

export const AgentSchema = z.strictObject({
  cli: required(
    z.enum(AGENT_PROGRAMS),
    'The agent program, or exec for any command: it gets the prompt on standard input and in $ORCH_PROMPT_FILE.',
    { example: 'codex' },
  ),
  command: optional(
    Argv,
    "The program when it is not simply the program's name; with exec, what to run.",
    { example: ['./agent.sh'] },
  ),
  args: optional(z.array(z.string()), 'Arguments besides those that orch gives.', {
    default: [],
    example: ['--skip-git-repo-check'],
  }),
  model: optional(Words, 'The model, in the words of the program.', { example: 'opus' }),
  env: optional(Env, 'Environment variables of the agent.', {
    default: {},
    example: { CODEX_HOME: '/srv/codex' },
  }),
  pass_env: optional(
    EnvNames,
    'Variables of your environment that the agent gets; PATH, HOME, LANG and TERM it gets always, and nothing else.',
    { default: [], example: ['OPENAI_API_KEY'] },
  ),
  pool: optional(
    Name,
    'What it shares its limits with: agents with the same pool run at most as many at once as `pools` of the workflow says.',
    { default: 'the name of the agent', example: 'coders' },
  ),
  limits: optional(LimitsSchema, 'Limits of one attempt.', { example: { time: '30m' } }),
  price: optional(
    PriceSchema,
    'What tokens cost, for programs that do not say what they have spent.',
    { example: { input_per_mtok: 1.25, output_per_mtok: 10 } },
  ),
});

export function agentFrom(name: string, written: z.output<typeof AgentSchema>): AgentDefinition {
  const { command, model, limits = {}, price } = written;
  const argv = typeof command === 'string' ? [command] : command;
  const env = Object.entries(written.env ?? {}).map(([key, value]) => [key, String(value)]);
  return {
    name,
    program: written.cli,
    ...(argv && { command: argv }),
    args: written.args ?? [],
    ...(model !== undefined && { model }),
    env: Object.fromEntries(env) as Record<string, string>,
    passEnv: written.pass_env ?? [],
    pool: written.pool ?? name,
    limits: {
      ...(limits.time !== undefined && { timeMs: limits.time }),
      ...(limits.idle !== undefined && { idleMs: limits.idle }),
    },
    ...(price && {
      price: { inputPerMtok: price.input_per_mtok, outputPerMtok: price.output_per_mtok },
    }),
  };
}
