/** The work of `orch list --workflows`. */
import { type ListedWorkflow, listWorkflows } from '../../engine/list-workflows.ts';
import {
  WORKFLOW_COLUMNS,
  WORKFLOW_RULES,
  type WorkflowFile,
  workflowRow,
} from '../../view/run-table.ts';
import type { CliContext } from '../context.ts';
import { openProject, templateFolders } from '../open-project.ts';
import { renderTable } from '../table.ts';

export async function listWorkflowsCommand(context: CliContext): Promise<void> {
  const { ports, git } = await openProject(context);
  const root = git.repository.worktree;
  const workflows = listWorkflows(ports.files, { root, ...templateFolders(context) }).map(describe);
  const table = context.json ? '' : await renderWorkflows(context, workflows);
  context.printResult(
    () => ({ workflows }),
    () => table,
  );
}

async function renderWorkflows(
  context: CliContext,
  workflows: readonly WorkflowFile[],
): Promise<string> {
  if (workflows.length === 0)
    return 'no workflow files in .orch/workflows; make one with: orch init';
  return await renderTable(context, WORKFLOW_COLUMNS, workflows.map(workflowRow), WORKFLOW_RULES);
}

function describe(listed: ListedWorkflow): WorkflowFile {
  const { file } = listed;
  if ('workflow' in listed) {
    const { name, description, steps } = listed.workflow;
    return { file, name, description: description ?? null, steps: steps.length, error: null };
  }
  const { code, what: message, fix, spot } = listed.error;
  return {
    file,
    name: null,
    description: null,
    steps: null,
    error: {
      code,
      message,
      fix,
      line: spot?.line ?? null,
      column: spot?.column ?? null,
      mistakes: listed.mistakes,
    },
  };
}
