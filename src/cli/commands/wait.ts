/** `orch wait [run]`: waits for the end of a run that another process works on. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerWait(program: Command, context: CliContext): void {
  const command = program
    .command('wait')
    .argument('[run]', 'id of a run or its beginning (default: the newest)')
    .description('wait for the end of a run, and exit as the run itself would')
    .action(async (run: string | undefined) => {
      const { waitCommand } = await import('../actions/wait.ts');
      await waitCommand(context, run);
    });
  addExamples(command, [
    'orch run ci.yaml --detach; orch wait    leave it running, then wait for its end',
    'orch wait && orch accept                go on only when it has passed',
    'orch wait --json | jq -r .status        for scripts',
  ]);
}
