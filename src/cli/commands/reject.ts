/** `orch reject <run> <step>`: fails a step that waits for a person. */
import type { Command } from 'commander';
import type { AnswerOptions } from '../actions/answer.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerReject(program: Command, context: CliContext): void {
  const command = program
    .command('reject')
    .argument('<run>', 'id of a run or its beginning, or @latest')
    .argument('<step>', 'id of the step that waits')
    .description('reject a step that waits for a person; it fails')
    .option('-m, --message <text>', 'why; it becomes the failure of the step')
    .action(async (run: string, step: string, options: AnswerOptions) => {
      const { answerCommand } = await import('../actions/answer.ts');
      await answerCommand(context, 'reject', run, step, options);
    });
  addExamples(command, [
    'orch reject release ship --message "the changelog is missing"',
    'orch resume release                               the run ends as failed',
  ]);
}
