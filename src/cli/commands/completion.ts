/**
 * `orch completion <shell>`: prints a script that completes commands and options in that shell.
 *
 * The script is static: it holds the whole tree of commands, so that a TAB costs no start of node.
 * What it looks up at a TAB (runs, workflow files) it asks git and the file system itself.
 */
import { Argument, type Command } from 'commander';
import type { Shell } from '../completion/script.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

export function registerCompletion(program: Command, context: CliContext): void {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .description('print a completion script for your shell')
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../completion/script.ts');
      const script = completionScript(shell, program);
      context.printResult(
        () => ({ shell, script }),
        () => script,
      );
    });
  addExamples(command, [
    'orch completion bash > ~/.local/share/bash-completion/completions/orch',
    'orch completion zsh > ~/.zfunc/_orch      with ~/.zfunc in your fpath',
    'orch completion fish > ~/.config/fish/completions/orch.fish',
  ]);
}
