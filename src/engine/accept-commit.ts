/** The commit at which a branch stands after `orch accept`; nothing refers to it yet. */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { conflicting, notFastForward } from '../checkpoint/accept.ts';
import { acceptMessage } from '../checkpoint/message.ts';
import type { GitPort } from '../ports/git.ts';
import type { AcceptHow } from '../run/events.ts';
import type { Checkpoint } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';

/**
 * @param head where the current branch stands
 * @throws OrchError ORCH_NOT_FAST_FORWARD, ORCH_MERGE_CONFLICT, with nothing changed
 */
export async function makeCommit(
  run: LiveRun,
  how: AcceptHow,
  head: Oid | null,
  checkpoint: Checkpoint,
): Promise<Oid> {
  const { git } = run.parts;
  const { state } = run;
  const target = checkpoint.commit;
  if (how === 'ff' && head !== state.base) throw notFastForward(state.run);
  if (how === 'ff' || (head === null && how === 'merge')) return target;
  const tree = await mergedTree(run, head, target);
  const parents = [...(head === null ? [] : [head]), ...(how === 'merge' ? [target] : [])];
  const { run: id, workflow } = state;
  const facts = { run: id, workflow: workflow.name, wave: checkpoint.wave, checkpoint: target };
  return await git.commit({ tree, parents, message: acceptMessage(facts) });
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
