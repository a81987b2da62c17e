/** `orch approve <run> <step>`: lets a step that waits for a person pass. */
import type { Command } from 'commander';
import type { AnswerOptions } from '../actions/answer.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerApprove(program: Command, context: CliContext): void {
  const command = program
    .command('approve')
    .argument('<run>', 'id of a run or its beginning, or @latest')
    .argument('<step>', 'id of the step that waits')
    .description('approve a step that waits for a person')
    .option('-m, --message <text>', 'why; kept in the journal')
    .action(async (run: string, step: string, options: AnswerOptions) => {
      const { answerCommand } = await import('../actions/answer.ts');
      await answerCommand(context, 'approve', run, step, options);
    });
  addExamples(command, [
    'orch approve release ship                         then, unless it runs: orch resume release',
    'orch approve @latest ship --message "looks good"',
  ]);
}
