/** `orch rollback [run] --to N`: the work tree as it was at a checkpoint. */
import type { Command } from 'commander';
import type { RollbackOptions } from '../actions/rollback.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { parseIndex } from '../options.ts';

export function registerRollback(program: Command, context: CliContext): void {
  const command = program
    .command('rollback')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description(
      'bring the work tree (of an isolated run: its result) to a checkpoint; nothing is lost',
    )
    .requiredOption(
      '--to <wave>',
      'wave whose checkpoint is wanted; 0 is before the run',
      parseIndex,
    )
    .action(async (run: string | undefined, options: RollbackOptions) => {
      const { rollbackCommand } = await import('../actions/rollback.ts');
      await rollbackCommand(context, run, options);
    });
  addExamples(command, [
    'orch rollback --to 0                      as it was before the newest run',
    'orch rollback add-search --to 2           as it was after wave 2',
    'orch rollback --to 0 --json | jq -r .rescue   the ref that holds what was there',
  ]);
}
