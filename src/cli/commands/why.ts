/** `orch why [run] <step>`: why a step ran, was skipped, waits, failed, or came from the cache. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';

export function registerWhy(program: Command, context: CliContext): void {
  const command = program
    .command('why')
    .argument('[run]', 'id of a run, its beginning, or @latest (default: the newest)')
    .argument('[step]', 'id of a step')
    // commander cannot have the optional argument first.
    .usage('[options] [run] <step>')
    .description('say why a step ran, was skipped, waits, failed, or came from the cache')
    .action(async (run: string | undefined, step: string | undefined) => {
      const { whyCommand } = await import('../actions/why.ts');
      await whyCommand(context, run, step);
    });
  addExamples(command, [
    'orch why deploy                                of the newest run',
    "orch why 'test(node20)'                        one instance of a matrix",
    'orch why @latest lint --json | jq .waits_for   for scripts',
  ]);
}
