/**
 * Reads commits, trees and small files by their ids: from memory, from loose objects, and everything else
 * (packs, alternates, whatever does not hash to its name) from git.
 */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readLooseObject } from './loose-objects.ts';
import type { GitObject, ObjectType } from './tree-edit.ts';

/** @returns undefined when git has to be asked */
export function objectAtHand(context: GitContext, oid: Oid): GitObject | undefined {
  const known = context.memory.object(oid);
  if (known !== undefined) return known;
  const object = readLooseObject(context.repository, oid);
  if (object !== undefined) context.memory.keepObject(object);
  return object;
}

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
  for (const object of found.values()) context.memory.keepObject(object);
  return found;
}

/** @returns undefined when it did not say: a process of its own has the last word, and the words for it */
async function askReader({ reader }: GitContext, oid: Oid): Promise<GitObject | undefined> {
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
    const [, type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'commit' && type !== 'tree' && type !== 'blob') {
      throw new OrchError('ORCH_REPOSITORY_DAMAGED', `there is no object ${oid}`, {
        fix: 'git fsck',
      });
    }
    const end = lineEnd + 1 + Number(size);
    const object: GitObject = { oid, type, content: stdout.subarray(lineEnd + 1, end) };
    found.set(oid, object);
    at = end + 1;
  }
}
