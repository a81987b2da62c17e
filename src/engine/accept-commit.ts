/** The commit at which a branch stands after `orch accept`; nothing refers to it yet. */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { conflicting, notApart, notFastForward } from '../checkpoint/accept-refusals.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import { acceptMessage } from '../checkpoint/message.ts';
import type { GitPort } from '../ports/git.ts';
import type { AcceptHow } from '../run/events.ts';
import type { Checkpoint } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { originOf } from './origin-of-run.ts';
import { sealedTreeOf } from './roll-back.ts';

export interface CommitWanted {
  readonly how: AcceptHow;
  /** Where the current branch stands. */
  readonly head: Oid | null;
  readonly checkpoint: Checkpoint;
  /** Without what was uncommitted when the run began; only a squash can be so. */
  readonly apart: boolean;
}

/**
 * @throws OrchError ORCH_NOT_FAST_FORWARD, ORCH_MERGE_CONFLICT, with nothing changed
 */
export async function makeCommit(
  run: LiveRun,
  { how, head, checkpoint, apart }: CommitWanted,
): Promise<Oid> {
  const { git } = run.parts;
  const { state } = run;
  const target = checkpoint.commit;
  if (how === 'ff' && head !== (await originOf(run)).base) throw notFastForward(state.run);
  if (how === 'ff' || (head === null && how === 'merge')) return target;
  const tree = apart ? await treeApart(run, head, checkpoint) : await mergedTree(run, head, target);
  const parents = [...(head === null ? [] : [head]), ...(how === 'merge' ? [target] : [])];
  const { run: id, workflow } = state;
  const facts = { run: id, workflow: workflow.name, wave: checkpoint.wave, checkpoint: target };
  return await git.commit({ tree, parents, message: acceptMessage(facts) });
}

/** The current branch with what the run changed, and nothing of what it began on. */
async function treeApart(run: LiveRun, head: Oid | null, checkpoint: Checkpoint): Promise<Oid> {
  const { git } = run.parts;
  const { tree: base } = await originOf(run);
  const theirs = await sealedTreeOf(run, checkpoint);
  const ours = head ?? (await git.emptyTree());
  const { tree, conflicts } = await git.mergeChanges({ base, ours, theirs });
  const paths = conflicts.map(({ path }) => path);
  if (paths.length > 0) throw notApart(run.state.run, paths);
  return await withRecord(run, tree, checkpoint);
}

/** With the record of the run, as every commit that is brought has it. */
async function withRecord(run: LiveRun, tree: Oid, { commit }: Checkpoint): Promise<Oid> {
  const { git } = run.parts;
  const files = await git.listFiles(commit, committedFolder(run.state.run));
  const contents = files.map(({ path, mode, oid }) => [path, { mode, oid }] as const);
  return await git.treeWithFiles(tree, new Map(contents));
}

async function mergedTree(run: LiveRun, head: Oid | null, target: Oid): Promise<Oid> {
  const { git } = run.parts;
  if (head === null || (await git.isAncestor(head, target)))
    return (await git.readCommit(target)).tree;
  const merged = await mergeOf(git, head, target);
  if ('tree' in merged) return merged.tree;
  throw conflicting(run.state.run, merged.conflicts);
}

/** Histories without a common commit count as a conflict without paths. */
async function mergeOf(git: GitPort, head: Oid, target: Oid): ReturnType<GitPort['mergeTrees']> {
  try {
    return await git.mergeTrees(head, target);
  } catch (error) {
    if (error instanceof OrchError && /unrelated histories/.test(error.message))
      return { conflicts: [] };
    throw error;
  }
}
