/** `orch salvage [run] [what]`: work that is pinned and part of no result. */
import { type Command, Option } from 'commander';
import type { SalvageOptions } from '../actions/salvage.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerSalvage(program: Command, context: CliContext): void {
  const command = program
    .command('salvage')
    .argument('[run]', 'id of a run or its beginning (default: all runs)')
    .argument('[what]', 'a step, one attempt of it (step@2), or a ref, as the list names it')
    .description('list work that was pinned and is in no result, look at it, take it up')
    .option('--diff', 'show what it changed')
    .addOption(new Option('--apply', 'bring what it changed to your work tree').conflicts('diff'))
    .action(async (run: string | undefined, what: string | undefined, options: SalvageOptions) => {
      const { salvageCommand } = await import('../actions/salvage.ts');
      await salvageCommand(context, run, what, options);
    });
  addExamples(command, [
    'orch salvage                              all that is left over, and why',
    'orch salvage add-search implement --diff  what the last attempt of a step had done',
    'orch salvage add-search implement@1 --apply',
    '                                          bring it to your work tree',
  ]);
}
