/** Which ref a rescue gets: never one that holds something else already. */
import { rescueRef } from '../checkpoint/layout.ts';
import type { Commit } from '../ports/git.ts';
import type { LiveRun } from './live-run.ts';

/**
 * The next ref of the run's rescues. One that is there without the journal naming it was left by a
 * crash, or belongs to a journal that is gone: it is taken when it holds the same, and else passed by.
 */
export async function nextRescueRef(
  run: LiveRun,
  holdsTheSame: (commit: Commit) => boolean | Promise<boolean>,
): Promise<string> {
  const { git } = run.parts;
  for (let number = run.state.rescues + 1; ; number++) {
    const ref = rescueRef(run.state.run, number);
    const held = await git.resolve(ref);
    if (held === null || (await holdsTheSame(await git.readCommit(held)))) return ref;
  }
}
