/** One worktree: made where there is none, brought to a commit, and given what a job needs around it. */
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import type { Oid, Repository } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import type { PreparedWorktree, WorktreeClaim, WorktreeSettings } from '../../ports/worktrees.ts';
import { type BytePath, toBytePath } from '../git/byte-paths.ts';
import { createGitCli } from '../git/git-cli.ts';
import { type GitContext, runGit } from '../git/git-program.ts';
import type { ObjectMemory } from '../git/object-memory.ts';
import type { ObjectReader } from '../git/object-reader.ts';
import { createWorkTree } from '../work-tree.ts';
import { bringToCommit } from './bring-to-commit.ts';
import {
  type Brought,
  identifyFolder,
  indexOf,
  readAnyBrought,
  readBrought,
  writeBrought,
} from './brought.ts';
import { stopOrphanedGit } from './call-git.ts';
import { rememberSettings } from './clear-state.ts';
import { keepPaths } from './delete-others.ts';
import { copyIncluded, findIncluded, withoutTracked } from './include-files.ts';
import { addWorktree, deleteFolder, findGitDir, isLinked } from './make-worktree.ts';
import { whileMaking } from './making-lock.ts';
import { firstPort, type PoolPlace } from './pool-place.ts';
import type { Records } from './records.ts';
import { setupKey } from './setup-key.ts';
import { sparseKey } from './sparse.ts';

export interface PoolWorld extends Pick<Ports, 'clock' | 'files' | 'processes'> {
  /** As seen from the user's work tree. */
  readonly user: Repository;
  readonly settings: WorktreeSettings;
  readonly place: PoolPlace;
  readonly records: Records;
  readonly memory: ObjectMemory;
  readonly reader: ObjectReader;
}

export function makingLockFolder(place: PoolPlace): string {
  return join(place.records, 'making');
}

/** @see WorktreePool.prepare */
export async function prepareWorktree(
  world: PoolWorld,
  claim: WorktreeClaim,
  commit: Oid,
): Promise<PreparedWorktree> {
  const { user } = world;
  const userContext = contextOf(world, user, commit);
  const sparse = await sparseKey(userContext);
  const before = findBrought(world, claim, sparse);
  if (before !== undefined) {
    try {
      return await bring(world, claim, commit, sparse, before);
    } catch (error) {
      if (!(await isWorktreeBroken(userContext, commit, error))) throw error;
    }
  }
  await makeAnew(world, claim, userContext, commit);
  return await bring(world, claim, commit, sparse, undefined);
}

/** Undefined when nothing that is there can be relied on. */
function findBrought(
  { user, processes }: PoolWorld,
  { root }: WorktreeClaim,
  sparse: string,
): Brought | undefined {
  const gitDir = findGitDir(user.commonDir, root);
  const brought = gitDir === undefined ? undefined : readBrought(gitDir, root);
  // Nothing was synced, so after a reboot any file may be half of what it was.
  return brought?.boot === processes.bootId() && brought.sparse === sparse ? brought : undefined;
}

/** A job can break the git folder of its worktree in more ways than anybody can mend one by one. */
async function isWorktreeBroken(
  userContext: GitContext,
  commit: Oid,
  error: unknown,
): Promise<boolean> {
  const codes: readonly string[] = ['ORCH_GIT_FAILED', 'ORCH_REPOSITORY_DAMAGED'];
  if (!(error instanceof OrchError && codes.includes(error.code))) return false;
  const args = ['cat-file', '-e', `${commit}^{commit}`];
  return (await runGit(userContext, { args, okCodes: [0, 1, 128] })).code === 0;
}

async function makeAnew(
  world: PoolWorld,
  { number, root }: WorktreeClaim,
  userContext: GitContext,
  commit: Oid,
): Promise<void> {
  const { files, records, place, processes, clock } = world;
  // Before anything is made, so that whatever comes next, `remove` finds it.
  records.writeRecord(number, { root, usedAtMs: clock.now(), setup: null });
  await stopOrphanedGit(processes, root);
  await deleteFolder(root);
  files.makeFolder(place.folder);
  const gitDir = await whileMaking(world, makingLockFolder(place), () =>
    addWorktree(userContext, root, commit),
  );
  rememberSettings(gitDir);
}

