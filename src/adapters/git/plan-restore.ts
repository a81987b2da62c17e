/**
 * What has to change in the work tree to go from one tree to another, and what stands in the way.
 *
 * Git's own `read-tree -u` and `checkout -f` delete an ignored file without a word when the target
 * has something at its path. Here nothing is lost that no tree holds: such files are found first.
 */
import { readdirSync } from 'node:fs';
import { OrchError } from '../../base/errors.ts';
import type { Change, Oid } from '../../ports/git.ts';
import {
  absolutePath,
  type BytePath,
  joinNul,
  matchPaths,
  parentFolders,
  splitNul,
  toText,
} from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { diffTreesBytes } from './read-history.ts';
import { look } from './scan-work-tree.ts';
import { makeTemporaryIndex } from './temporary-index.ts';

const SUBMODULE_MODE = '160000';

/** An entry of an index to be: what belongs at a path. */
export interface Entry {
  readonly path: BytePath;
  readonly mode: string;
  readonly oid: Oid;
}

export interface RestorePlan {
  /** Paths of the old tree that the new one does not have. */
  readonly deleted: readonly BytePath[];
  readonly written: readonly Entry[];
  /** Of `written`, those of which the old tree has no file. */
  readonly added: ReadonlySet<BytePath>;
}

/** @param exclude files or folders that are neither written nor deleted */
export async function planRestore(
  context: GitContext,
  from: Oid,
  to: Oid,
  exclude: readonly string[],
): Promise<RestorePlan> {
  const isExcluded = matchPaths(exclude);
  const all = await diffTreesBytes(context, from, to);
  const changes = all.filter((change) => !isExcluded(change.path) && !isSubmoduleMove(change));
  const written = changes.filter((change) => change.status !== 'deleted');
  return {
    deleted: changes.filter(({ status }) => status === 'deleted').map(({ path }) => path),
    written: written.map(({ path, newMode, newOid }) => ({ path, mode: newMode, oid: newOid })),
    added: new Set(
      written
        .filter(({ status, oldMode }) => status === 'added' || oldMode === SUBMODULE_MODE)
        .map(({ path }) => path),
    ),
  };
}

/** Which commit a submodule has checked out is its own business. */
function isSubmoduleMove({ oldMode, newMode }: Change): boolean {
  return oldMode === SUBMODULE_MODE && newMode === SUBMODULE_MODE;
}

/** @see GitPort.inTheWay */
export async function findInTheWay(context: GitContext, plan: RestorePlan): Promise<BytePath[]> {
  const top = context.repository.worktree;
  const known = new Set([...plan.deleted, ...plan.written.map(({ path }) => path)]);
  for (const path of plan.added) known.delete(path);
  const blockers = new Set<BytePath>();
  const occupied: Entry[] = [];
  for (const entry of plan.written) {
    for (const parent of parentFolders(entry.path)) {
      const stats = look(top, parent);
      if (stats !== undefined && !stats.isDirectory() && !known.has(parent)) blockers.add(parent);
    }
    const stats = look(top, entry.path);
    if (stats === undefined) continue;
    if (stats.isDirectory()) {
      for (const path of foreignFiles(top, entry, known)) blockers.add(path);
    } else if (plan.added.has(entry.path)) occupied.push(entry);
  }
  for (const path of await findDifferent(context, occupied)) blockers.add(path);
  return [...blockers].sort();
}

/** Files below a folder that has to make room for a file, as far as no tree holds them. */
function foreignFiles(top: string, entry: Entry, known: ReadonlySet<BytePath>): BytePath[] {
  if (entry.mode === SUBMODULE_MODE) return [];
  return listBelow(top, entry.path).filter((path) => !known.has(path));
}

/** Everything below a folder that is not a folder itself; symbolic links are not followed. */
function listBelow(top: string, folder: BytePath): BytePath[] {
  const names = readdirSync(absolutePath(top, folder), {
    encoding: 'latin1',
    withFileTypes: true,
  });
  return names.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listBelow(top, path) : [path];
  });
}

/** @returns those entries whose file on disk is not what the entry says, filters and modes applied */
async function findDifferent(context: GitContext, entries: readonly Entry[]): Promise<BytePath[]> {
  if (entries.length === 0) return [];
  using index = makeTemporaryIndex(context.repository);
  await fillIndex(context, index.path, entries);
  // Exit code 1 only says that some differ.
  await runGit(context, {
    args: ['update-index', '-q', '--refresh'],
    index: index.path,
    okCodes: [0, 1],
  });
  const { stdout } = await runGit(context, {
    args: ['diff-files', '--name-only', '-z', '--no-renames'],
    index: index.path,
  });
  return [...new Set(splitNul(stdout))];
}

/** Puts entries into an index without looking at the disk. */
export async function fillIndex(
  context: GitContext,
  index: string,
  entries: readonly Entry[],
): Promise<void> {
  await runGit(context, {
    args: ['update-index', '-z', '--index-info'],
    input: joinNul(entries.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}`)),
    index,
  });
}

export function filesInTheWay(paths: readonly BytePath[]): OrchError {
  const shown = paths.map(toText);
  const what =
    `${shown.length === 1 ? 'a file that no checkpoint holds is' : `${shown.length} files that no checkpoint holds are`}` +
    ` in the way: ${shown.slice(0, 10).join(', ')}${shown.length > 10 ? ', ...' : ''}`;
  const name = shown[0] ?? '';
  return new OrchError('ORCH_FILES_IN_THE_WAY', what, {
    fix: `mv -- '${name.replaceAll("'", "'\\''")}' ..  (or delete what is not needed)`,
  });
}
