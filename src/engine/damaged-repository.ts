/**
 * A repository that is gone or damaged while a run works in it, because a step removed .git, say. Git
 * tells it in many words, and files in others, so one more question is asked: is what the run stands
 * on still there?
 */
import { hasErrno, OrchError } from '../base/errors.ts';
import type { LiveRun } from './live-run.ts';

/** What is told instead of `error`; undefined when that has other reasons. */
export async function explainDamage(run: LiveRun, error: unknown): Promise<OrchError | undefined> {
  if (!mayBeDamage(error)) return undefined;
  const missing = await findMissing(run);
  if (missing === undefined && !isDamage(error)) return undefined;
  const { gitDir } = run.parts.git.repository;
  const what =
    missing === undefined
      ? (error as OrchError).what
      : `the repository is gone or damaged: ${gitDir} does not hold ${missing} any more`;
  const fix = `bring back what is missing (git fsck names it; a clone or a backup has it), then: orch resume ${run.state.run}`;
  return new OrchError('ORCH_REPOSITORY_DAMAGED', what, { fix, cause: error });
}

async function findMissing({ parts, state }: LiveRun): Promise<string | undefined> {
  const commit = state.checkpoints.at(-1)?.commit ?? state.base;
  try {
    if (commit !== null) await parts.git.readCommit(commit);
  } catch (error) {
    if (mayBeDamage(error)) return `the commit ${commit}`;
  }
  return parts.ports.files.exists(parts.files.frozen) ? undefined : `the run ${state.run}`;
}

function isDamage(error: unknown): boolean {
  return error instanceof OrchError && error.code === 'ORCH_REPOSITORY_DAMAGED';
}

/** A full disk, no memory or a git that is missing say nothing about the repository. */
function mayBeDamage(error: unknown): boolean {
  if (isDamage(error) || hasErrno(error, 'ENOENT', 'ENOTDIR')) return true;
  const codes = ['ORCH_GIT_FAILED', 'ORCH_REF_MOVED', 'ORCH_SNAPSHOT_INCOMPLETE'];
  return error instanceof OrchError && codes.includes(error.code);
}
