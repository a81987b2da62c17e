/** Refs: what a name means, and changes of many of them as one transaction. */
import type { Head, Oid, RefUpdate } from '../../ports/git.ts';
import { joinNul, toBytePath } from './byte-paths.ts';
import { explainGitFailure, refMoved } from './git-failure.ts';
import { type GitContext, runGit } from './git-program.ts';
import { hasLooseObject } from './loose-objects.ts';
import { readLooseRef } from './loose-refs.ts';

export async function readHead(context: GitContext): Promise<Head> {
  const [oid, symbolic] = await Promise.all([
    resolveRevision(context, 'HEAD'),
    runGit(context, { args: ['symbolic-ref', '-q', 'HEAD'], okCodes: [0, 1] }),
  ]);
  return { oid, ref: symbolic.code === 0 ? symbolic.stdout.toString().trim() : null };
}

/** @returns the object that a revision names, if it is there */
export async function resolveRevision(context: GitContext, revision: string): Promise<Oid | null> {
  const oid = readLooseRef(context, revision);
  if (oid !== undefined && hasLooseObject(context.repository, oid)) return oid;
  // ^{object} makes git look: it takes any 40 hex digits for an object otherwise.
  const looked = revision.includes(':') ? revision : `${revision}^{object}`;
  const args = ['rev-parse', '--verify', '-q', '--end-of-options', looked];
  const result = await runGit(context, { args, okCodes: [0, 1, 128] });
  if (/not a git repository/.test(result.stderr)) {
    throw explainGitFailure(args, result, context.repository);
  }
  return result.code === 0 ? result.stdout.toString().trim() : null;
}

/** @param prefix a ref, or the folder of refs with or without its final `/` */
export async function listRefs(
  context: GitContext,
  prefix: string,
): Promise<{ ref: string; oid: Oid }[]> {
  const { stdout } = await runGit(context, {
    args: ['for-each-ref', '--format=%(objectname) %(refname)', '--', prefix],
  });
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      oid: line.slice(0, context.oidLength),
      ref: line.slice(context.oidLength + 1),
    }));
}

/** @see GitPort.updateRefs */
export async function updateRefs(
  context: GitContext,
  updates: readonly RefUpdate[],
  reason = 'orch',
): Promise<void> {
  if (updates.length === 0) return;
  const lines = updates.flatMap((update) => formatUpdate(update, context.oidLength));
  await runGit(context, {
    // No log of orch's own refs is begun: a name in it of what was made again is damage to `git fsck`.
    settings: ['core.logAllRefUpdates=false'],
    args: ['update-ref', '-m', reason, '--stdin', '-z'],
    input: joinNul(lines.map(toBytePath)),
    isDone: () => areAt(context, updates),
  });
}

async function areAt(context: GitContext, updates: readonly RefUpdate[]): Promise<boolean> {
  for (const { ref, to } of updates) {
    if ((await resolveRevision(context, ref)) !== to) return false;
  }
  return true;
}

/** One command and its fields, as `update-ref --stdin -z` reads them. */
function formatUpdate(update: RefUpdate, oidLength: number): string[] {
  const nothing = '0'.repeat(oidLength);
  const { ref, to, from } = update;
  if (!/^(HEAD|refs\/[^\0\n]+)$/.test(ref)) throw refMoved(`${JSON.stringify(ref)} is no ref`);
  // An empty old value means "whatever it is"; a null one says that the ref must not exist.
  const expected = from === undefined ? '' : (from ?? nothing);
  if (to !== null) return [`update ${ref}`, to, expected];
  return from === null ? [`verify ${ref}`, nothing] : [`delete ${ref}`, expected];
}
