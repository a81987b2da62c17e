/** Files that a crash left where orch keeps its own: stale locks and temporary files. Both go with --fix. */
import { join } from 'node:path';
import { OrchError } from '../base/errors.ts';
import { plural } from '../base/text.ts';
import type { FilesPort } from '../ports/files.ts';
import type { Repository } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { problem } from '../view/environment-findings.ts';
import type { Finding } from '../view/finding.ts';
import { acquireLock, staleLocks } from './lock.ts';
import { detachedFolder, orchFolder, runsFolder } from './run-files.ts';

/** Folders with locks whose holder is gone, and the paths of these locks. */
export function staleLockFolders(
  ports: Ports,
  { commonDir }: Repository,
): { readonly folder: string; readonly stale: readonly string[] }[] {
  const parents = [runsFolder(commonDir), `${orchFolder(commonDir)}/worktrees`];
  return parents
    .flatMap((parent) => ports.files.list(parent).map((name) => `${parent}/${name}`))
    .map((folder) => {
      const stale = staleLocks(ports.files, ports.processes, { folder, name: 'lock' });
      return { folder, stale };
    })
    .filter(({ stale }) => stale.length > 0);
}

export function findStaleLocks(ports: Ports, repository: Repository, fix: boolean): Finding[] {
  return staleLockFolders(ports, repository).map(({ folder, stale }) => {
    const at = { folder, name: 'lock' };
    const finding = problem(
      {
        check: 'lock',
        what: `a lock whose holder is gone: ${stale.join(', ')}`,
        why: 'its process was killed; the next command takes it over, so it is only untidy',
        fix: 'orch doctor --fix',
      },
      true,
    );
    return { ...finding, fixed: fix && removeStale(ports, at) };
  });
}

/** By taking the lock over and giving it back: nobody's fresh lock can be hit on the way. */
export function removeStale(
  ports: Ports,
  at: { readonly folder: string; readonly name: string },
): boolean {
  try {
    acquireLock(ports.files, ports.processes, { ...at, after: 0, what: 'doctor' })[
      Symbol.dispose
    ]();
    return true;
  } catch (error) {
    if (error instanceof OrchError && error.code === 'ORCH_LOCKED') return true; // Taken over meanwhile.
    throw error;
  }
}

export function findLeftFiles(files: FilesPort, repository: Repository, fix: boolean): Finding[] {
  const left = foldersOf(files, repository).flatMap((folder) => files.leftovers(folder));
  if (left.length === 0) return [];
  if (fix) for (const path of left) files.remove(path);
  const shown = left.slice(0, 5).join(', ');
  const finding = problem(
    {
      check: 'temporary',
      what: `${plural(left.length, 'temporary file')} left by a crash: ${shown}${left.length > 5 ? ', ...' : ''}`,
      why: 'they take space and mean nothing; no process uses them any more',
      fix: 'orch doctor --fix',
    },
    true,
  );
  return [{ ...finding, fixed: fix }];
}

/** Every folder in which orch puts whole files in place by way of a temporary one. */
export function foldersOf(files: FilesPort, { commonDir, gitDir, worktree }: Repository): string[] {
  const orch = orchFolder(commonDir);
  const below = (folder: string) => files.list(folder).map((name) => `${folder}/${name}`);
  const runs = below(runsFolder(commonDir));
  return [
    worktree,
    join(worktree, '.orch'),
    join(worktree, '.orch/workflows'),
    join(gitDir, 'orch/tmp'),
    orch,
    `${orch}/cache`,
    ...below(`${orch}/worktrees`),
    ...below(detachedFolder(commonDir)),
    ...runs.flatMap((run) => [run, `${run}/events`, `${run}/requests`]),
  ];
}
