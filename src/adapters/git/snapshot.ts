/**
 * The work tree as a tree object, by way of a private index: what `git add -A && git write-tree`
 * would give, without touching the user's index, and without taking what must not be taken unnoticed.
 *
 * Three processes one after the other on the critical path: the scan (two side by side), the update
 * of the index, the writing of the tree. Left out and named are untracked files that are too large,
 * repositories inside the work tree, paths that were ignored when the run began, what was left out
 * then, and files that git was told not to look at.
 */
import { OrchError } from '../../base/errors.ts';
import type { LeftOut, Oid, Snapshot, SnapshotRequest } from '../../ports/git.ts';
import { type BytePath, joinNul, matchPaths, toText } from './byte-paths.ts';
import { askGit, type GitContext, runGit } from './git-program.ts';
import { matchKeptOut } from './kept-out.ts';
import {
  discardPrivateIndex,
  preparePrivateIndex,
  readFormerlyIgnored,
  readUnwatched,
} from './private-index.ts';
import { look, scanWorkTree, type WorkTreeChanges } from './scan-work-tree.ts';

/** Files come and go while they are looked at; after so many rounds something else is wrong. */
const MAX_ROUNDS = 4;

/** @see GitPort.snapshot */
export async function takeSnapshot(
  context: GitContext,
  request: SnapshotRequest,
): Promise<Snapshot> {
  try {
    return await writeSnapshot(context, request);
  } catch (error) {
    // The user's `git gc --prune=now` may have deleted objects that only this index names, and a
    // power cut may have left half an index. The user's own index cannot be poisoned like that.
    if (!isPoisoned(error)) throw error;
    discardPrivateIndex(request.index);
    return await writeSnapshot(context, request);
  }
}

function isPoisoned(error: unknown): boolean {
  return (
    error instanceof OrchError &&
    (error.code === 'ORCH_GIT_FAILED' || error.code === 'ORCH_REPOSITORY_DAMAGED') &&
    /invalid object|null sha1|error building trees|bad signature|index file (corrupt|smaller)|bad index|unable to read tree|unordered stage entries|sha1 signature/i.test(
      error.what,
    )
  );
}

async function writeSnapshot(context: GitContext, request: SnapshotRequest): Promise<Snapshot> {
  await preparePrivateIndex(context, request);
  const leftOut = await bringUpToDate(context, request);
  const { stdout } = await runGit(context, { args: ['write-tree'], index: request.index });
  return { tree: stdout.toString().trim(), leftOut };
}

async function bringUpToDate(
  context: GitContext,
  request: SnapshotRequest,
): Promise<readonly LeftOut[]> {
  for (let round = 1; ; round += 1) {
    const changes = withoutExcluded(await scanWorkTree(context, request.index), request.exclude);
    const { taken, leftOut } = chooseUntracked(context, request, changes);
    try {
      await updateIndex(context, request.index, changes, taken);
      return leftOut;
    } catch (error) {
      // A file that vanished or changed between the look and the reading is no failure.
      const isFile = error instanceof OrchError && error.code === 'ORCH_WORK_FILE_UNREADABLE';
      if (!isFile || round === MAX_ROUNDS) throw error;
    }
  }
}

function withoutExcluded(changes: WorkTreeChanges, exclude: readonly string[]): WorkTreeChanges {
  const isExcluded = matchPaths(exclude);
  const keep = (paths: readonly BytePath[]) => paths.filter((path) => !isExcluded(path));
  return {
    changed: keep(changes.changed),
    hidden: keep(changes.hidden),
    untracked: keep(changes.untracked),
    nestedRepositories: keep(changes.nestedRepositories),
  };
}

interface Choice {
  readonly taken: readonly BytePath[];
  readonly leftOut: readonly LeftOut[];
}

function chooseUntracked(
  context: GitContext,
  request: SnapshotRequest,
  changes: WorkTreeChanges,
): Choice {
  const wasIgnored = readFormerlyIgnored(request.ignoredAsIn ?? request.index);
  const keptOut = matchKeptOut(request.keepOut);
  const taken: BytePath[] = [];
  const leftOut: LeftOut[] = [];
  const named = new Set<string>();
  const leave = (entry: LeftOut) => {
    if (!named.has(entry.path)) leftOut.push(entry);
    named.add(entry.path);
  };
  for (const path of changes.nestedRepositories)
    leave(keptOut(path) ?? { path: toText(path), reason: 'nested_repository' });
  for (const path of changes.untracked) {
    const stats = look(context.repository.worktree, path);
    if (stats === undefined) continue;
    const kept = keptOut(path);
    if (kept !== undefined) leave(kept);
    else if (wasIgnored(path)) leave({ path: toText(path), reason: 'newly_unignored' });
    else if (stats.isFile() && stats.size > request.maxFileSizeBytes) {
      leave({ path: toText(path), reason: 'too_large', sizeBytes: stats.size });
    } else taken.push(path);
  }
  const isExcluded = matchPaths(request.exclude);
  for (const { path, reason } of readUnwatched(request.index)) {
    if (isExcluded(path) || look(context.repository.worktree, path) === undefined) continue;
    leave({ path: toText(path), reason });
  }
  return { taken, leftOut: leftOut.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

async function updateIndex(
  context: GitContext,
  index: string,
  changes: WorkTreeChanges,
  untracked: readonly BytePath[],
): Promise<void> {
  if (changes.hidden.length > 0) await removeEntries(context, index, changes.hidden);
  const paths = [...changes.changed, ...untracked];
  if (paths.length === 0) return;
  await runGit(context, {
    args: ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'],
    input: joinNul(paths),
    index,
  });
}

/** Takes paths out of an index without looking at the disk. */
async function removeEntries(
  context: GitContext,
  index: string,
  paths: readonly BytePath[],
): Promise<void> {
  const noObject = '0'.repeat(context.oidLength);
  await runGit(context, {
    args: ['update-index', '-z', '--index-info'],
    input: joinNul(paths.map((path) => `0 ${noObject}\t${path}`)),
    index,
  });
}

/** @see GitPort.userIndexTree */
export async function writeUserIndexTree(context: GitContext, copy: string): Promise<Oid | null> {
  const result = await runGit(context, { args: ['write-tree'], index: copy, okCodes: [0, 128] });
  if (result.code === 0) return result.stdout.toString().trim();
  // Only an unmerged index is an answer; asking again gives any other failure its own words.
  const unmerged = await runGit(context, { args: ['ls-files', '-u', '-z'], index: copy });
  if (unmerged.stdout.length > 0) return null;
  return await askGit(context, 'write-tree');
}
