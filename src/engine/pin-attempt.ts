/**
 * Makes a commit of what an isolated attempt left, before anything else happens to it: passed, failed
 * or cancelled. What it committed itself stays reachable as the second parent; what a commit cannot
 * hold is moved to the attempt's folder.
 */
import type { Oid } from '../base/ids.ts';
import type { LeftOut, Snapshot } from '../ports/git.ts';
import type { SecretFinding } from '../ports/secrets.ts';
import type { Failure, LeftOutFile, SecretPlace } from '../run/event-shapes.ts';
import { secretsText } from '../view/secrets-text.ts';
import type { LiveRun } from './live-run.ts';
import type { Place } from './places.ts';
import { pathsOf, policyOf, secretsIn, withoutPaths } from './scan-secrets.ts';
import { holdComplete, leftOutFiles, placesOf } from './seal-wave.ts';
import { isAboutObjects } from './vanished.ts';

export interface PinRequest {
  readonly ref: string;
  readonly message: string;
  /** What the worktree was brought to. */
  readonly base: Oid;
  /** More parents of the commit. */
  readonly also?: readonly Oid[];
  /** Where files go that a commit cannot hold; absolute. */
  readonly folder: string;
  /** The commit is wanted also when nothing was changed. */
  readonly evenUnchanged?: boolean;
}

export interface Pinned {
  /** Null when nothing was changed. */
  readonly commit: Oid | null;
  readonly leftOut: readonly LeftOutFile[];
  /** Places that look like secrets; with the policy `refuse` their files are left out. */
  readonly secrets: readonly SecretPlace[];
  /** Why it cannot be merged: its history does not begin where the attempt did, or it holds secrets. */
  readonly problem?: Failure;
}

export async function pinAttempt(run: LiveRun, place: Place, request: PinRequest): Promise<Pinned> {
  return await run.worktreeLanes.run(() => pinNow(run, place, request));
}

async function pinNow(run: LiveRun, place: Place, request: PinRequest): Promise<Pinned> {
  const { git } = run.parts;
  const { base, also = [] } = request;
  const baseTree = (await git.readCommit(base)).tree;
  const before = readAside(run, request.folder);
  let left: Left = { ...before, refused: [], tree: baseTree };
  let own: readonly Oid[] = [];
  const commit = await holdComplete(run, request.ref, async (attempt) => {
    own = await ownCommit(place, base, attempt);
    const snapshot = await snapshotOrMend(run, place);
    left = await leftOf(run, baseTree, snapshot, before);
    const isUnchanged = snapshot.tree === baseTree && left.refused.length === 0;
    if (own.length === 0 && !request.evenUnchanged && isUnchanged) return undefined;
    const parents = [base, ...also, ...own];
    const commit = await git.commit({ tree: left.tree, parents, message: request.message });
    // No ref has held what the job has committed, so it has to be proven like the rest.
    return { commit, known: [base, ...also] };
  });
  keepAside(run, place, request.folder, left);
  const problem = (await strayed(place, base, own[0])) ?? secretFailure(left);
  return {
    commit,
    leftOut: [
      ...leftOutFiles(left.leftOut),
      ...left.refused.map((path) => ({ path, reason: 'secret' })),
    ],
    secrets: placesOf(left.secrets),
    ...(problem && { problem }),
  };
}

/**
 * The last commit that the job has made itself, if any. Where something has vanished, it is taken only
 * when all of it is there: its files lie in the worktree all the same.
 */
async function ownCommit({ git }: Place, base: Oid, attempt: number): Promise<readonly Oid[]> {
  const head = await git.resolve('HEAD');
  if (head === null || head === base) return [];
  if (attempt > 1 && !(await git.isComplete(head, [base]))) return [];
  return [head];
}

/** What is not in the commit. */
interface Aside {
  readonly leftOut: readonly LeftOut[];
  readonly secrets: readonly SecretFinding[];
}

interface Left extends Aside {
  /** Files that are not in the tree because of `secrets`. */
  readonly refused: readonly string[];
  readonly tree: Oid;
}

/**
 * What a job has staged by itself may have been taken by a `git gc --prune=now` beside it. Its files are
 * there all the same, and are what counts: then they are held against what the worktree began with.
 */
async function snapshotOrMend(run: LiveRun, place: Place): Promise<Snapshot> {
  try {
    return await snapshotOf(run, place);
  } catch (error) {
    if (place.index === undefined || !isAboutObjects(error)) throw error;
    return await snapshotOf(run, place, place.index);
  }
}

/** @param from the index that it begins from; by default the worktree's own, which knows files added by force */
async function snapshotOf(run: LiveRun, { git }: Place, from?: string): Promise<Snapshot> {
  const index = `${git.repository.gitDir}/orch-index`;
  run.parts.ports.files.remove(index);
  const { maxFileSizeBytes } = run.state.workflow.checkpoint;
  return await git.snapshot({
    index,
    exclude: [],
    maxFileSizeBytes,
    // What the user's work tree ignored when the run began stays out, whatever becomes of .gitignore.
    ignoredAsIn: run.parts.files.index,
    ...(from !== undefined && { from }),
  });
}

async function leftOf(
  run: LiveRun,
  baseTree: Oid,
  { tree, leftOut }: Snapshot,
  before: Aside,
): Promise<Left> {
  const { git } = run.parts;
  const found = await secretsIn(run, git, baseTree, tree);
  const again = new Set([...leftOut, ...found].map(({ path }) => path));
  const isGone = ({ path }: { readonly path: string }) => !again.has(path);
  const secrets = [...before.secrets.filter(isGone), ...found];
  const refused = policyOf(run) === 'refuse' ? pathsOf(secrets) : [];
  const kept = refused.length === 0 ? tree : await withoutPaths(git, baseTree, tree, refused);
  return { tree: kept, leftOut: [...before.leftOut.filter(isGone), ...leftOut], secrets, refused };
}

/** The worktree is used again, and everything in it that no commit holds is deleted then. */
function keepAside(run: LiveRun, { root }: Place, folder: string, left: Left): void {
  const paths = [...left.leftOut.map(({ path }) => path), ...left.refused];
  if (paths.length === 0) return;
  const { files } = run.parts.ports;
  const aside: Aside = { leftOut: left.leftOut, secrets: left.secrets };
  files.makeFolder(folder);
  files.replace(`${folder}/${ASIDE}`, JSON.stringify(aside));
  for (const path of paths) files.move(`${root}/${path}`, `${folder}/${ASIDE_FOLDER}/${path}`);
}

/** Below the attempt's folder. */
export const ASIDE_FOLDER = 'left-out';
const ASIDE = 'left-out.json';
const NOTHING_ASIDE: Aside = { leftOut: [], secrets: [] };

/** What a process moved that was killed before it could say so: the worktree does not show it any more. */
function readAside(run: LiveRun, folder: string): Aside {
  const text = run.parts.ports.files.readText(`${folder}/${ASIDE}`);
  return text === undefined ? NOTHING_ASIDE : (JSON.parse(text) as Aside);
}

async function strayed(
  { git }: Place,
  base: Oid,
  head: Oid | undefined,
): Promise<Failure | undefined> {
  if (head === undefined || (await git.isAncestor(base, head))) return undefined;
  const message = `it was begun on ${base.slice(0, 12)} and left its worktree at ${head.slice(0, 12)}, which does not come from there`;
  return { kind: 'base', message };
}

function secretFailure({ secrets, refused }: Left): Failure | undefined {
  if (refused.length === 0) return undefined;
  return { kind: 'secret', message: `it left what looks like a secret: ${secretsText(secrets)}` };
}
