/** `orch accept [run]`: the result of a run on the current branch. */
import { type Command, Option } from 'commander';
import type { AcceptOptions } from '../actions/accept.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerAccept(program: Command, context: CliContext): void {
  const command = program
    .command('accept')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('bring what a run stands at to the current branch')
    .addOption(
      new Option(
        '--merge',
        'with a merge commit, all checkpoints in its history (default)',
      ).conflicts(['squash', 'ff']),
    )
    .addOption(new Option('--squash', 'as one commit').conflicts(['ff']))
    .option('--ff', 'wind the branch forward to the checkpoint; only where the run began')
    .option('--include-uncommitted', 'with what was not committed when the run began')
    .action(async (run: string | undefined, options: AcceptOptions) => {
      const { acceptCommand } = await import('../actions/accept.ts');
      await acceptCommand(context, run, options);
    });
  addExamples(command, [
    'orch accept                               the newest run, as a merge',
    'orch accept add-search --squash           as one commit',
  ]);
}
