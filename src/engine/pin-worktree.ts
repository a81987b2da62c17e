/**
 * Before a worktree is given up whose run is over or gone: what was changed there and never pinned gets
 * a ref, and what a commit cannot hold is moved to the run's folder. Under the ref of the attempt that
 * worked there, when the journal tells which, else under one of the run's rescues.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { attemptRef, resolvedRef } from '../checkpoint/layout.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorktreeRecord } from '../ports/worktrees.ts';
import { knowRun } from './pinned-work.ts';
import { freeRescueRef } from './rescue-ref.ts';
import { attemptFolder, resolveFolder, runFiles } from './run-files.ts';

/** What is in a worktree and nowhere else. */
export interface Unpinned {
  readonly ref: string;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly root: string;
  /** Files that a commit cannot hold, and where they go. */
  readonly leftOut: readonly string[];
  readonly folder: string;
}

interface Found {
  readonly unpinned: Unpinned | 'unreadable' | undefined;
  readonly forget: () => void;
}

/**
 * Writes objects, and nothing that stays.
 * @returns undefined when all of it is somewhere else; `unreadable` when git does not know the folder as
 *   one of its worktrees any more, so that nobody can say
 */
export async function findUnpinned(
  ports: Ports,
  git: GitPort,
  worktree: WorktreeRecord & { readonly run: string },
  maxFileSizeBytes: number,
): Promise<Found['unpinned']> {
  if (!worktree.exists) return undefined;
  const { unpinned, forget } = await look(ports, git, worktree, maxFileSizeBytes);
  forget();
  return unpinned;
}

async function look(
  ports: Ports,
  git: GitPort,
  { root, run, number, commit }: WorktreeRecord & { readonly run: string },
  maxFileSizeBytes: number,
): Promise<Found> {
  const there = await openWorktree(ports, git, root);
  const nothing: Found = { unpinned: undefined, forget: () => {} };
  if (there === undefined) return { ...nothing, unpinned: 'unreadable' };
  const use = lastUse(ports, git, run, number);
  // Gates look at a sealed wave; what they leave is nobody's work.
  if (use?.kind === 'gate') return nothing;
  const index = `${there.repository.gitDir}/orch-left-index`;
  const forget = () => {
    for (const suffix of ['', '.lock', '.ignored', '.unwatched'])
      ports.files.remove(`${index}${suffix}`);
  };
  forget();
  const { tree, leftOut } = await there.snapshot({ index, exclude: [], maxFileSizeBytes });
  const head = (await there.head()).oid;
  const base = use?.base ?? commit ?? head;
  const held = use && (await git.resolve(use.ref));
  const known = held ?? base;
  const own = head === null || head === base ? [] : [head];
  const isKnown = known !== null && (await git.readCommit(known)).tree === tree;
  const hasOwn = own.length > 0 && held === null;
  const paths = leftOut.map(({ path }) => path);
  if (isKnown && !hasOwn && paths.length === 0) return { unpinned: undefined, forget };
  const ref = use && held === null ? use.ref : await freeRescueRef(ports, git, run);
  const parents = [...(base === null ? [] : [base]), ...own];
  const folder =
    use?.folder ??
    `${runFiles(git.repository.commonDir, run).folder}/steps/${UNKNOWN_STEP}/${number}`;
  return { unpinned: { ref, tree, parents, root, leftOut: paths, folder }, forget };
}

/** No step has this name in a path: a dot is written otherwise there. */
const UNKNOWN_STEP = '.worktree';

/** Undefined when git does not know the folder as a work tree of this repository any more. */
async function openWorktree(
  ports: Ports,
  git: GitPort,
  root: string,
): Promise<GitPort | undefined> {
  try {
    const there = await ports.openGit(root);
    const { worktree, commonDir } = there.repository;
    return worktree === root && commonDir === git.repository.commonDir ? there : undefined;
  } catch (error) {
    if (error instanceof OrchError) return undefined;
    throw error;
  }
}

interface Use {
  readonly kind: 'work' | 'gate';
  readonly ref: string;
  readonly base: Oid | undefined;
  readonly folder: string;
}

/** What was begun in the worktree last, by the journal. */
function lastUse(ports: Ports, git: GitPort, run: string, number: number): Use | undefined {
  const { commonDir } = git.repository;
  const { read } = knowRun(ports, commonDir, run);
  const event = read?.journal.events.findLast(
    (one) => 'worktree' in one && one.worktree === number,
  );
  const files = runFiles(commonDir, run);
  if (event?.type === 'step.started') {
    const { step, attempt, base } = event;
    const ref = attemptRef(run, step, attempt);
    return { kind: 'work', ref, base, folder: attemptFolder(files, step, attempt) };
  }
  if (event?.type === 'resolve.started') {
    const { step, attempt, round, onto } = event;
    const ref = resolvedRef(run, step, attempt, round);
    return { kind: 'work', ref, base: onto, folder: resolveFolder(files, step, attempt, round) };
  }
  return event?.type === 'gate.started'
    ? { kind: 'gate', ref: '', base: undefined, folder: '' }
    : undefined;
}

/** @throws OrchError ORCH_SNAPSHOT_INCOMPLETE; the worktree is to be kept then */
export async function pinUnpinned(
  ports: Ports,
  git: GitPort,
  { run, number }: WorktreeRecord & { readonly run: string },
  { ref, tree, parents, root, leftOut, folder }: Unpinned,
): Promise<void> {
  const message = `orch: left in worktree ${number}\n\nOrch-Run: ${run}\n`;
  const commit = await git.commit({ tree, parents, message });
  await git.updateRefs([{ ref, to: commit, from: null }]);
  if (!(await git.isComplete(commit, parents))) {
    throw new OrchError(
      'ORCH_SNAPSHOT_INCOMPLETE',
      `what worktree ${number} of run ${run} holds could not be written whole`,
      { fix: 'stop the `git gc` or `git prune` that runs beside orch, then: orch gc' },
    );
  }
  for (const path of leftOut) ports.files.move(`${root}/${path}`, `${folder}/left-out/${path}`);
}
