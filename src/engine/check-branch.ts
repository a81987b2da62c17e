/**
 * Before a run goes on: the branch must stand where the journal says. When it does not, the journal
 * was cut or the branch was moved, and to go on would do work again, or end in a refusal only when the
 * next checkpoint is made.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { branchOf } from '../checkpoint/layout.ts';
import { readTrailers } from '../checkpoint/message.ts';
import type { GitPort, Head } from '../ports/git.ts';
import type { RunState } from '../run/state.ts';
import type { Frozen } from './frozen.ts';

/** Changes nothing. @throws OrchError ORCH_REF_MOVED */
export async function refuseIfBranchStrayed(
  git: GitPort,
  frozen: Pick<Frozen, 'commit_to' | 'branch'>,
  state: RunState,
): Promise<void> {
  const onCurrent = frozen.commit_to === 'current';
  const known = state.checkpoints.at(-1)?.commit ?? (onCurrent ? state.base : null);
  const head = await git.head();
  const found = onCurrent ? head.oid : await git.resolve(branchOf(state.run));
  if (found === known || (await isOneAhead(git, found, state))) return;
  throw onCurrent
    ? currentMoved(state.run, frozen, head, known)
    : branchMoved(state.run, found, known);
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
  return new OrchError(
    'ORCH_REF_MOVED',
    `the branch orch/${run} is at ${found ?? 'nothing'}, and the journal of the run knows ${known ?? 'no checkpoint'}`,
    { fix: moveBranchBack(run, found, known) },
  );
}

/** What stands there now gets a name of its own first. */
export function moveBranchBack(run: string, found: Oid | null, known: Oid | null): string {
  const branch = `orch/${run}`;
  const keep = found === null ? [] : [`git branch -m ${branch} saved-${run}`];
  const back = known === null ? [] : [`git branch ${branch} ${known}`];
  return [...keep, ...back, `orch resume ${run}`].join(' && ');
}

function currentMoved(
  run: string,
  { branch }: Pick<Frozen, 'branch'>,
  head: Head,
  known: Oid | null,
): OrchError {
  const name = branch?.replace('refs/heads/', '');
  const isElsewhere = name !== undefined && head.ref !== branch;
  return new OrchError(
    'ORCH_REF_MOVED',
    `the current branch is not at ${known ?? 'its start'}, where the run left it`,
    {
      fix: isElsewhere
        ? `git switch ${name} && orch resume ${run}`
        : moveCurrentBack(run, head.oid, known),
    },
  );
}

/** Only the branch moves: index and files stay, and what was committed meanwhile keeps a name. */
export function moveCurrentBack(run: string, found: Oid | null, known: Oid | null): string {
  const keep = found === null ? [] : [`git branch saved-${run}`];
  const back = known === null ? 'git update-ref -d HEAD' : `git reset --soft ${known}`;
  return [...keep, back, `orch resume ${run}`].join(' && ');
}
