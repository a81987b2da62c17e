/**
 * How each agent program is started without a terminal: the arguments that make it print what
 * output/ reads, work unattended, go on with a session, and take its prompt.
 *
 * What a user puts into `args` wins: of flags that decide the same thing orch then gives none. The
 * flags are those of the programs' own documentation; test/agents runs the programs that can be had.
 */
import { unreachable } from '../base/errors.ts';
import type { AgentDefinition } from '../workflow/agents.ts';

/** Stands for the whole prompt as one argument. */
export const PROMPT = { is: 'prompt' } as const;

export type Word = string | typeof PROMPT;

export interface AgentCommand {
  /** The program first. */
  readonly argv: readonly Word[];
  /** The prompt comes on standard input, which is empty otherwise. */
  readonly readsPrompt: boolean;
}

export interface CommandRequest {
  readonly agent: AgentDefinition;
  /** Absolute path of the file that holds the prompt. */
  readonly promptFile: string;
  /** To go on with; ignored by programs that cannot. */
  readonly session?: string;
}

/** Linux takes 128 KiB in one argument; a little is kept for what the shell adds. */
export const MAX_ARGUMENT_BYTES = 128 * 1024 - 256;

export function commandFor({ agent, promptFile, session }: CommandRequest): AgentCommand {
  const { program, args, model } = agent;
  const start = agent.command ?? [program === 'cursor' ? 'cursor-agent' : program];
  const unless = (flags: readonly string[], ...given: string[]) =>
    args.some((arg) => flags.some((flag) => arg === flag || arg.startsWith(`${flag}=`)))
      ? []
      : given;
  const option = (flag: string, value: string | undefined) =>
    value === undefined ? [] : [flag, value];
  const onInput = (...own: string[]): AgentCommand => ({
    argv: [...start, ...own],
    readsPrompt: true,
  });
  const asArgument = (...argv: AgentCommand['argv']): AgentCommand => ({
    argv: [...start, ...argv],
    readsPrompt: false,
  });
  switch (program) {
    case 'claude':
      return onInput(
        ...['-p', '--output-format', 'stream-json', '--verbose'],
        ...unless(CLAUDE_PERMISSIONS, '--permission-mode', 'acceptEdits'),
        ...option('--model', model),
        ...option('--resume', session),
        ...args,
      );
    case 'codex':
      return onInput(
        ...['exec', '--json'],
        ...unless(CODEX_SANDBOX, '--sandbox', 'workspace-write'),
        ...option('-m', model),
        ...args,
        ...(session === undefined ? [] : ['resume', session]),
        '-',
      );
    case 'gemini':
    case 'qwen':
      return asArgument(
        ...['-p', PROMPT, '-o', 'stream-json'],
        ...(program === 'gemini' ? ['--skip-trust'] : []),
        ...unless(APPROVAL, '--approval-mode', 'yolo'),
        ...option('-m', model),
        ...option('--resume', session),
        ...args,
      );
    case 'opencode':
      return asArgument(
        ...['run', '--format', 'json'],
        ...option('-m', model),
        ...option('-s', session),
        ...args,
        PROMPT,
      );
    case 'cn':
      return asArgument(
        ...['-p', PROMPT, '--format', 'json'],
        ...unless(['--auto', '--readonly', '--allow'], '--auto'),
        ...option('--model', model),
        ...args,
      );
    case 'aider':
      return asArgument(
        ...['--message-file', promptFile, '--yes-always', '--no-auto-commits', '--no-stream'],
        ...option('--model', model),
        ...args,
      );
    case 'copilot':
      return asArgument(
        ...['-p', PROMPT, '--output-format', 'json'],
        ...unless(['--allow-all', '--yolo', '--allow-all-tools', '--allow-tool'], '--allow-all'),
        ...option('--model', model),
        ...(session === undefined ? [] : [`--resume=${session}`]),
        ...args,
      );
    case 'cursor':
      return asArgument(
        ...['-p', '--output-format', 'stream-json', '--force'],
        ...option('--model', model),
        ...option('--resume', session),
        ...args,
        PROMPT,
      );
    case 'exec':
      return onInput(...args);
    default:
      return unreachable(program);
  }
}

const CLAUDE_PERMISSIONS = [
  '--permission-mode',
  '--dangerously-skip-permissions',
  '--allowedTools',
  '--allowed-tools',
];
const CODEX_SANDBOX = [
  '--sandbox',
  '-s',
  '--full-auto',
  '--yolo',
  '--dangerously-bypass-approvals-and-sandbox',
];
const APPROVAL = ['--approval-mode', '--yolo', '-y'];

/** The name under which a program is looked for on PATH, or its path. */
export function executableOf({ agent }: Pick<CommandRequest, 'agent'>): string {
  const [first] = commandFor({ agent, promptFile: '' }).argv;
  return typeof first === 'string' ? first : '';
}
