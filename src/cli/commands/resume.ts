/** `orch resume [run]`: goes on with a run after anything. */
import type { Command } from 'commander';
import type { ResumeOptions } from '../actions/resume.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerResume(program: Command, context: CliContext): void {
  const command = program
    .command('resume')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('go on with a run that was interrupted, crashed or waits')
    .option('--accept-changes', 'take the changed workflow file for steps that have not started')
    .option('--retry-failed', 'start failed and cancelled steps of a finished run anew')
    .option('--no-cache', 'look nothing up in the cache')
    .action(async (run: string | undefined, options: ResumeOptions) => {
      const { resumeCommand } = await import('../actions/resume.ts');
      await resumeCommand(context, run, options);
    });
  addExamples(command, [
    'orch resume                               the newest run',
    'orch resume add-search --retry-failed     the failed steps again',
  ]);
}
