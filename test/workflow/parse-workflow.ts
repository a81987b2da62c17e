/** One text as a Workflow, without any other file around it. */
import { loadWorkflow } from '../../src/workflow/load.ts';
import type { Workflow } from '../../src/workflow/workflow.ts';

/**
 * @param file what to call the text in messages
 * @throws InvalidFileError with every mistake at once; templates and nested workflows do not exist here
 */
export function parseWorkflow(text: string, file = 'workflow.yaml'): Workflow {
  let isFirst = true;
  const read = (): string | undefined => {
    const isEntry = isFirst;
    isFirst = false;
    return isEntry ? text : undefined;
  };
  return loadWorkflow({ file, read }).workflow;
}
