/** Reads a workflow file with the settings of its repository: what `plan`, `run` and `resume --accept-changes` begin with. */
import { join, resolve } from 'node:path';
import { OrchError } from '../base/errors.ts';
import { BUILT_IN_STRATEGIES, type Strategies } from '../plan/strategies.ts';
import type { FilesPort } from '../ports/files.ts';
import { type Config, DEFAULT_CONFIG, parseConfig } from '../workflow/config-schema.ts';
import { loadWorkflow } from '../workflow/load.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { BUILT_IN } from './find-workflow.ts';

export interface Definition {
  readonly workflow: Workflow;
  readonly config: Config;
  readonly strategies: Strategies;
}

export interface DefinitionRequest {
  /** Relative to the root where it lies inside, else absolute; find-workflow.ts has it from a name. */
  readonly file: string;
  /** Top of the repository; the folder itself where there is none. */
  readonly root: string;
  /** The user's own templates. */
  readonly userTemplates: string;
  readonly builtInTemplates: string;
}

/** @throws OrchError when a file does not exist; InvalidFileError with every mistake of all files */
export function loadDefinition(files: FilesPort, request: DefinitionRequest): Definition {
  const { root } = request;
  const config = loadConfig(files, root);
  const strategies = { ...BUILT_IN_STRATEGIES, ...strategiesOf(config) };
  const fix = 'name a file in it, or see the names in: orch list --workflows';
  const at = (path: string) =>
    path.startsWith(BUILT_IN)
      ? join(request.builtInTemplates, path.slice(BUILT_IN.length))
      : resolve(root, path);
  refuseFolder(files, at(request.file), request.file, fix);
  const { workflow } = loadWorkflow({
    file: request.file,
    read: (path) => readFile(files, at(path)),
    templateFolders: ['.orch/templates', request.userTemplates, request.builtInTemplates],
    config,
    strategies: ['auto', ...Object.keys(strategies)],
  });
  return { workflow, config, strategies };
}

/** `.orch/config.yaml`, or the defaults. @throws InvalidFileError */
export function loadConfig(files: FilesPort, root: string): Config {
  const path = '.orch/config.yaml';
  refuseFolder(files, join(root, path), path, 'make it a file, or remove it');
  const text = readFile(files, join(root, path));
  return text === undefined ? DEFAULT_CONFIG : parseConfig(text, path);
}

function strategiesOf(config: Config): Strategies {
  return Object.fromEntries(
    Object.entries(config.strategies).map(([name, { description = '', ...rest }]) => [
      name,
      { description, ...rest },
    ]),
  );
}

/** A folder of that name is not what anybody means. */
function readFile(files: FilesPort, path: string): string | undefined {
  return isFolder(files, path) ? undefined : files.readGiven(path);
}

function isFolder(files: FilesPort, path: string): boolean {
  return files.exists(`${path}/.`);
}

function refuseFolder(files: FilesPort, path: string, shown: string, fix: string): void {
  if (!isFolder(files, path)) return;
  throw new OrchError('ORCH_FILE_UNREADABLE', `${shown} is a folder, not a file`, { fix });
}
