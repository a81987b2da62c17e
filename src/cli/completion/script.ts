/**
 * Completion scripts, made from the tree of commands.
 *
 * All three shells work alike: walk over the words typed so far to find the command they name, then
 * offer its subcommands, options or what its next argument can be. Runs are branches `orch/<run>`, so
 * git lists them; nothing in a script starts orch.
 */
import type { Command } from 'commander';
import { describeCommand } from '../command-tree.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export type Shell = keyof typeof SCRIPTS;

export function completionScript(shell: Shell, program: Command): string {
  return SCRIPTS[shell](describeCommand(program));
}
