/** `orch run <workflow>`: runs it in waves, with a checkpoint after each. */
import { type Command, Option } from 'commander';
import type { RunOptions } from '../actions/run.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { collectPair, parseCount, strategyOption } from '../options.ts';

export function registerRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    // Optional for commander alone, so that the error can name the workflows there are.
    .argument('[workflow]', 'path of a workflow file, or its name in .orch/workflows')
    .usage('[options] <workflow>')
    .description('run a workflow in waves, with a checkpoint after each')
    .option('-i, --input <name=value>', 'value of an input (repeatable)', collectPair)
    .option(
      '--concurrency <n>',
      'most steps at once (default: the workflow, else CPU cores)',
      parseCount,
    )
    .addOption(strategyOption())
    .addOption(
      new Option('--workspace <kind>', 'where steps run').choices(['in-place', 'isolated']),
    )
    .option('--from <run@wave>', 'begin on a checkpoint of another run')
    .addOption(
      new Option('--commit-to <where>', 'where checkpoints go: orch/<run>, or the current branch')
        .choices(['branch', 'current'])
        .default('branch'),
    )
    .option('--no-cache', 'look nothing up in the cache')
    .option(
      '--refresh <step>',
      'make the cache entry of a step or gate anew (repeatable)',
      (step: string, list: string[] = []) => [...list, step],
    )
    .option('--detach', 'print the id of the run and leave it running')
    // Between the two processes of --detach.
    .addOption(new Option('--begun-file <path>').hideHelp())
    .action(async (file: string | undefined, options: RunOptions) => {
      const { runCommand } = await import('../actions/run.ts');
      await runCommand(context, file, options);
    });
  addExamples(command, [
    'orch run check                            the workflow .orch/workflows/check.yaml',
    'orch run ci.yaml --input target=src       with a value for an input',
    'orch run ci.yaml --json | jq .type        events as they happen, one a line',
    'orch run ci.yaml --from add-search@2 --workspace isolated   on what wave 2 of another run left',
    'orch run ci.yaml --detach; orch wait      leave it running, then wait for its end',
  ]);
}
