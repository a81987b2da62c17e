/**
 * Makes a repository ready for orch: settings, the project for agents, a first workflow that runs
 * here, and the merge attribute. A file that is there is never changed but for one line at the end of
 * .gitattributes, so it may be done again at any time.
 */
import { basename, join } from 'node:path';
import { executableOf } from '../agent/programs.ts';
import { hasErrno, OrchError } from '../base/errors.ts';
import { stripControl } from '../base/text.ts';
import type { FilesPort } from '../ports/files.ts';
import { KNOWN_PROGRAMS, plainAgent } from '../workflow/agents.ts';
import { type Detected, detectCommands } from '../workflow/first/detect-commands.ts';
import type { RepositoryFacts } from '../workflow/first/offers.ts';
import {
  addMergeAttribute,
  configText,
  projectText,
  workflowText,
} from '../workflow/first/write-files.ts';

export interface InitRequest {
  /** Top of the work tree. */
  readonly root: string;
  /** Where the user stands, from the top; '' is the top. */
  readonly folder: string;
  /** Folders of PATH. */
  readonly searchPath: readonly string[];
}

export interface InitReport {
  readonly files: readonly {
    /** From the top of the work tree. */
    readonly path: string;
    readonly action: 'created' | 'kept' | 'extended';
  }[];
  /** What was detected, also when the workflow was there before and kept. */
  readonly detected: Detected;
  /** Agent programs on PATH that orch knows. */
  readonly agents: readonly string[];
}

/** @throws OrchError ORCH_IN_THE_WAY when a file, or a link out of here, stands where a folder must be */
export function initRepository(files: FilesPort, request: InitRequest): InitReport {
  const { root } = request;
  const facts = factsOf(files, request);
  const detected = detectCommands(facts, request.folder);
  const agents = KNOWN_PROGRAMS.filter((program) =>
    facts.hasProgram(executableOf({ agent: plainAgent(program) })),
  );
  const workflow = ['.orch/workflows/check.yml', '.orch/workflows/check.yaml'].find((path) =>
    files.exists(join(root, path)),
  );
  const wanted: readonly (readonly [string, string])[] = [
    ['.orch/config.yaml', configText(agents)],
    ['.orch/project.md', projectText(basename(root), detected)],
    [workflow ?? '.orch/workflows/check.yaml', workflowText(detected)],
  ];
  refuseLinksOut(files, root);
  makeFolders(files, root);
  return {
    files: [
      ...wanted.map(([path, text]) => ({
        path,
        action: createFile(files, join(root, path), text),
      })),
      { path: '.gitattributes', action: registerMergeAttribute(files, root) },
    ],
    detected,
    agents,
  };
}

/** What is written through them would be somebody else's. */
function refuseLinksOut(files: FilesPort, root: string): void {
  for (const path of ['.orch', '.orch/workflows']) {
    const target = files.linkTarget(join(root, path));
    if (target === undefined || target.startsWith(`${root}/`)) continue;
    const what = `${path} is a symbolic link that leaves the repository: ${stripControl(target)}`;
    throw new OrchError('ORCH_IN_THE_WAY', what, { fix: `rm ${path}, then: orch init` });
  }
}

function makeFolders(files: FilesPort, root: string): void {
  try {
    files.makeFolder(join(root, '.orch/workflows'));
  } catch (cause) {
    if (!hasErrno(cause, 'EEXIST', 'ENOTDIR')) throw cause;
    const what = '.orch or .orch/workflows is a file, and must be a folder';
    throw new OrchError('ORCH_IN_THE_WAY', what, { fix: 'git mv .orch <another name>', cause });
  }
}

function createFile(files: FilesPort, path: string, text: string): 'created' | 'kept' {
  return files.createExclusive(path, text) ? 'created' : 'kept';
}

function registerMergeAttribute(files: FilesPort, root: string): 'created' | 'kept' | 'extended' {
  const path = join(root, '.gitattributes');
  const before = files.read(path);
  const after = addMergeAttribute(before);
  if (after === undefined) return 'kept';
  files.replace(path, after);
  return before === undefined ? 'created' : 'extended';
}

/** Texts larger than this are no settings of a project. */
const MAX_TEXT_BYTES = 1024 * 1024;

function factsOf(files: FilesPort, { root, searchPath }: InitRequest): RepositoryFacts {
  const list = (path: string) => files.list(join(root, path));
  const names = list('');
  return {
    names: new Set(names),
    folders: names.filter((name) => name !== '.git' && list(name).length > 0),
    list,
    text: (path) =>
      (files.size(join(root, path)) ?? 0) > MAX_TEXT_BYTES
        ? undefined
        : files.readText(join(root, path)),
    hasFile: (path) => files.exists(join(root, path)),
    hasProgram: (name) => searchPath.some((folder) => files.exists(join(folder, name))),
  };
}
