/**
 * Reads commits, trees and small files by their ids: from memory, from loose objects, and everything else
 * (packs, alternates, whatever does not hash to its name) from git.
 */
import { OrchError } from '../../base/errors.ts';
import { oid as isOid } from '../../base/shape.ts';
import type { Oid } from '../../ports/git.ts';
import { parseCommit } from './commit-object.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readLooseObject } from './loose-objects.ts';
import type { GitObject, ObjectType } from './tree-edit.ts';

/** @throws OrchError ORCH_REPOSITORY_DAMAGED when one of them is not there */
export async function readObjects(
  context: GitContext,
  oids: readonly Oid[],
): Promise<ReadonlyMap<Oid, GitObject>> {
  const found = new Map<Oid, GitObject>();
  const missing = new Set<Oid>();
  for (const oid of oids) {
    const object = objectAtHand(context, oid);
    if (object === undefined) missing.add(oid);
    else found.set(oid, object);
  }
  const answers = await Promise.all([...missing].map((oid) => askReader(context, oid)));
  const unanswered = [...missing].filter((_, at) => answers[at] === undefined);
  for (const object of answers) if (object !== undefined) found.set(object.oid, object);
  if (unanswered.length > 0) await askForObjects(context, unanswered, found);
  // By its own id: a name may mean something else tomorrow.
  for (const object of found.values()) context.memory.keepObject(object);
  return found;
}

/**
 * The tree of a commit, or the tree itself.
 * @throws OrchError ORCH_GIT_FAILED for anything else, ORCH_REPOSITORY_DAMAGED when it is not there
 */
export async function treeOf(context: GitContext, oid: Oid): Promise<Oid> {
  const object = (await readObjects(context, [oid])).get(oid);
  if (object?.type === 'commit') return parseCommit(oid, object.content).tree;
  if (object?.type === 'tree') return object.oid;
  throw new OrchError('ORCH_GIT_FAILED', `${oid} is no commit and no tree`, { fix: 'git fsck' });
}

/** @returns undefined when git has to be asked */
function objectAtHand(context: GitContext, oid: Oid): GitObject | undefined {
  if (!isOid(oid)) return undefined;
  return context.memory.object(oid) ?? readLooseObject(context.repository, oid);
}

/** @returns undefined when it did not say: a process of its own has the last word, and the words for it */
async function askReader({ reader }: GitContext, oid: Oid): Promise<GitObject | undefined> {
  if (!isOid(oid)) return undefined;
  try {
    const answer = await reader.ask(oid);
    const isOne = answer?.type === 'commit' || answer?.type === 'tree' || answer?.type === 'blob';
    return answer && isOne
      ? { oid, type: answer.type as ObjectType, content: answer.content }
      : undefined;
  } catch {
    return undefined;
  }
}

async function askForObjects(
  context: GitContext,
  oids: readonly Oid[],
  found: Map<Oid, GitObject>,
): Promise<void> {
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch'],
    input: oids.map((oid) => `${oid}\n`).join(''),
  });
  let at = 0;
  for (const oid of oids) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const [of = '', type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'commit' && type !== 'tree' && type !== 'blob') {
      throw new OrchError('ORCH_REPOSITORY_DAMAGED', `there is no object ${oid}`, {
        fix: 'git fsck',
      });
    }
    const end = lineEnd + 1 + Number(size);
    found.set(oid, { oid: of, type, content: stdout.subarray(lineEnd + 1, end) });
    at = end + 1;
  }
}
