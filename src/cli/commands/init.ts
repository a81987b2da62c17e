/** `orch init`: makes a repository ready, with a first workflow that runs in it. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerInit(program: Command, context: CliContext): void {
  const command = program
    .command('init')
    .description('start in a repository: settings, and a first workflow that runs in it')
    .option('-y, --yes', 'accepted for scripts; init never asks')
    .action(async () => {
      const { initCommand } = await import('../actions/init.ts');
      await initCommand(context);
    });
  addExamples(command, [
    'orch init                 keeps every file that is there; may be done again',
    'git init; orch init       in a folder that is no repository yet',
  ]);
}
