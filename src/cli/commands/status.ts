/** `orch status`: what is going on now. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerStatus(program: Command, context: CliContext): void {
  const command = program
    .command('status')
    .description('show what is going on now: active runs, how far they are, what they wait for')
    .action(async () => {
      const { statusCommand } = await import('../actions/status.ts');
      await statusCommand(context);
    });
  addExamples(command, [
    'orch status                                  for people',
    "orch status --json | jq '.runs[].progress'   for scripts",
  ]);
}
