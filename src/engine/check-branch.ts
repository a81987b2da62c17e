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
  const head = onCurrent ? await git.head() : undefined;
  if (head) refuseIfSwitched(state.run, head, frozen);
  const found = head ? head.oid : await git.resolve(branchOf(state.run));
  if (found === known || (await isOneAhead(git, found, state))) return;
  throw head ? currentMoved(state.run, head, known) : branchMoved(state.run, found, known);
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

/** For a run with `--commit-to current`. @param known where the run left the branch */
export function currentMoved(run: string, head: Head, known: Oid | null): OrchError {
  return new OrchError(
    'ORCH_REF_MOVED',
    `${shortName(head.ref)} is not at ${known ?? 'its start'}, where run ${run} left it: something else has committed there`,
    {
      fix: `${moveCurrentBack(run, head.oid, known)}; or give it up: orch cancel ${run}, which leaves the branch alone`,
    },
  );
}

/** Only the branch moves: index and files stay, and what was committed meanwhile keeps a name. */
function moveCurrentBack(run: string, found: Oid | null, known: Oid | null): string {
  const keep = found === null ? [] : [`git branch saved-${run}`];
  const back = known === null ? 'git update-ref -d HEAD' : `git reset --soft ${known}`;
  return [...keep, back, `orch resume ${run}`].join(' && ');
}

/** @param begun the branch that the run began on; null for a detached HEAD */
export function refuseIfSwitched(
  run: string,
  head: Head,
  { branch: begun }: Pick<Frozen, 'branch'>,
): void {
  if (head.ref === begun) return;
  const back = begun === null ? 'git switch --detach' : `git switch ${shortName(begun)}`;
  throw new OrchError(
    'ORCH_REF_MOVED',
    `HEAD is at ${shortName(head.ref)}, and run ${run} puts its checkpoints on ${shortName(begun)}, where it began`,
    { fix: `${back} && orch resume ${run}; or give it up: orch cancel ${run}` },
  );
}

function shortName(ref: string | null): string {
  return ref === null ? 'no branch (detached)' : ref.replace('refs/heads/', '');
}
