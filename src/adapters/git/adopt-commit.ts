/**
 * Moves the current branch and the user's index to a commit whose files are already in the work tree.
 * `git merge` and `git reset` would refuse or rewrite the files.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { IndexMove, Oid } from '../../ports/git.ts';
import { type BytePath, joinNul, matchPaths, splitNul } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { lockIndex } from './index-lock.ts';
import { copyIndex } from './private-index.ts';
import { diffTreesBytes } from './read-history.ts';
import { readHead, updateRefs } from './refs.ts';
import { makeTemporaryIndex } from './temporary-index.ts';

/**
 * @see GitPort.adoptCommit
 * @throws OrchError ORCH_INDEX_LOCKED when another git holds the index, ORCH_REF_MOVED when HEAD is
 *   neither at `expectedHead` nor, after a crash, at `commit` already
 */
export async function adoptCommit(
  context: GitContext,
  commit: Oid,
  expectedHead: Oid | null,
  move?: IndexMove,
): Promise<void> {
  const { repository } = context;
  using lock = lockIndex(repository.gitDir);
  using fresh = makeTemporaryIndex(repository);
  // The user's index is the start, so that stat data and sparse entries of unchanged files stay.
  copyIndex(join(repository.gitDir, 'index'), fresh.path);
  if (move) await moveEntries(context, fresh.path, move);
  else await resetEntries(context, fresh.path, commit);
  const head = await readHead(context);
  if (head.oid !== commit) {
    const update = { ref: 'HEAD', to: commit, from: expectedHead };
    await updateRefs(context, [update], 'orch: accept');
  }
  const writtenAt = Math.floor(statSync(fresh.path).mtimeMs / 1000);
  lock.replaceIndex(readFileSync(fresh.path), writtenAt);
}

async function resetEntries(context: GitContext, index: string, commit: Oid): Promise<void> {
  const assumed = await listAssumedUnchanged(context, index);
  // `read-tree` refuses to touch an entry that is assumed unchanged when its file has changed after all.
  await mark(context, index, '--no-assume-unchanged', assumed);
  await runGit(context, { args: ['read-tree', '--reset', '--end-of-options', commit], index });
  await refresh(context, index);
  const left = await stillTracked(context, index, assumed);
  await mark(context, index, '--assume-unchanged', left);
}

async function moveEntries(
  context: GitContext,
  index: string,
  { from, to, exclude }: IndexMove,
): Promise<void> {
  const isExcluded = matchPaths(exclude);
  const changes = await diffTreesBytes(context, from, to);
  const noObject = '0'.repeat(context.oidLength);
  const gone: string[] = [];
  const there: string[] = [];
  for (const { path, status, newMode, newOid } of changes) {
    if (isExcluded(path)) continue;
    if (status === 'deleted') gone.push(`0 ${noObject}\t${path}`);
    else there.push(`${newMode} ${newOid}\t${path}`);
  }
  if (gone.length + there.length > 0) {
    // First what goes: a folder may come where a file was.
    const input = joinNul([...gone, ...there]);
    await runGit(context, { args: ['update-index', '-z', '--index-info'], input, index });
  }
  await refresh(context, index);
}

async function refresh(context: GitContext, index: string): Promise<void> {
  await runGit(context, { args: ['update-index', '-q', '--refresh'], index, okCodes: [0, 1] });
}

async function listAssumedUnchanged(context: GitContext, index: string): Promise<BytePath[]> {
  const { stdout } = await runGit(context, { args: ['ls-files', '-v', '-z'], index });
  return splitNul(stdout)
    .filter((line) => /^[a-z] /.test(line))
    .map((line) => line.slice('h '.length));
}

async function stillTracked(
  context: GitContext,
  index: string,
  paths: readonly BytePath[],
): Promise<BytePath[]> {
  if (paths.length === 0) return [];
  const { stdout } = await runGit(context, { args: ['ls-files', '-z'], index });
  const tracked = new Set(splitNul(stdout));
  return paths.filter((path) => tracked.has(path));
}

async function mark(
  context: GitContext,
  index: string,
  flag: '--assume-unchanged' | '--no-assume-unchanged',
  paths: readonly BytePath[],
): Promise<void> {
  if (paths.length === 0) return;
  await runGit(context, {
    args: ['update-index', flag, '-z', '--stdin'],
    input: joinNul(paths),
    index,
  });
}
