/** `orch plan <workflow>`: shows the waves a run would go through, and runs nothing. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GraphFormat } from '../../view/plan-graph.ts';
import type { PlanOptions } from '../actions/plan.ts';
import type { CliContext } from '../context.ts';
import { addExamples } from '../help.ts';
import { collectPair, parseCount, strategyOption } from '../options.ts';

const GRAPHS: readonly GraphFormat[] = ['mermaid', 'dot', 'json'];

export function registerPlan(program: Command, context: CliContext): void {
  const command = program
    .command('plan')
    // Optional for commander alone, so that the error can name the workflows there are.
    .argument('[workflow]', 'path of a workflow file, or its name in .orch/workflows')
    .usage('[options] <workflow>')
    .description('show the waves of a workflow, its critical path and how long it would take')
    .option('-i, --input <name=value>', 'value of an input, checked (repeatable)', collectPair)
    .option(
      '--concurrency <n>',
      'most steps at once (default: the workflow, else CPU cores)',
      parseCount,
    )
    .addOption(strategyOption())
    .addOption(
      new Option('--workspace <kind>', 'where steps would run').choices(['in-place', 'isolated']),
    )
    .option('--what-if <list>', 'also with these many steps at once: 2,8,32', parseCounts)
    .addOption(
      new Option('--graph <format>', 'print the graph instead, with waves as boxes').choices(
        GRAPHS,
      ),
    )
    .action(async (file: string | undefined, options: PlanOptions) => {
      const { planCommand } = await import('../actions/plan.ts');
      await planCommand(context, file, options);
    });
  addExamples(command, [
    'orch plan ci.yaml                          waves, steps, critical path',
    'orch plan ci.yaml --what-if 2,8,32         how long with more or fewer at once',
    'orch plan ci.yaml --graph mermaid          for a Markdown page',
    'orch plan ci.yaml --json | jq .makespan_s  for scripts',
  ]);
}

function parseCounts(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > 20) throw new InvalidArgumentError('Give at most 20 numbers.');
  return parts.map(parseCount);
}
