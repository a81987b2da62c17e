/**
 * `orch salvage --apply`: brings what one commit changed to the user's work tree. The work tree is
 * pinned before a file changes, only paths that differ are written, and no file that no commit holds is
 * ever written over. The index, HEAD and the run are left as they are.
 *
 * A crash half-way needs no record of its own: the pin names what was being applied, so the next try
 * finds the work tree on its way from the pin to the same result, and goes on.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { RECORDS_FOLDER } from '../checkpoint/layout.ts';
import { editedSince, isSubmoduleMove, namePaths, withoutRecords } from '../checkpoint/rollback.ts';
import type { GitPort, MergeResult } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { freeRescueRef } from './rescue-ref.ts';
import { withoutPaths } from './scan-secrets.ts';
import { vanishedBeforeChange } from './vanished.ts';
import { lockWorkTree } from './work-tree-lock.ts';

export interface SalvageApply {
  readonly run: string;
  /** As the item is named. */
  readonly name: string;
  readonly commit: Oid;
  readonly base: Oid;
  readonly maxFileSizeBytes: number;
}

export interface Applied {
  /** Paths that were written or deleted; empty when the work tree had it all. */
  readonly files: readonly string[];
  /** Ref of the work tree as it was; null when nothing was changed. */
  readonly rescue: string | null;
  /** It was begun by an earlier process that did not live to finish it. */
  readonly finished: boolean;
}

/**
 * @param git of the user's work tree
 * @throws OrchError ORCH_LOCKED, ORCH_MERGE_CONFLICT, ORCH_IN_THE_WAY, ORCH_NEEDS_GIT, all with
 *   nothing changed; ORCH_NOT_RESTORED with the rescue's name
 */
export async function applySalvage(
  ports: Ports,
  git: GitPort,
  request: SalvageApply,
): Promise<Applied> {
  const what = `salvage ${request.run} ${request.name}`;
  using _lock = lockWorkTree(ports, git.repository, what);
  const index = `${git.repository.gitDir}/orch-salvage-index`;
  const forget = () => {
    for (const suffix of ['', '.lock', '.ignored', '.unwatched'])
      ports.files.remove(`${index}${suffix}`);
  };
  const { maxFileSizeBytes } = request;
  // Made anew from the user's index, which knows files that were added by force.
  forget();
  const snapshot = async () => (await git.snapshot({ index, exclude: [], maxFileSizeBytes })).tree;
  try {
    return await apply(ports, git, request, { index, snapshot });
  } finally {
    forget();
  }
}

interface WorkTree {
  readonly index: string;
  readonly snapshot: () => Promise<Oid>;
}

async function apply(
  ports: Ports,
  git: GitPort,
  request: SalvageApply,
  { index, snapshot }: WorkTree,
): Promise<Applied> {
  const now = await snapshot();
  const begun = await findBegun(git, request, now);
  const from = begun?.tree ?? now;
  const target = begun?.target ?? (await merged(git, request, now));
  const changes = withoutRecords(await git.diffTrees(now, target)).filter(
    (change) => !isSubmoduleMove(change),
  );
  const files = changes.map(({ path }) => path);
  if (files.length === 0) return { files, rescue: null, finished: false };
  const blockers = await git.inTheWay(now, target, [RECORDS_FOLDER]);
  if (blockers.length > 0) throw inTheWay(request, blockers);
  const rescue = begun?.ref ?? (await pinBefore(ports, git, request, now));
  await git.restoreWorkTree(from, target, [RECORDS_FOLDER], index);
  const left = withoutRecords(await git.diffTrees(await snapshot(), target)).filter(
    (change) => !isSubmoduleMove(change),
  );
  if (left.length > 0)
    throw notApplied(
      request,
      rescue,
      left.map(({ path }) => path),
    );
  return { files, rescue, finished: begun !== undefined };
}

/** The tree that the work tree is to have. @throws OrchError ORCH_MERGE_CONFLICT */
async function merged(git: GitPort, request: SalvageApply, ours: Oid): Promise<Oid> {
  const result = await merge(git, request, ours);
  if (!result.isOpen) return result.tree;
  const { run, name, commit } = request;
  const clashing = namePaths(result.conflicts.map(({ path }) => path));
  throw new OrchError(
    'ORCH_MERGE_CONFLICT',
    `${name} of run ${run} does not go together with your work tree: ${clashing}; nothing was changed`,
    {
      fix: `take by hand what you want: orch salvage ${run} ${name} --diff; or commit, then: git cherry-pick -n -m 1 ${commit}`,
    },
  );
}

/** Records of runs are nobody's work. */
async function merge(
  git: GitPort,
  { base, commit }: SalvageApply,
  ours: Oid,
): Promise<MergeResult> {
  const all = (await git.diffTrees(base, commit)).map(({ path }) => path);
  const work = new Set(withoutRecords(all.map((path) => ({ path }))).map(({ path }) => path));
  const records = all.filter((path) => !work.has(path));
  const theirs = records.length === 0 ? commit : await withoutPaths(git, base, commit, records);
  return await git.mergeChanges({ base, ours, theirs });
}

const TRAILER = 'Orch-Salvage: ';

interface Begun {
  readonly ref: string;
  readonly tree: Oid;
  readonly target: Oid;
}

/** An earlier try that was cut short: the work tree is between its pin and its result, and nobody edited it. */
async function findBegun(
  git: GitPort,
  request: SalvageApply,
  now: Oid,
): Promise<Begun | undefined> {
  const refs = await git.listRefs(`refs/orch/rescue/${request.run}`);
  for (const { ref, oid } of refs) {
    const { tree, message } = await git.readCommit(oid);
    if (!message.includes(`\n${TRAILER}${request.commit}\n`)) continue;
    const { tree: target, isOpen } = await merge(git, request, tree);
    if (isOpen) continue;
    const before = await git.diffTrees(tree, target);
    const isUntouched = editedSince(before, await git.diffTrees(now, target)).length === 0;
    if (isUntouched) return { ref, tree, target };
  }
  return undefined;
}

async function pinBefore(
  ports: Ports,
  git: GitPort,
  { run, name, commit }: SalvageApply,
  tree: Oid,
): Promise<string> {
  const { oid: head } = await git.head();
  const parents = head === null ? [] : [head];
  const message = `orch: before salvaging ${name} of ${run}\n\n${TRAILER}${commit}\n`;
  const pin = await git.commit({ tree, parents, message });
  const ref = await freeRescueRef(ports, git, run);
  await git.updateRefs([{ ref, to: pin, from: null }]);
  if (await git.isComplete(pin, parents)) return ref;
  throw vanishedBeforeChange();
}

function inTheWay({ run, name }: SalvageApply, paths: readonly string[]): OrchError {
  return new OrchError(
    'ORCH_IN_THE_WAY',
    `files that no commit holds are in the way: ${namePaths(paths)}; nothing was changed`,
    { fix: `move them away, then: orch salvage ${run} ${name} --apply` },
  );
}

function notApplied(
  { run, name }: SalvageApply,
  rescue: string,
  paths: readonly string[],
): OrchError {
  return new OrchError(
    'ORCH_NOT_RESTORED',
    `these are not as they should be after the salvage: ${namePaths(paths)}; what was there before is in ${rescue}`,
    {
      fix: `stop what writes there (an editor, a watcher, a filter in .gitattributes), then: orch salvage ${run} ${name} --apply`,
    },
  );
}
