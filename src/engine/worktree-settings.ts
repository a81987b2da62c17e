/**
 * From `worktree` in config.yaml to what the pool of worktrees wants to know: above all, where it lies.
 *
 * Not below a `.git` and not inside the repository: test runners and searches leave out the one, and
 * would find every file again and again in the other.
 */
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { OrchError } from '../base/errors.ts';
import type { FilesPort } from '../ports/files.ts';
import type { Repository } from '../ports/git.ts';
import type { WorktreeSettings } from '../ports/worktrees.ts';
import type { Config } from '../workflow/config-schema.ts';

/**
 * @param env of orch: HOME and XDG_CACHE_HOME
 * @throws OrchError ORCH_INVALID_VALUE for a root that may not be
 */
export function worktreeSettings(
  files: FilesPort,
  { worktree }: Config,
  env: Readonly<Record<string, string | undefined>>,
  repository: Repository,
): WorktreeSettings {
  const { root: written, include, setup, ports } = worktree;
  const root = written === undefined ? defaultRoot(env) : expandHome(written, env);
  const absolute = resolve(topOf(repository), root);
  refuseRoot(realPath(files, absolute), repository);
  return { root: absolute, include, ...(setup === undefined ? {} : { setup }), ports };
}

function defaultRoot(env: Readonly<Record<string, string | undefined>>): string {
  const cache = env['XDG_CACHE_HOME'];
  // Its specification says that a relative one is to be ignored.
  if (cache !== undefined && isAbsolute(cache)) return join(cache, 'orch');
  return join(homeOf(env), '.cache', 'orch');
}

function expandHome(path: string, env: Readonly<Record<string, string | undefined>>): string {
  return path === '~' || path.startsWith('~/') ? join(homeOf(env), path.slice(1)) : path;
}

function homeOf(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['HOME'];
  if (home !== undefined && isAbsolute(home)) return home;
  throw new OrchError('ORCH_INVALID_VALUE', 'there is no HOME to keep worktrees in', {
    fix: 'set worktree.root in .orch/config.yaml to an absolute path',
  });
}

/** Of the main work tree where there is one, so that all work trees of a repository mean the same place. */
function topOf({ commonDir, worktree }: Repository): string {
  return commonDir.endsWith(`${sep}.git`) ? dirname(commonDir) : worktree;
}

/** Resolves links in the part of a path that exists. */
function realPath(files: FilesPort, path: string): string {
  let real: string = sep;
  for (const part of path.split(sep)) {
    real = join(real, part);
    real = files.linkTarget(real) ?? real;
  }
  return real;
}

function refuseRoot(root: string, repository: Repository): void {
  const fix = 'set worktree.root in .orch/config.yaml to a folder outside, such as ~/worktrees';
  const { commonDir, gitDir } = repository;
  const isInGit = root.split(sep).includes('.git') || [commonDir, gitDir].some(isAbove(root));
  if (isInGit) {
    throw new OrchError('ORCH_INVALID_VALUE', `worktrees cannot lie in a .git folder: ${root}`, {
      fix,
    });
  }
  const top = [repository.worktree, topOf(repository)].find(isAbove(root));
  if (top !== undefined) {
    throw new OrchError(
      'ORCH_INVALID_VALUE',
      `worktrees cannot lie inside the repository ${top}: ${root}`,
      { fix },
    );
  }
}

function isAbove(path: string): (folder: string) => boolean {
  return (folder) => path === folder || path.startsWith(`${folder}${sep}`);
}
