/** Which file a person means who names a workflow, and which names there are. */
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { OrchError } from '../base/errors.ts';
import { closestMatch, joinWords } from '../base/text.ts';
import type { FilesPort } from '../ports/files.ts';

export const WORKFLOW_FOLDER = '.orch/workflows';
/** Names beyond this many are counted. */
const NAMED_MAX = 8;

export interface WorkflowSearch {
  /** As typed: a path from `cwd`, or the name of a file in `.orch/workflows`, its ending left out or not. */
  readonly file: string;
  readonly cwd: string;
  /** Top of the repository; the folder itself where there is none. */
  readonly root: string;
  /** Folder of the workflows that come with orch. */
  readonly builtIn: string;
}

/** Before the name of a workflow that comes with orch: no file of anybody's begins so. */
export const BUILT_IN = 'orch:';

/**
 * A path wins over a name, and a name of the project's over one that comes with orch.
 * @returns relative to the root where it lies inside, as messages show it; else absolute
 * @throws OrchError ORCH_FILE_NOT_FOUND
 */
export function findWorkflowFile(files: FilesPort, search: WorkflowSearch): string {
  const { file, cwd, root } = search;
  const path = resolve(cwd, file);
  if (isFile(files, path)) {
    const inside = relative(root, path);
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside;
  }
  const named = filesOfName(file);
  const found = named.find((candidate) => isFile(files, join(root, candidate)));
  if (found !== undefined) return found;
  const own = named
    .map((candidate) => basename(candidate))
    .find((name) => isFile(files, join(search.builtIn, name)));
  if (own !== undefined) return `${BUILT_IN}${own}`;
  const folder = files.exists(path) ? ' (a folder)' : '';
  throw new OrchError(
    'ORCH_FILE_NOT_FOUND',
    named.length === 0
      ? `there is no workflow file ${file}${folder}`
      : `there is no workflow "${file}": looked for ${joinWords([`${file}${folder}`, ...named], 'and')}`,
    { fix: fixFor(files, search) },
  );
}

/** Files that may be workflows, sorted, each as `.orch/workflows/x.yaml`. */
export function workflowFiles(files: FilesPort, root: string): string[] {
  return yamlFilesIn(files, join(root, WORKFLOW_FOLDER)).map(
    (name) => `${WORKFLOW_FOLDER}/${name}`,
  );
}

/** `check, report and 3 more`; undefined where there is no workflow. */
export function workflowNames(
  files: FilesPort,
  root: string,
): { readonly first: string; readonly all: string } | undefined {
  const names = [...new Set(workflowFiles(files, root).map(stemOf))];
  const [first] = names;
  if (first === undefined) return undefined;
  const more = names.length > NAMED_MAX ? [`${names.length - NAMED_MAX} more`] : [];
  return { first, all: joinWords([...names.slice(0, NAMED_MAX), ...more], 'and') };
}

/** A path is never looked up by name: `./ci.yaml` is the file that lies here. */
function filesOfName(file: string): string[] {
  if (file === '' || file.includes('/')) return [];
  const endings = /\.ya?ml$/.test(file) ? [''] : ['.yaml', '.yml'];
  return endings.map((ending) => `${WORKFLOW_FOLDER}/${file}${ending}`);
}

function fixFor(files: FilesPort, search: WorkflowSearch): string {
  const near = nearest(files, search);
  if (near !== undefined) return `did you mean "${near}"?`;
  const names = workflowNames(files, search.root);
  const isPath = search.file.includes('/');
  if (names === undefined) return isPath ? 'check the path' : 'orch init';
  return `${isPath ? 'check the path, or name' : 'name'} one of the workflows there are: ${names.all}`;
}

/** Of the workflows there are, and of the files beside the path that was meant. */
function nearest(files: FilesPort, { file, cwd, root }: WorkflowSearch): string | undefined {
  const folder = dirname(file);
  const known = new Map<string, string>();
  for (const name of yamlFilesIn(files, resolve(cwd, folder)))
    known.set(stemOf(name), join(folder, name));
  for (const path of workflowFiles(files, root)) known.set(stemOf(path), stemOf(path));
  const wanted = stemOf(file);
  return known.get(wanted) ?? known.get(closestMatch(wanted, known.keys()) ?? '');
}

function yamlFilesIn(files: FilesPort, folder: string): string[] {
  return files.list(folder).filter((name) => /\.ya?ml$/.test(name));
}

function stemOf(path: string): string {
  return basename(path).replace(/\.ya?ml$/, '');
}

/** A pipe is one too: the shell makes them of what a command prints. */
function isFile(files: FilesPort, path: string): boolean {
  return files.exists(path) && !files.exists(`${path}/.`);
}
