/**
 * Shows a merge that did not go to whoever is to settle it: the files hold both sides between markers,
 * and the index has the stages, as after `git merge`, so that git's own tools work there.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import type { GitPort, MergeConflict, Oid } from '../../ports/git.ts';
import { type BytePath, joinNul, splitNul, toBytePath, toText } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { lockIndex } from './index-lock.ts';
import { copyIndex } from './private-index.ts';
import { restoreWorkTree } from './restore-work-tree.ts';
import { makeTemporaryIndex } from './temporary-index.ts';
import { createWorkTreeFiles } from './work-tree-files.ts';

/**
 * @see GitPort.checkOutConflict
 * @throws OrchError ORCH_FILES_IN_THE_WAY, ORCH_INDEX_LOCKED
 */
export async function checkOutConflict(
  context: GitContext,
  { ours, result }: Parameters<GitPort['checkOutConflict']>[0],
): Promise<void> {
  const { repository } = context;
  const stages = await listStages(context, ours, result.tree, result.conflicts);
  await restoreWorkTree(createWorkTreeFiles(context), ours, result.tree, []);
  using lock = lockIndex(repository.gitDir);
  using fresh = makeTemporaryIndex(repository);
  // What is known of unchanged files stays known.
  copyIndex(join(repository.gitDir, 'index'), fresh.path);
  const index = fresh.path;
  await runGit(context, { args: ['read-tree', '--reset', result.tree], index });
  const args = ['update-index', '-z', '--index-info'];
  await runGit(context, { args, index, input: joinNul(stages) });
  // Exit code 1 only says that there are conflicts.
  await runGit(context, { args: ['update-index', '-q', '--refresh'], index, okCodes: [0, 1] });
  const writtenAt = Math.floor(statSync(index).mtimeMs / 1000);
  lock.replaceIndex(readFileSync(index), writtenAt);
}

/** For each conflicting path, the line that takes its one entry out, and one for each side that has it. */
async function listStages(
  context: GitContext,
  ours: Oid,
  tree: Oid,
  conflicts: readonly MergeConflict[],
): Promise<string[]> {
  const bytesOf = await findBytes(
    context,
    [ours, tree],
    conflicts.map(({ path }) => path),
  );
  return conflicts.flatMap((conflict) => {
    const path = bytesOf(conflict.path);
    const sides = [conflict.base, conflict.ours, conflict.theirs];
    const lines = sides.map((side, index) => {
      return side === null ? [] : [`${side.mode} ${side.oid} ${index + 1}\t${path}`];
    });
    return [`0 ${'0'.repeat(context.oidLength)}\t${path}`, ...lines.flat()];
  });
}

/** A path that is not UTF-8 has lost its bytes on the way here; the trees still know them. */
async function findBytes(
  context: GitContext,
  trees: readonly Oid[],
  paths: readonly string[],
): Promise<(path: string) => BytePath> {
  const names = new Map<string, BytePath>();
  if (paths.some((path) => path.includes('\u{fffd}'))) {
    for (const tree of trees) {
      const args = ['ls-tree', '-r', '-z', '--full-tree', '--name-only', '--end-of-options', tree];
      const { stdout } = await runGit(context, { args });
      for (const name of splitNul(stdout)) names.set(toText(name), name);
    }
  }
  return (path) => {
    const bytes = path.includes('\u{fffd}') ? names.get(path) : toBytePath(path);
    if (bytes !== undefined) return bytes;
    throw new OrchError('ORCH_GIT_FAILED', `no file of the merge is called ${path}`, {
      fix: 'give the file a name in UTF-8',
    });
  };
}
