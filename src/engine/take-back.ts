/**
 * Takes back what isolated steps have merged, as new work on top: the tip gets the tree of an earlier
 * moment, and everything that was merged stays in its history.
 */
import type { Oid } from '../base/ids.ts';
import { isLeaf } from '../plan/graph.ts';
import type { Command } from '../run/command.ts';
import type { RollbackDone, RollbackStarted } from '../run/events.ts';
import {
  type Checkpoint,
  hasEnded,
  latestCheckpoint,
  type RunState,
  stepStateOf,
  waveOf,
} from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { moveTip } from './perform-merge.ts';
import { leaveIdlePlaces } from './places.ts';
import { nextRescueRef } from './rescue-ref.ts';
import { heldByPerson, pinHalfSettled } from './resolve-conflict.ts';
import { untilWhole } from './vanished.ts';

/** What was built on a wave whose gate failed, and with `again` the wave itself. */
export function takeBack(
  run: LiveRun,
  { wave, gate, again }: Extract<Command, { type: 'take-back' }>,
): void {
  const target = targetOf(run.state, wave, again);
  run.task('take-back', async () => {
    await pinHalfSettled(run, heldByPerson(run.state));
    const tip = await resetTip(run, target.tree, `gate ${gate} of wave ${wave} failed`);
    return () => {
      for (const index of wavesBuiltOn(run.state, wave, again)) {
        const kept = { kept_until: target.upTo, tip, tree: target.tree };
        run.record({ type: 'wave.invalidated', wave: index, ...kept, gate });
      }
      // Nobody is asked any more to settle what conflicted there.
      run.afterwards(() => leaveIdlePlaces(run));
    };
  });
}

/** What the tip becomes, and the event up to which steps stand. */
export function targetOf(
  state: RunState,
  wave: number,
  again: boolean,
): { readonly tree: Oid; readonly upTo: number } {
  const { sealed } = waveOf(state, wave);
  const before = latestCheckpoint(state, wave - 1);
  if (again && before) return before;
  if (sealed === undefined) throw new Error(`wave ${wave} is not sealed`);
  return { tree: sealed.tree, upTo: sealed.seq };
}

/** To be invalidated, in order. */
export function wavesBuiltOn(state: RunState, wave: number, again: boolean): number[] {
  const touched = new Set<number>(again ? [wave] : []);
  for (const [index, { status }] of state.waves.entries())
    if (index > wave && status !== 'planned') touched.add(index);
  for (const node of state.nodes) {
    const isDone = isLeaf(node) && hasEnded(stepStateOf(state, node.index).status);
    if (node.wave > wave && isDone) touched.add(node.wave);
  }
  return [...touched].sort((a, b) => a - b);
}

async function resetTip(run: LiveRun, tree: Oid, why: string): Promise<Oid> {
  const from = tipOf(run.state);
  const message = `orch: taken back, ${why}\n\nOrch-Run: ${run.state.run}\n`;
  return await untilWhole(run, () => moveTip(run, { from, tree, parents: [from], message }));
}

function tipOf({ tip, run }: RunState): Oid {
  if (tip === undefined) throw new Error(`nothing was merged in run ${run}`);
  return tip.commit;
}

/** `orch rollback` of an isolated run: no file of anybody changes, only what the run goes on from. */
export async function prepareTipRollBack(
  run: LiveRun,
  { wave, tree }: Checkpoint,
  by: 'command' | 'on_failure',
): Promise<RollbackStarted> {
  const commit = tipOf(run.state);
  const rescue = await nextRescueRef(run, ({ oid }) => oid === commit);
  await run.parts.git.updateRefs([{ ref: rescue, to: commit }]);
  return { type: 'rollback.started', to: wave, target: tree, rescue, rescue_commit: commit, by };
}

export async function restoreTip(
  run: LiveRun,
  { wave, tree, commit }: Checkpoint,
): Promise<RollbackDone> {
  const tip = await resetTip(run, tree, `rollback to wave ${wave}`);
  return { type: 'rollback.done', to: wave, restored: commit, tip };
}
