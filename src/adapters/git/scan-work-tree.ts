/**
 * What differs between the work tree and a private index, found by two git processes side by side.
 *
 * Measured at 50,000 files on 2 cores: `diff-files` beside `ls-files -o` 55 ms, `status -uall` 58 ms,
 * `ls-files -o -m -d -t` 85 ms (it does not preload the index in threads), `add -A` 74 ms. The pair is
 * taken although `status` is as quick, because it does not read HEAD and names every untracked file.
 *
 * This file only looks. Which paths are then taken is decided in snapshot.ts.
 */
import { lstatSync, type Stats } from 'node:fs';
import { hasErrno } from '../../base/errors.ts';
import { absolutePath, type BytePath, parentFolders, splitNul } from './byte-paths.ts';
import { unreadableFile } from './git-failure.ts';
import { type GitContext, type GitResult, runGit } from './git-program.ts';

export interface WorkTreeChanges {
  /** Tracked and changed, or gone, in the way that `update-index` understands by looking itself. */
  readonly changed: readonly BytePath[];
  /** Tracked and gone, where looking misleads: the path now leads through a symbolic link. */
  readonly hidden: readonly BytePath[];
  /** Neither tracked nor ignored. */
  readonly untracked: readonly BytePath[];
  /** Repositories inside the work tree that are no submodules; without the final `/`. */
  readonly nestedRepositories: readonly BytePath[];
}

/** @throws OrchError ORCH_WORK_FILE_UNREADABLE when a folder or file cannot be looked at */
export async function scanWorkTree(context: GitContext, index: string): Promise<WorkTreeChanges> {
  const [tracked, others] = await Promise.all([
    runGit(context, {
      args: ['diff-files', '--name-status', '-z', '--no-renames', '--ignore-submodules=dirty'],
      index,
    }),
    runGit(context, { args: ['ls-files', '-z', '-o', '--exclude-standard'], index }),
  ]);
  refuseBlindSpots(tracked);
  refuseBlindSpots(others);
  const changes = sortTracked(context.repository.worktree, splitNul(tracked.stdout));
  const names = splitNul(others.stdout);
  const nested = names.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1));
  return {
    changed: changes.changed,
    hidden: changes.hidden,
    untracked: names.filter((name) => !name.endsWith('/')),
    nestedRepositories: [...new Set([...nested, ...changes.nested])],
  };
}

/** Git walks on past what it cannot open and only says so; here that would be a silent loss. */
function refuseBlindSpots(result: GitResult): void {
  const complaint = result.stderr
    .split('\n')
    // What has vanished since it was listed is gone, and that is all there is to say.
    .filter((line) => !/No such file or directory|Not a directory/.test(line))
    .find((line) => /could not open directory|Permission denied|Input\/output error/.test(line));
  if (complaint === undefined) return;
  const path = /'(.*)'/.exec(complaint)?.[1] ?? complaint.replace(/^[a-z]+: /, '').split(':')[0];
  throw unreadableFile(path ?? complaint, complaint);
}

interface TrackedChanges {
  readonly changed: BytePath[];
  readonly hidden: BytePath[];
  readonly nested: BytePath[];
}

/** @param fields status and path in turn, as `diff-files --name-status -z` prints them */
function sortTracked(top: string, fields: readonly string[]): TrackedChanges {
  const gone: BytePath[] = [];
  const hidden: BytePath[] = [];
  const nested: BytePath[] = [];
  // An unmerged path is named more than once.
  const there = new Set<BytePath>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const path = fields[i + 1] ?? '';
    if (fields[i] === 'D') (isBeyondLink(top, path) ? hidden : gone).push(path);
    else if (fields[i] === 'T' && look(top, path)?.isDirectory() === true) {
      // A file that became a folder counts as changed, not gone, when the folder is a repository.
      gone.push(path);
      nested.push(path);
    } else there.add(path);
  }
  // What is gone comes first: a folder can only take the place of a file that has left the index.
  return { changed: [...gone, ...there], hidden, nested };
}

function isBeyondLink(top: string, path: BytePath): boolean {
  for (const parent of parentFolders(path)) {
    if (look(top, parent)?.isSymbolicLink() === true) return true;
  }
  return false;
}

/** Does not follow symbolic links. @returns undefined when there is nothing at this path */
export function look(top: string, path: BytePath): Stats | undefined {
  try {
    return lstatSync(absolutePath(top, path), { throwIfNoEntry: false });
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
