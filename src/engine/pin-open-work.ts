/** Pins what lies in the worktrees of work that has no end yet, before a run forgets that it was begun. */
import type { PlanNode } from '../plan/plan.ts';
import { stepStateOf } from '../run/state.ts';
import { pinStep } from './end-isolated.ts';
import type { LiveRun } from './live-run.ts';
import { findPlace } from './places.ts';
import { pinHalfSettled } from './resolve-conflict.ts';

/** Attempts, and conflicts that somebody settles. Nothing of them may be at work any more. */
export async function pinOpenWork(run: LiveRun): Promise<void> {
  const { nodes, running, conflicts } = run.state;
  for (const index of running) {
    const node = nodes[index] as PlanNode;
    const { attempts } = stepStateOf(run.state, index);
    const { worktree } = attempts.at(-1) ?? {};
    const place = worktree === undefined ? undefined : await findPlace(run, worktree);
    if (place) await pinStep(run, node, attempts.length, place);
  }
  await pinHalfSettled(
    run,
    [...conflicts].map((index) => nodes[index] as PlanNode),
  );
}
