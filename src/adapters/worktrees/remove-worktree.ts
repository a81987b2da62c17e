/**
 * Removes a free worktree: the folder, git's record of it, the pool's own.
 *
 * A removal holds the claim while it works, so nobody takes the worktree meanwhile. One that was killed
 * has left its claim, and the next goes on from there.
 */
import { OrchError } from '../../base/errors.ts';
import { crashPoint } from '../crash-point.ts';
import { stopOrphanedGit } from './call-git.ts';
import { describeSelf, isHolderAlive } from './holder.ts';
import { deleteFolder, deleteGitDir, lockReason } from './make-worktree.ts';
import { whileMaking } from './making-lock.ts';
import { isPoolFolder } from './pool-place.ts';
import { makingLockFolder, type PoolWorld } from './prepare-worktree.ts';
import type { StoredClaim } from './records.ts';

/** @see WorktreePool.remove */
export async function removeWorktree(world: PoolWorld, number: number): Promise<boolean> {
  const { place, records, processes, user } = world;
  const root = records.record(number)?.root ?? records.claim(number)?.root;
  if (root === undefined) return true; // There is none of this number.
  refuseLocked(user.commonDir, root);
  if (!(await takeForRemoval(world, number, root))) return false;
  // A copy of a repository has the records of the original, whose folders are not its own.
  if (isPoolFolder(place, root, number)) {
    await stopOrphanedGit(processes, root);
    await deleteFolder(root);
  }
  await whileMaking(world, makingLockFolder(place), async () => {
    await deleteGitDir(user.commonDir, root);
  });
  crashPoint('worktree forget:before');
  records.removeRecord(number);
  records.removeClaim(number);
  crashPoint('worktree forget:after');
  return true;
}

function refuseLocked(commonDir: string, root: string): void {
  const reason = lockReason(commonDir, root);
  if (reason === undefined) return;
  const words = reason === '' ? '' : `: ${reason}`;
  throw new OrchError('ORCH_WORKTREE_FAILED', `the worktree ${root} is locked${words}`, {
    fix: `git worktree unlock ${JSON.stringify(root)}`,
  });
}

/** @returns false when somebody has it */
async function takeForRemoval(world: PoolWorld, number: number, root: string): Promise<boolean> {
  const { place, records, processes, clock } = world;
  const mine: StoredClaim = {
    run: null,
    root,
    claimedAtMs: clock.now(),
    remover: describeSelf(processes),
  };
  if (records.createClaim(number, mine)) return true;
  // Of several that find the claim of a dead removal, one goes on.
  return await whileMaking(world, makingLockFolder(place), async () => {
    const claim = records.claim(number);
    if (claim === undefined) return records.createClaim(number, mine);
    const isDead = claim.remover !== undefined && !isHolderAlive(processes, claim.remover);
    if (isDead) records.replaceClaim(number, mine);
    return isDead;
  });
}
