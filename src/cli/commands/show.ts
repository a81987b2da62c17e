/** `orch show [run]`: everything the journal tells of one run. */
import type { Command } from 'commander';
import type { ShowOptions } from '../actions/show.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { parseCount } from '../options.ts';

export function registerShow(program: Command, context: CliContext): void {
  const command = program
    .command('show')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .argument('[step]', 'id of an agent step, with --prompt')
    .option('--prompt', 'print what the agent of a step was asked')
    .option('--attempt <n>', 'the prompt of this attempt (default: the last one)', parseCount)
    .description('show a run: steps, attempts, gates, cache use, checkpoints')
    .action(async (run: string | undefined, step: string | undefined, options: ShowOptions) => {
      const { showCommand } = await import('../actions/show.ts');
      await showCommand(context, run, step, options);
    });
  addExamples(command, [
    'orch show                                        the newest run',
    'orch show add-search                             by the beginning of its id',
    'orch show @latest design --prompt                what the agent of a step was asked',
    'orch show --json | jq \'.steps[] | select(.status == "failed")\'',
  ]);
}
