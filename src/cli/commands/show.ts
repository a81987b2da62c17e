/** `orch show [run]`: everything the journal tells of one run. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerShow(program: Command, context: CliContext): void {
  const command = program
    .command('show')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('show a run: steps, attempts, gates, cache use, checkpoints')
    .action(async (run: string | undefined) => {
      const { showCommand } = await import('../actions/show.ts');
      await showCommand(context, run);
    });
  addExamples(command, [
    'orch show                                        the newest run',
    'orch show add-search                             by the beginning of its id',
    'orch show --json | jq \'.steps[] | select(.status == "failed")\'',
  ]);
}
