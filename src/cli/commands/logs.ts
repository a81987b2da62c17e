/** `orch logs <run> [step]`: what steps and gates have printed. */
import type { Command } from 'commander';
import type { LogsOptions } from '../actions/logs.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { parseCount } from '../options.ts';

export function registerLogs(program: Command, context: CliContext): void {
  const command = program
    .command('logs')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .argument('[step]', 'a step, a matrix with all its instances, or a nested workflow')
    .description('show what the steps and gates of a run have printed')
    .option('--gate <name>', 'a gate instead of steps')
    .option('--attempt <n>', 'only this attempt', parseCount)
    .option('-f, --follow', 'go on until nobody works on the run any more')
    .action(async (run: string | undefined, step: string | undefined, options: LogsOptions) => {
      const { logsCommand } = await import('../actions/logs.ts');
      await logsCommand(context, run, step, options);
    });
  addExamples(command, [
    'orch logs lint                       one step of the newest run',
    'orch logs add-search lint            one step of another run',
    'orch logs --gate tests               a gate of the newest run',
    'orch logs -f                         everything, as it comes',
    'orch logs -f --json | jq -r .text    as events, one a line',
  ]);
}
