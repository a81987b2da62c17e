/** Any run that this repository knows of: with its files here, else from git alone. */
import { OrchError } from '../base/errors.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import {
  type CommittedRun,
  listRunBranches,
  listRunsInHead,
  lookAtCommittedRun,
} from './committed-runs.ts';
import { lookAtRun, type RunLook } from './look-at-run.ts';
import { findRun } from './read-run.ts';

/**
 * @param meant an id, any unambiguous beginning of one, `@latest`, or nothing for the newest
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS, and when its record is damaged
 */
export async function lookAtAnyRun(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<RunLook> {
  const { commonDir } = git.repository;
  let run: string;
  try {
    run = findRun(ports.files, commonDir, meant);
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_NO_SUCH_RUN') throw error;
    const committed = await findCommitted(git, meant);
    if (committed === undefined) throw error;
    return await lookAtCommittedRun(git, committed);
  }
  return lookAtRun(ports, commonDir, run);
}

/** A run that git tells of, by its branch or by what HEAD holds of it; without a name the newest branch. */
export async function findCommitted(
  git: GitPort,
  meant: string | undefined,
): Promise<CommittedRun | undefined> {
  const branches = await listRunBranches(git);
  if (meant === undefined || meant === '@latest') return await newestOf(git, branches);
  const inHead = (await listRunsInHead(git)).filter(
    ({ run }) => !branches.some((branch) => branch.run === run),
  );
  const matching = [...branches, ...inHead].filter(({ run }) => run.startsWith(meant));
  const exact = matching.find(({ run }) => run === meant);
  if (exact !== undefined || matching.length < 2) return exact ?? matching[0];
  const names = matching.slice(0, 5).map(({ run }) => run);
  throw new OrchError('ORCH_RUN_AMBIGUOUS', `"${meant}" may be ${names.join(', ')}`, {
    fix: 'give more of the id',
  });
}

async function newestOf(
  git: GitPort,
  branches: readonly CommittedRun[],
): Promise<CommittedRun | undefined> {
  let newest: { readonly at: number; readonly branch: CommittedRun } | undefined;
  for (const branch of branches) {
    const { committedAt } = await git.readCommit(branch.tip);
    if (newest === undefined || committedAt > newest.at) newest = { at: committedAt, branch };
  }
  return newest?.branch;
}
