/** `orch gc`: deletes what is old and held elsewhere. */
import { type Command, InvalidArgumentError } from 'commander';
import type { GcOptions } from '../actions/gc.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerGc(program: Command, context: CliContext): void {
  const command = program
    .command('gc')
    .description('delete files and refs of old runs, as far as they are held elsewhere')
    .option('--dry-run', 'say what would be deleted and what is kept, and why')
    .option('--older-than <duration>', 'instead of the retention of each run', nonEmpty)
    .action(async (options: GcOptions) => {
      const { gcCommand } = await import('../actions/gc.ts');
      await gcCommand(context, options);
    });
  addExamples(command, [
    'orch gc --dry-run                         what would go, and why the rest stays',
    'orch gc --older-than 30d                  accepted more than 30 days ago',
  ]);
}

function nonEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Give it as 30d or 12h.');
  return text;
}
