/** The workflow that `run` and `plan` were given, by name or path. */
import { findWorkflowFile, type WorkflowSearch, workflowNames } from '../engine/find-workflow.ts';
import type { FilesPort } from '../ports/files.ts';
import { UsageError } from './errors.ts';

/** @throws UsageError that names the workflows there are; OrchError ORCH_FILE_NOT_FOUND */
export function namedWorkflow(
  files: FilesPort,
  command: 'run' | 'plan',
  search: Omit<WorkflowSearch, 'file'> & { readonly file: string | undefined },
): string {
  const { file } = search;
  if (file !== undefined) return findWorkflowFile(files, { ...search, file });
  const names = workflowNames(files, search.root);
  const needs = `orch ${command} needs a workflow`;
  if (names === undefined) throw new UsageError(`${needs}, and there is none yet`, 'orch init');
  throw new UsageError(`${needs}; there are: ${names.all}`, `orch ${command} ${names.first}`);
}