async function bring(
  world: PoolWorld,
  claim: WorktreeClaim,
  commit: Oid,
  sparse: string,
  before: Brought | undefined,
): Promise<PreparedWorktree> {
  const { user, settings, files, processes, records } = world;
  const { number, root } = claim;
  const context = contextOf(world, worktreeOf(user, root), commit);
  const candidates = findIncluded(contextOf(world, user, commit), files, settings.include);
  let included: BytePath[] = [];
  const findKept = async () => {
    included = await withoutTracked(context, await candidates);
    const made = await settleSetup(world, claim, context);
    return keepPaths([...included, ...made.map(toBytePath)]);
  };
  // The candidates are awaited there, but not when git fails before.
  const [brought] = await Promise.all([
    bringToCommit(context, before, commit, findKept),
    candidates,
  ]);
  await copyIncluded(user.worktree, root, included);
  writeBrought(context.repository.gitDir, {
    boot: processes.bootId(),
    sparse,
    commit,
    claimedAtMs: records.claim(number)?.claimedAtMs ?? 0,
    identity: identifyFolder(root),
    folders: brought.describe(),
  });
  return prepared(world, claim, context);
}

/** Decides whether the setup has to run again. @returns what it has made and may stay */
async function settleSetup(
  { records, settings }: PoolWorld,
  { number }: WorktreeClaim,
  context: GitContext,
): Promise<readonly string[]> {
  const stored = records.record(number);
  if (stored === undefined) throw new Error(`worktree ${number} has no record`);
  const key = settings.setup && (await setupKey(context, settings.setup));
  if (key === stored.setup?.key) return stored.setup?.made ?? [];
  records.writeRecord(number, {
    ...stored,
    setup: key === undefined ? null : { key, made: null },
  });
  return [];
}

/** @see WorktreePool.open */
export function openPrepared(world: PoolWorld, claim: WorktreeClaim): PreparedWorktree | undefined {
  const gitDir = findGitDir(world.user.commonDir, claim.root);
  // A worktree that was restored with its cache, or moved with its disk, is still the one of this claim.
  const brought =
    gitDir !== undefined && isLinked(claim.root, gitDir) ? readAnyBrought(gitDir) : undefined;
  // What lies there may be the work of the last one who had it: then nothing was prepared for this claim.
  const claimedAtMs = world.records.claim(claim.number)?.claimedAtMs;
  if (brought === undefined || brought.claimedAtMs !== claimedAtMs) return undefined;
  return prepared(
    world,
    claim,
    contextOf(world, worktreeOf(world.user, claim.root), brought.commit),
  );
}

function prepared(
  { settings, records, place }: PoolWorld,
  claim: WorktreeClaim,
  context: GitContext,
): PreparedWorktree {
  const isSetUp = records.record(claim.number)?.setup?.made != null;
  return {
    claim,
    index: indexOf(context.repository.gitDir),
    git: createGitCli(context),
    workTree: createWorkTree(claim.root),
    ...(settings.setup === undefined || isSetUp ? {} : { setup: settings.setup.run }),
    ...(settings.ports > 0 ? { port: firstPort(place, claim.number, settings.ports) } : {}),
  };
}

function worktreeOf({ commonDir }: Repository, root: string): Repository {
  const gitDir = findGitDir(commonDir, root);
  if (gitDir === undefined) throw new Error(`git knows no worktree ${root}`);
  return { worktree: root, gitDir, commonDir };
}

function contextOf(
  { memory, reader }: PoolWorld,
  repository: Repository,
  { length }: Oid,
): GitContext {
  return { repository, oidLength: length, soundIndexes: new Set(), memory, reader };
}
