/**
 * Decides about going back: to which checkpoint, what a restore that was cut short has left, and
 * whether the work tree is then what it should be. Writing files is the engine's business.
 *
 * What lies below `.orch/runs` is the record of what happened. It is never taken back, so differences
 * there count for nothing.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { plural, stripControl } from '../base/text.ts';
import { type Checkpoint, latestCheckpoint, type RunState } from '../run/state.ts';
import { RECORDS_FOLDER } from './layout.ts';

/** One path that two trees differ in, from the first to the second. */
export interface PathChange {
  readonly path: string;
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldOid: Oid;
  readonly newOid: Oid;
}

/**
 * The checkpoint that a person may go to.
 * @throws OrchError ORCH_NO_SUCH_CHECKPOINT when there is none, or when an earlier rollback has set
 *   its wave back: the steps of such a wave count as not done, and its files would say otherwise
 */
export function chooseCheckpoint(state: RunState, wave: number): Checkpoint {
  const found = latestCheckpoint(state, wave);
  const isSetBack = wave > 0 && state.waves[wave]?.behind === false;
  if (found !== undefined && !isSetBack) return found;
  if (found !== undefined) {
    throw new OrchError(
      'ORCH_NO_SUCH_CHECKPOINT',
      `wave ${wave} of run ${state.run} is being done again, so its former checkpoint is no place to stand at`,
      { fix: `orch resume ${state.run}, or look at it: git show ${found.commit}` },
    );
  }
  const waves = [...new Set(state.checkpoints.map((checkpoint) => checkpoint.wave))];
  throw new OrchError(
    'ORCH_NO_SUCH_CHECKPOINT',
    `run ${state.run} has no checkpoint of wave ${wave}`,
    {
      fix:
        waves.length === 0
          ? `orch resume ${state.run}: it was stopped before its first checkpoint`
          : `orch rollback ${state.run} --to <one of ${waves.join(', ')}>`,
    },
  );
}

/** Changes that matter: all but those below `.orch/runs`. */
export function withoutRecords<T extends { readonly path: string }>(changes: readonly T[]): T[] {
  return changes.filter(({ path }) => !path.startsWith(`${RECORDS_FOLDER}/`));
}

/**
 * Paths that somebody else changed while a restore lay half done: all that still differs from the
 * target should differ in the way it did at the start.
 * @param before what differed from the target when the restore began
 * @param now what differs from it now
 */
export function editedSince(before: readonly PathChange[], now: readonly PathChange[]): string[] {
  const known = new Map(before.map((change) => [change.path, change]));
  return withoutRecords(now)
    .filter(({ path, oldMode, oldOid }) => {
      const begun = known.get(path);
      return begun === undefined || begun.oldMode !== oldMode || begun.oldOid !== oldOid;
    })
    .map(({ path }) => path);
}

const SUBMODULE_MODE = '160000';

/** Which commit a submodule has checked out is its own business: it is neither restored nor missed. */
export function isSubmoduleMove({
  oldMode,
  newMode,
}: Pick<PathChange, 'oldMode' | 'newMode'>): boolean {
  return oldMode === SUBMODULE_MODE && newMode === SUBMODULE_MODE;
}

/** A submodule that stands elsewhere than the checkpoint says. */
export interface MovedSubmodule {
  readonly path: string;
  /** What it had checked out when the checkpoint was made. */
  readonly commit: Oid;
}

/** What a restore has left unlike its target, by whether it should have. */
export function judgeRestored(nowToTarget: readonly PathChange[]): {
  readonly differing: readonly string[];
  readonly submodules: readonly MovedSubmodule[];
} {
  const changes = withoutRecords(nowToTarget);
  return {
    differing: changes.filter((change) => !isSubmoduleMove(change)).map(({ path }) => path),
    submodules: changes
      .filter(isSubmoduleMove)
      .map(({ path, newOid }) => ({ path, commit: newOid })),
  };
}

/** A few paths for a message, and how many there are besides. */
export function namePaths(paths: readonly string[], atMost = 5): string {
  const shown = paths.slice(0, atMost).map(stripControl).join(', ');
  return paths.length > atMost ? `${shown} and ${paths.length - atMost} more` : shown;
}

export function inTheWay(run: string, to: number, paths: readonly string[]): OrchError {
  const verb = paths.length === 1 ? 'is' : 'are';
  return new OrchError(
    'ORCH_IN_THE_WAY',
    `${plural(paths.length, 'file')} that no checkpoint holds ${verb} in the way: ${namePaths(paths)}; nothing was changed`,
    { fix: `move ${verb === 'is' ? 'it' : 'them'} away, then: orch rollback ${run} --to ${to}` },
  );
}

/** The files are not what they should be although all were written. */
export function notRestored(
  run: string,
  to: number,
  { rescue, differing: paths }: { readonly rescue: string; readonly differing: readonly string[] },
): OrchError {
  return new OrchError(
    'ORCH_NOT_RESTORED',
    `after the rollback ${plural(paths.length, 'path')} ${paths.length === 1 ? 'differs' : 'differ'} from checkpoint ${to}: ${namePaths(paths)}; what was there before is in ${rescue}`,
    {
      fix: `stop what writes there (an editor, a watcher, a filter in .gitattributes), then: orch rollback ${run} --to ${to}`,
    },
  );
}
