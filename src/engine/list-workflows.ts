/** The workflow files of a project, each with what it says of itself or why it cannot be used. */
import { InvalidFileError, OrchError } from '../base/errors.ts';
import type { FilesPort } from '../ports/files.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { workflowFiles } from './find-workflow.ts';
import { type DefinitionRequest, loadConfig, loadDefinition } from './load-definition.ts';

export type ListedWorkflow =
  | { readonly file: string; readonly workflow: Workflow }
  /** `mistakes` counts them all; the error is the first. */
  | { readonly file: string; readonly error: OrchError; readonly mistakes: number };

/**
 * In the order of their names. A file with mistakes hides no other.
 * @throws InvalidFileError when it is the settings of all of them that have mistakes
 */
export function listWorkflows(
  files: FilesPort,
  request: Omit<DefinitionRequest, 'file'>,
): ListedWorkflow[] {
  loadConfig(files, request.root);
  return workflowFiles(files, request.root).map((file) => {
    try {
      const { workflow } = loadDefinition(files, { ...request, file });
      return { file, workflow };
    } catch (error) {
      if (!(error instanceof OrchError)) throw error;
      const mistakes = error instanceof InvalidFileError ? error.diagnostics.length : 1;
      return { file, error, mistakes };
    }
  });
}
