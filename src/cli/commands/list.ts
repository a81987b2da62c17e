/** `orch list`: all runs, or the workflow files of the project. */
import type { Command } from 'commander';
import type { ListOptions } from '../actions/list.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { parseCount } from '../options.ts';

export function registerList(program: Command, context: CliContext): void {
  const command = program
    .command('list')
    .description('list runs, newest first, or the workflow files of the project')
    .option('-n, --limit <n>', 'at most this many runs', parseCount, 20)
    .option('--workflows', 'list the files in .orch/workflows instead')
    .action(async (options: ListOptions) => {
      const { listCommand } = await import('../actions/list.ts');
      await listCommand(context, options);
    });
  addExamples(command, [
    'orch list                                    the newest 20 runs',
    'orch list --workflows                        what can be run',
    "orch list --json | jq -r '.runs[].run'       for scripts",
  ]);
}
