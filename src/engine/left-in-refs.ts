/** Which refs of an isolated run `orch gc` has to keep although the run was accepted long ago. */
import { mergedRef } from '../checkpoint/layout.ts';
import { judgeLeavings } from '../checkpoint/retention.ts';
import type { GitPort } from '../ports/git.ts';
import { isIsolated } from '../run/state.ts';
import { findLeftWork, haveRefs, pinnedRefs } from './pinned-work.ts';
import type { RunToRetain } from './retained-run.ts';

/**
 * Refs that hold work which is in no result; asked only when the time of the others has come. The merges
 * are among them while any of it is left: they tell what became of it when the journal is gone.
 */
export async function leftInRefs(
  git: GitPort,
  retained: RunToRetain,
  nowMs: number,
): Promise<ReadonlySet<string>> {
  const { read, run } = retained;
  if (read === undefined || !isIsolated(read.state)) return new Set();
  if (!judgeLeavings(retained, nowMs).remove) return new Set();
  const refs = (await pinnedRefs(git)).get(run) ?? [];
  const attempts = refs.filter(({ name }) => name.kind === 'attempt');
  const left = await findLeftWork(git, { run, read }, attempts);
  const found = new Set(left.map(({ ref }) => ref));
  if (left.length > 0 || !(await haveRefs(git, run, attempts))) found.add(mergedRef(run));
  return found;
}
