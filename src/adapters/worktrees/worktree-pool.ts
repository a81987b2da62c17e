/**
 * The pool of worktrees, see src/ports/worktrees.ts: who has which, here; how one is made and brought
 * to a commit, in prepare-worktree.ts.
 *
 * Claims and records are written at once, without waiting for anything, so that nothing acts between a
 * decision and the moment it is on disk.
 */
import { OrchError } from '../../base/errors.ts';
import type { GitPort } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import type {
  WorktreeClaim,
  WorktreePool,
  WorktreeRecord,
  WorktreeSettings,
} from '../../ports/worktrees.ts';
import { createObjectReader } from '../git/git-program.ts';
import { ObjectMemory } from '../git/object-memory.ts';
import { readBrought } from './brought.ts';
import { inWordsOfPool } from './call-git.ts';
import { sizeOnDisk } from './disk-size.ts';
import { findGitDir, isRealFolder, lockReason } from './make-worktree.ts';
import { clearDead } from './making-lock.ts';
import { poolPlace, rootOf } from './pool-place.ts';
import {
  makingLockFolder,
  openPrepared,
  type PoolWorld,
  prepareWorktree,
} from './prepare-worktree.ts';
import { openRecords } from './records.ts';
import { removeWorktree } from './remove-worktree.ts';

/**
 * @param git opened on the user's work tree
 * @throws OrchError ORCH_NEEDS_GIT with the embedded git
 */
export function openWorktreePool(
  ports: Pick<Ports, 'clock' | 'files' | 'processes'>,
  git: GitPort,
  settings: WorktreeSettings,
): WorktreePool {
  if (git.kind === 'embedded') throw needsGit();
  const place = poolPlace(git.repository, settings.root);
  const records = openRecords(ports.files, place.records);
  const world: PoolWorld = {
    ...ports,
    user: git.repository,
    settings,
    place,
    records,
    memory: new ObjectMemory(),
    reader: createObjectReader(git.repository),
  };
  const { commonDir } = git.repository;

  const releaseNumber = (number: number): void => {
    const stored = records.record(number);
    const usedAtMs = ports.clock.now();
    if (stored !== undefined) records.writeRecord(number, { ...stored, usedAtMs });
    records.removeClaim(number);
  };
  /** Whose claim it is was settled when it was made; this only sees to it that it still holds. */
  const mustBeClaimed = ({ number, root }: WorktreeClaim): void => {
    const claim = records.claim(number);
    if (claim?.run == null || claim.root !== root) {
      throw new Error(`worktree ${number} is used without a claim`);
    }
  };

  return {
    claim(run) {
      for (const number of candidates(world)) {
        const root = rootOf(place, number);
        const claimedAtMs = ports.clock.now();
        if (records.createClaim(number, { run, root, claimedAtMs })) return { number, root };
      }
      throw new Error('the numbers of worktrees have no end');
    },
    claimed(run, number) {
      const claim = records.claim(number);
      return claim?.run === run ? { number, root: claim.root } : undefined;
    },
    prepare(claim, commit) {
      mustBeClaimed(claim);
      return inWordsOfPool(claim.root, () => prepareWorktree(world, claim, commit));
    },
    async open(claim) {
      return openPrepared(world, claim);
    },
    noteSetup(claim, made) {
      mustBeClaimed(claim);
      const stored = records.record(claim.number);
      if (stored?.setup == null) throw new Error(`worktree ${claim.number} needed no setup`);
      const setup = { ...stored.setup, made: made.map(relativeInside) };
      records.writeRecord(claim.number, { ...stored, setup });
    },
    release({ number, root }) {
      const claim = records.claim(number);
      if (claim?.run != null && claim.root === root) releaseNumber(number);
    },
    releaseOthers(run, keep) {
      clearDead(ports, makingLockFolder(place));
      for (const number of records.numbers()) {
        if (!keep.includes(number) && records.claim(number)?.run === run) releaseNumber(number);
      }
    },
    list: () =>
      records.numbers().flatMap((number): WorktreeRecord[] => {
        const claim = records.claim(number);
        const stored = records.record(number);
        const root = claim?.root ?? stored?.root;
        if (root === undefined) return []; // Removed since the numbers were read.
        const gitDir = findGitDir(commonDir, root);
        return [
          {
            number,
            root,
            run: claim?.run ?? null,
            commit: (gitDir && readBrought(gitDir, root)?.commit) ?? null,
            usedAtMs: Math.max(claim?.claimedAtMs ?? 0, stored?.usedAtMs ?? 0),
            exists: isRealFolder(root),
          },
        ];
      }),
    sizeBytes: ({ root }) => sizeOnDisk(root),
    remove: (number) => inWordsOfPool(rootOf(place, number), () => removeWorktree(world, number)),
  };
}

/**
 * Free worktrees, those that are there and were used last first; then numbers that nobody has used.
 * What lies below another root than today's is left to `remove`.
 */
function* candidates({ place, records, user }: PoolWorld): Generator<number> {
  const taken = records.numbers();
  const free = taken.flatMap((number) => {
    const stored = records.record(number);
    const isOurs = stored?.root === rootOf(place, number);
    if (stored === undefined || !isOurs || records.claim(number) !== undefined) return [];
    // `git worktree lock`: somebody works there, or looks.
    if (lockReason(user.commonDir, stored.root) !== undefined) return [];
    return [{ number, usedAtMs: stored.usedAtMs, exists: isRealFolder(stored.root) }];
  });
  free.sort((a, b) => Number(b.exists) - Number(a.exists) || b.usedAtMs - a.usedAtMs);
  for (const { number } of free) yield number;
  const used = new Set(taken);
  for (let number = 1; ; number++) if (!used.has(number)) yield number;
}

function relativeInside(path: string): string {
  const inside = path.replace(/\/+$/, '');
  const isBad = inside === '' || inside.startsWith('/') || inside.split('/').includes('..');
  if (isBad) throw new Error(`a setup cannot have made ${JSON.stringify(path)} in its worktree`);
  return inside;
}

function needsGit(): OrchError {
  return new OrchError('ORCH_NEEDS_GIT', 'isolated work needs the git program', {
    fix: 'install git 2.38 or newer, or use workspace: in-place',
  });
}
