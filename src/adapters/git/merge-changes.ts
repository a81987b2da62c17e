/**
 * Brings what one side has changed since a base to the other side, as trees alone.
 *
 * A merge is one `git merge-tree`, in a place made for it (merge-place.ts says why). Moved folders are
 * not guessed at: a file that one side adds to a folder which the other one renames stays where it was
 * added, where git would call it a conflict.
 */
import { OrchError } from '../../base/errors.ts';
import type { MergeRequest, MergeResult, Oid } from '../../ports/git.ts';
import { type BytePath, splitNul, toText } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { createAttributeReader } from './merge-attributes.ts';
import { type MergeOutput, parseMergeOutput } from './merge-output.ts';
import { type MergedTrees, type MergePlace, makeMergePlace } from './merge-place.ts';
import { planSettlement } from './plan-settlement.ts';
import { diffTreesBytes } from './read-history.ts';
import { treeOf } from './read-objects.ts';
import { writeEditedTree } from './write-objects.ts';

type Favor = NonNullable<MergeRequest['favor']>;

/** Merges for one repository; remembers the attributes of the last `ours`. @see GitPort.mergeChanges */
export function createMerger(context: GitContext): (request: MergeRequest) => Promise<MergeResult> {
  const readAttributes = createAttributeReader(context);
  return async (request) => {
    const base = await treeOf(context, request.base);
    const ours = await treeOf(context, request.ours);
    const theirs = await treeOf(context, request.theirs);
    if (theirs === base || theirs === ours) return cleanResult(ours);
    if (ours === base) return cleanResult(theirs);
    const trees = { base, ours, theirs };
    using place = makeMergePlace(context, trees, await readAttributes(ours));
    const output = await runMerge(context, place);
    if (output.conflicts.length === 0) return cleanResult(output.tree);
    const tree =
      request.favor === undefined
        ? output.tree
        : await settle(context, trees, output, place.names, request.favor);
    return {
      tree,
      conflicts: output.conflicts.map((each) => ({ ...each, path: toText(each.path) })),
      // Where git has nothing to choose from, there is nothing to take either.
      isOpen:
        request.favor === undefined ||
        output.conflicts.some((each) => !each.base && !each.ours && !each.theirs),
    };
  };
}

function cleanResult(tree: Oid): MergeResult {
  return { tree, conflicts: [], isOpen: false };
}

/** Exit code 1 says conflicts. */
async function runMerge(context: GitContext, { call, names }: MergePlace): Promise<MergeOutput> {
  const { code, stdout } = await runGit(context, {
    ...call,
    args: ['merge-tree', '--write-tree', '-z', '--end-of-options', names.ours, names.theirs],
    settings: ['merge.directoryRenames=false'],
    okCodes: [0, 1],
  });
  const output = parseMergeOutput(stdout);
  if ((code === 0) === (output.conflicts.length === 0)) return output;
  const words = stdout.toString().replaceAll('\0', ' ').trim();
  throw new OrchError('ORCH_GIT_FAILED', `git merge-tree ended with ${code} and said: ${words}`, {
    fix: 'orch doctor',
  });
}

async function settle(
  context: GitContext,
  trees: MergedTrees,
  output: MergeOutput,
  names: MergePlace['names'],
  favor: Favor,
): Promise<Oid> {
  const other = favor === 'ours' ? trees.theirs : trees.ours;
  const [favored, others, merged, moves] = await Promise.all([
    diffTreesBytes(context, trees.base, trees[favor]),
    diffTreesBytes(context, trees.base, other),
    diffTreesBytes(context, trees.base, output.tree),
    findMoves(context, trees.base, other),
  ]);
  const edits = planSettlement({
    favor,
    conflicts: output.conflicts,
    changes: { favored, other: others, merged },
    moves,
    names: Object.values(names),
  });
  return await writeEditedTree(context, output.tree, edits);
}

/** @returns the old path of each file that was moved, by its new path */
async function findMoves(
  context: GitContext,
  from: Oid,
  to: Oid,
): Promise<ReadonlyMap<BytePath, BytePath>> {
  const { stdout } = await runGit(context, {
    // As many as a merge compares.
    args: [
      'diff-tree',
      '-r',
      '-z',
      '-M',
      '-l7000',
      '--diff-filter=R',
      '--name-status',
      from,
      to,
      '--',
    ],
  });
  const fields = splitNul(stdout);
  const moves = new Map<BytePath, BytePath>();
  for (let i = 0; i + 2 < fields.length; i += 3)
    moves.set(fields[i + 2] ?? '', fields[i + 1] ?? '');
  return moves;
}
