/**
 * Where the work of a run began: at its own wave 0, or, when it goes on from a checkpoint of another run,
 * at that of the first run of the line. What is committed with the run is all that came since.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import { readTrailers } from '../checkpoint/message.ts';
import type { GitPort } from '../ports/git.ts';
import type { ForkPoint } from '../run/state.ts';
import { decodeFrozen, type Frozen } from './frozen.ts';
import type { LiveRun } from './live-run.ts';
import { sealedTreeOf } from './roll-back.ts';

export interface Origin {
  /** Commit of the user; null in a repository without commits. */
  readonly base: Oid | null;
  /** The files as they were then, uncommitted changes included. */
  readonly tree: Oid;
}

export async function originOf(run: LiveRun): Promise<Origin> {
  const { git, frozen } = run.parts;
  if (frozen.from) return await originOfFork(git, frozen.from);
  const [first] = run.state.checkpoints;
  if (first === undefined) throw new Error('a run that passed has a checkpoint of wave 0');
  return { base: run.state.base, tree: await sealedTreeOf(run, first) };
}

async function originOfFork(git: GitPort, from: ForkPoint): Promise<Origin> {
  const frozen = await frozenIn(git, from);
  if (frozen.from) return await originOfFork(git, frozen.from);
  for (const commit of await git.firstParents(from.commit, frozen.base)) {
    const trailers = readTrailers(commit.message);
    if (trailers?.run !== from.run || trailers.wave !== 0) continue;
    const record = await git.listFiles(commit.oid, committedFolder(from.run));
    const without = new Map(record.map(({ path }) => [path, null]));
    return { base: frozen.base, tree: await git.treeWithFiles(commit.tree, without) };
  }
  throw lost(from);
}

async function frozenIn(git: GitPort, from: ForkPoint): Promise<Frozen> {
  const path = `${committedFolder(from.run)}/run.json`;
  const bytes = await git.readFile(from.commit, path);
  if (bytes === null) throw lost(from);
  return decodeFrozen(new TextDecoder().decode(bytes), path, from.run);
}

function lost({ run, commit }: ForkPoint): OrchError {
  return new OrchError(
    'ORCH_CHECKPOINT_DAMAGED',
    `${commit} is no checkpoint of run ${run} with its record; nothing was changed`,
    { fix: `orch audit ${run}` },
  );
}
