/**
 * `orch accept`: brings what a run stands at to the current branch, as a merge, one commit, or by
 * winding the branch forward. Branch and index move together; checkpoint/accept.ts says which files
 * of the work tree have to follow.
 *
 * The index as it was and the work tree are pinned first, then accept.started says all that is needed
 * to finish, then the branch moves. So a second call finishes what a crash cut short.
 */
import type { Oid } from '../base/ids.ts';
import { refuseAtBeginning, refuseUnlessPassed } from '../checkpoint/accept.ts';
import { onOwnBranch } from '../checkpoint/accept-refusals.ts';
import { branchOf } from '../checkpoint/layout.ts';
import type { GitPort, Head } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { AcceptHow } from '../run/events.ts';
import { type Checkpoint, type RunState, standingCheckpoint } from '../run/state.ts';
import { withHeldRun } from './hold-run.ts';
import type { LiveRun } from './live-run.ts';
import {
  type AcceptRequest,
  beginAccept,
  performAccept,
  recordAccepted,
} from './perform-accept.ts';

export interface Accepted {
  readonly run: string;
  /** `accepted`: now. `before`: by an earlier accept that HEAD holds. `there`: the branch had it already. */
  readonly outcome: 'accepted' | 'before' | 'there';
  /** Null when no accept has moved anything. */
  readonly how: AcceptHow | null;
  readonly commit: Oid;
  /** Wave of the checkpoint; null when it was accepted before. */
  readonly wave: number | null;
  /** Short name of the branch; null when HEAD is detached. */
  readonly branch: string | null;
  /** Ref whose tree is the index as it was. */
  readonly rescue: string | null;
}

/**
 * @param git of the work tree whose branch is meant
 * @throws OrchError ORCH_NOT_ACCEPTABLE, ORCH_UNCOMMITTED, ORCH_NOT_FAST_FORWARD, ORCH_MERGE_CONFLICT,
 *   ORCH_GIT_BUSY, ORCH_IN_THE_WAY, ORCH_LOCKED, all with nothing changed
 */
export async function acceptRun(
  ports: Ports,
  git: GitPort,
  request: AcceptRequest,
): Promise<Accepted> {
  return await withHeldRun(
    ports,
    git,
    { id: request.run, what: 'accept', ofIsolated: 'files' },
    async (run) => {
      const head = await git.head();
      const { state } = run;
      const checkpoint = standingCheckpoint(state);
      if (await isStillAccepted(git, state, head, checkpoint))
        return describe(state, head, 'before', null);
      refuseUnlessPassed(state);
      if (checkpoint === undefined) throw new Error(`run ${state.run} passed without a checkpoint`);
      refuseAtBeginning(state, checkpoint.wave);
      if (run.parts.frozen.commit_to === 'current') return alreadyThere(state, head, checkpoint);
      if (head.ref === branchOf(state.run)) throw onOwnBranch(state.run);
      if (await finishOpen(run, head)) return describe(state, head, 'accepted', checkpoint);
      if (head.oid !== null && (await git.isAncestor(checkpoint.commit, head.oid))) {
        recordAccepted(run, {
          how: 'merge',
          commit: head.oid,
          rescue: null,
          brought: checkpoint.commit,
        });
        return describe(state, head, 'there', checkpoint);
      }
      await beginAccept(run, request, { head, checkpoint });
      await performAccept(run, head.oid);
      return describe(state, head, 'accepted', checkpoint);
    },
  );
}

/** The branch may have been taken back since, or another one be current. */
async function isStillAccepted(
  git: GitPort,
  { accepted }: RunState,
  head: Head,
  checkpoint: Checkpoint | undefined,
): Promise<boolean> {
  if (accepted === undefined || head.oid === null) return false;
  if ((accepted.brought ?? checkpoint?.commit) !== checkpoint?.commit) return false;
  if ((await git.resolve(accepted.commit)) === null) return false;
  return await git.isAncestor(accepted.commit, head.oid);
}

/**
 * Takes up an accept that a crash cut short after the branch had moved. One that had not got so far
 * has changed nothing, and is begun anew by the caller.
 */
async function finishOpen(run: LiveRun, head: Head): Promise<boolean> {
  const { git } = run.parts;
  const open = run.state.acceptOpen;
  if (open === undefined || head.oid === null) return false;
  if (head.oid === open.commit) {
    await performAccept(run, head.oid);
    return true;
  }
  if ((await git.resolve(open.commit)) === null) return false;
  if (!(await git.isAncestor(open.commit, head.oid))) return false;
  // Commits were made on top of it: the index is theirs by now.
  recordAccepted(run, open);
  return true;
}

function alreadyThere(state: RunState, head: Head, checkpoint: Checkpoint): Accepted {
  return {
    run: state.run,
    outcome: 'there',
    how: null,
    commit: checkpoint.commit,
    wave: checkpoint.wave,
    branch: branchName(head),
    rescue: null,
  };
}

function describe(
  { run, accepted }: RunState,
  head: Head,
  outcome: Accepted['outcome'],
  checkpoint: Checkpoint | null,
): Accepted {
  if (accepted === undefined) throw new Error('nothing was accepted');
  const { how, commit, rescue } = accepted;
  const wave = checkpoint?.wave ?? null;
  return { run, outcome, how, commit, wave, branch: branchName(head), rescue };
}

function branchName({ ref }: Head): string | null {
  return ref === null ? null : ref.replace(/^refs\/heads\//, '');
}
