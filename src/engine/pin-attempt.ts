/**
 * Makes a commit of what an isolated attempt left, before anything else happens to it: passed, failed
 * or cancelled. What it committed itself stays reachable as the second parent; what a commit cannot
 * hold is moved to the attempt's folder.
 */
import type { Oid } from '../base/ids.ts';
import type { LeftOut } from '../ports/git.ts';
import type { Failure } from '../run/event-shapes.ts';
import type { LiveRun } from './live-run.ts';
import type { Place } from './places.ts';
import { commitComplete, leftOutFiles } from './seal-wave.ts';

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
  readonly leftOut: ReturnType<typeof leftOutFiles>;
  /** Its history does not begin where the attempt did, so it cannot be merged as its work. */
  readonly strayed?: Failure;
}

export async function pinAttempt(
  run: LiveRun,
  { git, root }: Place,
  request: PinRequest,
): Promise<Pinned> {
  const { files } = run.parts.ports;
  const { base, also = [] } = request;
  const index = `${git.repository.gitDir}/orch-index`;
  const head = (await git.head()).oid;
  const hasMoved = head !== null && head !== base;
  const strayed = hasMoved && !(await git.isAncestor(base, head)) ? strayedFrom(base, head) : null;
  const baseTree = (await git.readCommit(base)).tree;
  let leftOut: readonly LeftOut[] = [];
  const commit = await commitComplete(run, request.ref, async () => {
    files.remove(index); // Begun from the worktree's own index, which knows files added by force.
    const snapshot = await git.snapshot({
      index,
      exclude: [],
      maxFileSizeBytes: run.state.workflow.checkpoint.maxFileSizeBytes,
    });
    leftOut = snapshot.leftOut;
    if (!hasMoved && !request.evenUnchanged && snapshot.tree === baseTree) return undefined;
    const parents = [base, ...also, ...(hasMoved ? [head] : [])];
    return { tree: snapshot.tree, parents, message: request.message };
  });
  for (const { path } of leftOut)
    files.move(`${root}/${path}`, `${request.folder}/left-out/${path}`);
  return {
    commit,
    leftOut: leftOutFiles(leftOut),
    ...(strayed !== null && { strayed }),
  };
}

function strayedFrom(base: Oid, head: Oid): Failure {
  const message = `it was begun on ${base.slice(0, 12)} and left its worktree at ${head.slice(0, 12)}, which does not come from there`;
  return { kind: 'base', message };
}
