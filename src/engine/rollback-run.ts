/**
 * `orch rollback`: brings the work tree to what a checkpoint holds, at a person's wish; of an isolated
 * run only what it goes on from, and no file. Goes back and forward again; a run that goes on afterwards does the waves behind that checkpoint once more.
 *
 * How a rollback is done without losing anything is roll-back.ts, where it may go checkpoint/rollback.ts.
 */
import type { Oid } from '../base/ids.ts';
import { chooseCheckpoint, type MovedSubmodule, notRestored } from '../checkpoint/rollback.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import type { LeftOutFile } from '../run/events.ts';
import { wavesToRedo } from '../run/set-back.ts';
import { isIsolated } from '../run/state.ts';
import { withHeldRun } from './hold-run.ts';
import type { LiveRun } from './live-run.ts';
import { completeRollBack, prepareRollBack, type Restored, restoreTarget } from './roll-back.ts';

export interface RolledBack {
  readonly run: string;
  /** The checkpoint's commit. */
  readonly restored: Oid;
  /** What the work tree now is, but for ignored and left-out files and the records of runs. */
  readonly tree: Oid;
  readonly to: number;
  /** Ref that holds what was there before. */
  readonly rescue: string;
  /** Submodules that keep what they have checked out, which is not what the checkpoint names. */
  readonly submodules: readonly MovedSubmodule[];
  /** It was begun by an earlier process that did not live to finish it. */
  readonly finished: boolean;
  /** Wave numbers to which the work tree may go instead. */
  readonly others: readonly number[];
  /** Files that the checkpoint does not hold: they are left as they are now. */
  readonly leftOut: readonly LeftOutFile[];
  /** `orch resume` has something to do. */
  readonly isResumable: boolean;
  /** No file has changed, only what the run goes on from; `rescue` holds what it had come to. */
  readonly isIsolated: boolean;
}

/**
 * @param git of the work tree that the run began in
 * @throws OrchError ORCH_LOCKED, ORCH_STEPS_RUNNING, ORCH_NO_SUCH_CHECKPOINT, ORCH_IN_THE_WAY,
 *   ORCH_CHECKPOINT_DAMAGED, all with nothing changed; ORCH_NOT_RESTORED with the rescue's name
 */
export async function rollbackRun(
  ports: Ports,
  git: GitPort,
  request: { readonly run: string; readonly to: number },
): Promise<RolledBack> {
  const { run: id, to } = request;
  return await withHeldRun(
    ports,
    git,
    { id, what: 'rollback', ofIsolated: 'record' },
    async (run) => {
      const open = run.state.rollbackOpen;
      if (open === undefined) chooseCheckpoint(run.state, to);
      const finished = open && (await completeRollBack(run));
      const restored = finished?.done.to === to ? finished : await goTo(run, to);
      if (restored.differing.length > 0) throw notRestored(id, to, restored);
      return describe(run, restored, restored === finished);
    },
  );
}

async function goTo(run: LiveRun, to: number): Promise<Restored> {
  run.record(await prepareRollBack(run, chooseCheckpoint(run.state, to), 'command'));
  run.flush();
  const restored = await restoreTarget(run);
  run.record(restored.done);
  run.flush();
  return restored;
}

function describe({ state }: LiveRun, restored: Restored, finished: boolean): RolledBack {
  const { to, restored: commit } = restored.done;
  const waves = new Set(state.checkpoints.map(({ wave }) => wave));
  return {
    run: state.run,
    restored: commit,
    tree: restored.tree,
    to,
    rescue: restored.rescue,
    submodules: restored.submodules,
    finished,
    others: [...waves].filter((wave) => wave !== to).sort((a, b) => a - b),
    leftOut: state.waves[to]?.leftOut ?? [],
    isIsolated: isIsolated(state),
    isResumable: !hasFinished(state) || wavesToRedo(state).length > 0,
  };
}
