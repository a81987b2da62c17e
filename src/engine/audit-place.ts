/** Where a run's checkpoints are: its branch here or on a remote, or the branch they were brought to. */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { branchOf } from '../checkpoint/layout.ts';
import { readAccepted, readTrailers } from '../checkpoint/message.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { listRunBranches } from './committed-runs.ts';
import { lookAtAnyRun } from './find-known-run.ts';
import { findRun } from './read-run.ts';
import { runFiles } from './run-files.ts';

export interface AuditPlace {
  readonly run: string;
  /** Short name of a branch, or `HEAD`. */
  readonly where: string;
  /** The newest checkpoint; null when there is none to be found. */
  readonly tip: Oid | null;
  readonly isLive: boolean;
}

/** @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS */
export async function findPlace(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<AuditPlace> {
  const run = await findAnyRun(ports, git, meant);
  const isLive = ports.files.exists(runFiles(git.repository.commonDir, run).frozen);
  const branch = (await listRunBranches(git)).find((candidate) => candidate.run === run);
  if (branch !== undefined) return { run, where: branch.where, tip: branch.tip, isLive };
  const tip = await findInHead(git, run);
  const where = tip === null ? branchOf(run).replace('refs/heads/', '') : 'HEAD';
  return { run, where, tip, isLive };
}

async function findAnyRun(ports: Ports, git: GitPort, meant: string | undefined): Promise<string> {
  try {
    return findRun(ports.files, git.repository.commonDir, meant);
  } catch (error) {
    // Not among the runs whose files are here, and possibly damaged: git may know it.
    if (!(error instanceof OrchError) || error.code !== 'ORCH_NO_SUCH_RUN') throw error;
    const named = (await listRunBranches(git)).find(({ run }) => run === meant);
    return named?.run ?? (await lookAtAnyRun(ports, git, meant)).state.run;
  }
}

/** Checkpoints that were made on the branch itself, or that a merge brought to it. */
async function findInHead(git: GitPort, run: string): Promise<Oid | null> {
  const { oid } = await git.head();
  if (oid === null) return null;
  for (const { oid: commit, message } of await git.firstParents(oid, null)) {
    if (readTrailers(message)?.run === run) return commit;
    const brought = readAccepted(message, run);
    if (brought !== undefined) return await git.resolve(brought);
  }
  return null;
}
