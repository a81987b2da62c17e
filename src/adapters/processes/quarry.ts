/**
 * Which processes belong to a job, and which must never be touched. Decides from one look at the
 * process table; signals nothing (stop.ts does).
 */
import type { ProcessIdentity } from '../../ports/processes.ts';
import { descendantsIn, type ProcessEntry, type ProcessTable } from './process-table.ts';

export interface Quarry {
  /** Absent when only the marker tells what belongs to the job. */
  readonly keeper?: ProcessIdentity;
  /** At least one entry: an empty one would fit every process. */
  readonly marker: Readonly<Record<string, string>>;
}

export interface Found {
  readonly targets: readonly ProcessEntry[];
  /** Process groups all of whose living members are targets: they can be signalled as one. */
  readonly wholeGroups: readonly number[];
}

/**
 * The living processes of a job:
 * - below its keeper, in its keeper's session or process group;
 * - that carry the marker, wherever they went;
 * - seen in an earlier look (`known`), for instance before their parent died and they moved to init;
 * - below any of these.
 *
 * Never: pid 1 and below, threads of the kernel, this process, its ancestors, its process group, the
 * keeper, and the other keepers of this process (`spared`). A keeper counts only while its start time
 * fits: when it is gone, its numbers may belong to someone else, and only the marker tells.
 */
export function findQuarry(
  table: ProcessTable,
  quarry: Quarry,
  known: Iterable<ProcessIdentity>,
  spared: ReadonlySet<number>,
): Found {
  if (Object.keys(quarry.marker).length === 0) throw new Error('an empty marker fits everything');
  const entries = table.all().filter((entry) => entry.alive && !entry.kernel);
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
  const roots = new Set(table.marked(quarry.marker, entries));
  for (const { pid, start } of known) if (byPid.get(pid)?.start === start) roots.add(pid);
  const keeper = quarry.keeper;
  if (keeper !== undefined && byPid.get(keeper.pid)?.start === keeper.start) {
    for (const { pid, session, pgid } of entries)
      if (session === keeper.pid || pgid === keeper.pid) roots.add(pid);
  }
  const untouchable = findUntouchable(byPid, spared);
  if (keeper !== undefined) untouchable.add(keeper.pid);
  for (const entry of descendantsIn(entries, roots)) roots.add(entry.pid);
  const isTarget = (entry: ProcessEntry): boolean =>
    roots.has(entry.pid) && !untouchable.has(entry.pid);
  const targets = entries.filter(isTarget);
  const mixed = new Set(entries.filter((entry) => !isTarget(entry)).map(({ pgid }) => pgid));
  const groups = new Set(targets.map(({ pgid }) => pgid));
  return {
    targets,
    wholeGroups: [...groups].filter((group) => group > 1 && !mixed.has(group)),
  };
}

/** Pids no stop may signal, whatever marker they carry. */
function findUntouchable(
  byPid: ReadonlyMap<number, ProcessEntry>,
  spared: ReadonlySet<number>,
): Set<number> {
  const untouchable = new Set([0, 1, ...spared]);
  const self = byPid.get(process.pid);
  for (let entry = self; entry !== undefined; entry = byPid.get(entry.ppid)) {
    if (untouchable.has(entry.pid)) break;
    untouchable.add(entry.pid);
  }
  for (const entry of byPid.values()) {
    if (self !== undefined && entry.pgid === self.pgid) untouchable.add(entry.pid);
  }
  return untouchable;
}
