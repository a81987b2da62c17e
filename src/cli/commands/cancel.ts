/** `orch cancel [run]`: ends a run for good, with all its processes. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerCancel(program: Command, context: CliContext): void {
  const command = program
    .command('cancel')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('stop a run and everything it started, for good')
    .action(async (run: string | undefined) => {
      const { cancelCommand } = await import('../actions/cancel.ts');
      await cancelCommand(context, run);
    });
  addExamples(command, [
    'orch cancel                 the newest run, running or interrupted',
    'orch cancel add-search      its files are kept; see orch rollback',
  ]);
}
