/**
 * The work of `orch plan`. Needs no repository: a plan is made of files alone, so that a workflow can
 * be looked at before `git init`, or where there is no git at all.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { loadDefinition } from '../../engine/load-definition.ts';
import { makePlan, whatIf } from '../../plan/make-plan.ts';
import type { FilesPort } from '../../ports/files.ts';
import { type GraphFormat, renderGraph } from '../../view/plan-graph.ts';
import { planJson } from '../../view/plan-json.ts';
import { PLAN_RULES, type PlanTable, planTable, WHAT_IF_COLUMNS } from '../../view/plan-table.ts';
import { checkInputs } from '../../workflow/inputs.ts';
import type { Workflow } from '../../workflow/workflow.ts';
import type { CliContext } from '../context.ts';
import { namedWorkflow } from '../named-workflow.ts';
import { noteWithoutEffect } from '../note-without-effect.ts';
import { templateFolders } from '../open-project.ts';
import { renderTable } from '../table.ts';

export interface PlanOptions {
  readonly input?: Record<string, string>;
  readonly concurrency?: number;
  readonly strategy?: string;
  readonly workspace?: 'in-place' | 'isolated';
  readonly whatIf?: readonly number[];
  readonly graph?: GraphFormat;
}

export async function planCommand(
  context: CliContext,
  name: string | undefined,
  options: PlanOptions,
): Promise<void> {
  const { files } = await context.loadPorts();
  const root = findTop(files, context.cwd);
  const folders = templateFolders(context);
  const { workflow, config, strategies } = loadDefinition(files, {
    file: namedWorkflow(files, 'plan', {
      file: name,
      cwd: context.cwd,
      root,
      builtIn: folders.builtInTemplates,
    }),
    root,
    ...folders,
  });
  noteWithoutEffect(context, workflow, config);
  refuseWrongInputs(workflow, options.input ?? {});
  const planOptions = {
    concurrency:
      options.concurrency ?? workflow.concurrency ?? config.concurrency ?? availableParallelism(),
    strategy: options.strategy,
    workspace: options.workspace,
    strategies,
  };
  const plan = makePlan(workflow, planOptions);
  if (options.graph !== undefined) {
    const text = renderGraph(plan, options.graph);
    context.printResult(
      () => (options.graph === 'json' ? JSON.parse(text) : { format: options.graph, graph: text }),
      () => text,
    );
    return;
  }
  const whatIfs = whatIf(workflow, planOptions, options.whatIf ?? []);
  const table = context.json ? '' : await renderPlan(context, planTable(plan, whatIfs));
  context.printResult(
    () => planJson(plan, whatIfs),
    () => table,
  );
}

/** The top of the repository, found without git; the folder itself where there is none. */
function findTop(files: FilesPort, cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (files.exists(join(folder, '.git'))) return folder;
    if (folder === dirname(folder)) return cwd;
  }
}

/** What is given must fit; what is missing is no obstacle, because a plan does not depend on values. */
function refuseWrongInputs(workflow: Workflow, given: Readonly<Record<string, string>>): void {
  const [first] = checkInputs(workflow.inputs, given).errors.filter(
    ({ code }) => code !== 'ORCH_MISSING_INPUT',
  );
  if (first) throw first;
}

async function renderPlan(context: CliContext, table: PlanTable): Promise<string> {
  const blocks = [table.header.join('\n')];
  for (const { title, rows, notes } of table.sections) {
    const cells = rows.map((row) => row.cells);
    const body = await renderTable(context, table.columns, cells, PLAN_RULES);
    blocks.push([title, body, ...notes].join('\n'));
  }
  if (table.whatIf.length > 0) {
    blocks.push(`What if\n${await renderTable(context, WHAT_IF_COLUMNS, table.whatIf)}`);
  }
  return blocks.join('\n\n');
}
