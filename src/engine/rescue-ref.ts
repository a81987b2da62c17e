/** Which ref a rescue gets: never one that holds something else already. */
import { rescueRef } from '../checkpoint/layout.ts';
import type { Commit, GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { LiveRun } from './live-run.ts';
import { knowRun } from './pinned-work.ts';

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

/** Above every one that is there or that the run's journal names. */
export async function freeRescueRef(ports: Ports, git: GitPort, run: string): Promise<string> {
  const { read } = knowRun(ports, git.repository.commonDir, run);
  const refs = await git.listRefs(`refs/orch/rescue/${run}`);
  const taken = refs.map(({ ref }) => Number(ref.slice(ref.lastIndexOf('/') + 1)) || 0);
  return rescueRef(run, Math.max(read?.state.rescues ?? 0, ...taken) + 1);
}
