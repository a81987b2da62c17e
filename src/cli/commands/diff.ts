/** `orch diff [run]`: what a run, a wave or an attempt changed. */
import { type Command, Option } from 'commander';
import type { DiffOptions } from '../actions/diff.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { parseIndex } from '../options.ts';

export function registerDiff(program: Command, context: CliContext): void {
  const command = program
    .command('diff')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('show what a run changed, or one wave or attempt of it')
    .option('--wave <n>', 'only this wave: its checkpoint against the one before', parseIndex)
    .addOption(
      new Option('--attempt <step/n>', 'what an attempt left, against what it began on').conflicts(
        'wave',
      ),
    )
    .option('--stat', 'only which files, and how many lines')
    .action(async (run: string | undefined, options: DiffOptions) => {
      const { diffCommand } = await import('../actions/diff.ts');
      await diffCommand(context, run, options);
    });
  addExamples(command, [
    'orch diff                                   all that the newest run changed',
    'orch diff add-search --wave 2               what its second wave changed',
    'orch diff add-search --attempt lint/1       what a failed attempt left behind',
    "orch diff --json | jq -r '.files[].path'    for scripts",
  ]);
}
