/**
 * Before a run goes on: the branch must stand where the journal says. When it does not, the journal
 * was cut or the branch was moved, and to go on would do work again, or end in a refusal only when the
 * next checkpoint is made.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { branchOf } from '../checkpoint/layout.ts';
import { readTrailers } from '../checkpoint/message.ts';
import type { GitPort } from '../ports/git.ts';
import type { RunState } from '../run/state.ts';
import type { Frozen } from './frozen.ts';

/** Changes nothing. @throws OrchError ORCH_REF_MOVED */
export async function refuseIfBranchStrayed(
  git: GitPort,
  frozen: Pick<Frozen, 'commit_to'>,
  state: RunState,
): Promise<void> {
  const onCurrent = frozen.commit_to === 'current';
  const known = state.checkpoints.at(-1)?.commit ?? (onCurrent ? state.base : null);
  const found = onCurrent ? (await git.head()).oid : await git.resolve(branchOf(state.run));
  if (found === known || (await isOneAhead(git, found, state))) return;
  throw onCurrent ? currentMoved(state.run, known) : branchMoved(state.run, found, known);
}

/** A checkpoint that was being made when its process ended; whether it is whole is seen when it is made again. */
async function isOneAhead(git: GitPort, found: Oid | null, state: RunState): Promise<boolean> {
  const open = state.checkpointOpen;
  if (found === null || open === undefined) return false;
  const { parents, message } = await git.readCommit(found);
  const trailers = readTrailers(message);
  return (
    (parents[0] ?? null) === open.parent &&
    trailers?.run === state.run &&
    trailers.wave === open.wave
  );
}

function branchMoved(run: string, found: Oid | null, known: Oid | null): OrchError {
  const branch = `orch/${run}`;
  const keep = found === null ? [] : [`git branch -m ${branch} saved-${run}`];
  const back = known === null ? [] : [`git branch ${branch} ${known}`];
  return new OrchError(
    'ORCH_REF_MOVED',
    `the branch ${branch} is at ${found ?? 'nothing'}, and the journal of the run knows ${known ?? 'no checkpoint'}`,
    { fix: [...keep, ...back, `orch resume ${run}`].join(' && ') },
  );
}

function currentMoved(run: string, known: Oid | null): OrchError {
  return new OrchError(
    'ORCH_REF_MOVED',
    `the current branch is not at ${known ?? 'its start'}, where the run left it`,
    { fix: `git log --oneline; move it back to ${known ?? 'its start'}, then: orch resume ${run}` },
  );
}
