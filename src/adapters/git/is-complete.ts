/**
 * Whether all of a new commit is there, given that all of older ones is.
 *
 * What was just written lies about as loose objects: then it is enough to look for the file of each. What
 * is elsewhere, or is no plain child of what is known, `git rev-list` walks.
 */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { parseCommit } from './commit-object.ts';
import { compareTrees, NO_MODE } from './compare-trees.ts';
import { type GitContext, runGit } from './git-program.ts';
import { hasLooseObject, readLooseObject } from './loose-objects.ts';
import { readObjects } from './read-objects.ts';
import { waitForGc } from './wait-for-gc.ts';

const SUBMODULE_MODE = '160000';

/** @see GitPort.isComplete */
export async function isComplete(
  context: GitContext,
  oid: Oid,
  known: readonly Oid[],
): Promise<boolean> {
  await waitForGc(context);
  if (await isLooseOn(context, oid, known).catch(isNoAnswer)) return true;
  const result = await runGit(context, {
    args: [
      'rev-list',
      '--objects',
      '--quiet',
      '--end-of-options',
      oid,
      ...known.map((each) => `^${each}`),
      '--',
    ],
    okCodes: [0, 1, 128],
  });
  return result.code === 0;
}

/** Something that is compared is missing: git has the last word. */
function isNoAnswer(error: unknown): false {
  if (error instanceof OrchError) return false;
  throw error;
}

/** Whether every object that the commit adds to its first parent is a loose one; false says nothing. */
async function isLooseOn(context: GitContext, oid: Oid, known: readonly Oid[]): Promise<boolean> {
  const { repository } = context;
  // From the disk: what is remembered need not be there any more.
  const object = readLooseObject(repository, oid);
  if (object?.type !== 'commit') return false;
  const { tree, parents } = parseCommit(oid, object.content);
  const [first] = parents;
  if (first === undefined || !parents.every((parent) => known.includes(parent))) return false;
  const base = (await readObjects(context, [first])).get(first);
  if (base?.type !== 'commit') return false;
  const from = parseCommit(first, base.content).tree;
  if (tree === from) return true;
  if (!hasLooseObject(repository, tree)) return false;
  const changes = await compareTrees(context, from, tree);
  return changes.every(
    ({ newMode, newOid }) =>
      newMode === NO_MODE || newMode === SUBMODULE_MODE || hasLooseObject(repository, newOid),
  );
}
