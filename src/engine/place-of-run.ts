/**
 * The work tree that a run belongs to. A path alone is no proof: a repository that was copied still
 * names the original's, so the work tree found there must be one of the repository that was asked.
 */
import { OrchError } from '../base/errors.ts';
import type { FilesPort } from '../ports/files.ts';
import type { GitPort, Repository } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { type RunFiles, runFiles } from './run-files.ts';

interface Place {
  readonly path: string;
  /** The one that is not linked: wherever the repository is moved or copied to, it comes along. */
  readonly isMain: boolean;
}

/** No path holds a NUL. */
const MAIN_MARK = '\0main';

export function notePlace(files: FilesPort, run: RunFiles, repository: Repository): void {
  files.replace(run.worktree, `${repository.worktree}${isMain(repository) ? MAIN_MARK : ''}`);
}

function readPlace(files: FilesPort, run: RunFiles): Place {
  const text = files.readText(run.worktree) ?? '';
  return { path: text.split('\0', 1)[0] ?? '', isMain: text.endsWith(MAIN_MARK) };
}

function isMain({ gitDir, commonDir }: Repository): boolean {
  return gitDir === commonDir;
}

/** Whether a run began in this work tree. */
export function isPlaceOf(files: FilesPort, repository: Repository, run: string): boolean {
  const place = readPlace(files, runFiles(repository.commonDir, run));
  return place.isMain ? isMain(repository) : place.path === repository.worktree;
}

/**
 * Git of the work tree that a run began in.
 * @param here any work tree of the repository
 * @throws OrchError ORCH_WORKTREE_GONE
 */
export async function openPlace(ports: Ports, here: GitPort, run: string): Promise<GitPort> {
  const { repository } = here;
  if (isPlaceOf(ports.files, repository, run)) return here;
  const place = readPlace(ports.files, runFiles(repository.commonDir, run));
  const above = repository.commonDir.replace(/\/[^/]*$/, '');
  for (const path of place.isMain ? [place.path, above] : [place.path]) {
    const git = path === '' ? undefined : await openOrNothing(ports, path);
    if (git?.repository.commonDir !== repository.commonDir) continue;
    if (isPlaceOf(ports.files, git.repository, run)) return git;
  }
  throw new OrchError(
    'ORCH_WORKTREE_GONE',
    `the work tree of run ${run} is gone: ${place.path} is no work tree of this repository`,
    {
      fix: place.isMain
        ? `cd to the main work tree of this repository, and the same again`
        : `git worktree repair, if it was moved; orch show ${run}: its checkpoints are on the branch orch/${run}`,
    },
  );
}

async function openOrNothing(ports: Ports, path: string): Promise<GitPort | undefined> {
  if (!ports.files.exists(`${path}/.`)) return undefined;
  try {
    return await ports.openGit(path);
  } catch (error) {
    if (error instanceof OrchError) return undefined;
    throw error;
  }
}
