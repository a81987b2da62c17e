/**
 * What this adapter wants to know of the system's processes, in two ways: from /proc (proc-table.ts)
 * or from `ps` where there is no /proc (ps-table.ts). Everything above (usage, stopping) is written
 * once, against this.
 */

export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  /** On systems whose ps knows no sessions, the same as pgid. */
  readonly session: number;
  /** As in ProcessIdentity: differs between two processes that had the same pid. */
  readonly start: string;
  /** False for a zombie. */
  readonly alive: boolean;
  /** A thread of the kernel, which no one may signal. */
  readonly kernel: boolean;
  /** CPU seconds of the process itself. */
  readonly ownCpuSeconds: number;
  /** CPU seconds of its children that ended and were waited for, and theirs; 0 where not known. */
  readonly reapedCpuSeconds: number;
}

export interface Memory {
  readonly rssBytes: number;
  /** The highest it ever was; the present value where the system does not keep it. */
  readonly peakRssBytes: number;
}

export interface ProcessTable {
  /** Differs after every start of the system. */
  bootId(): string;
  /** Zombies too; undefined when there is no such process. */
  find(pid: number): ProcessEntry | undefined;
  /** Every process that can be seen; those that vanish during the look are left out. */
  all(): ProcessEntry[];
  /** Living processes below `pid`, parents before their children, `pid` itself not included. */
  descendants(pid: number): ProcessEntry[];
  memory(pid: number): Memory;
  /** Changes whenever any process is started; always the same where the system does not tell. */
  lastStarted(): string;
  /** Which of these processes carry all these entries in the environment they were started with. */
  marked(marker: Readonly<Record<string, string>>, among: readonly ProcessEntry[]): number[];
}

/** Follows parents in a list of processes: all below the given pids, parents before their children. */
export function descendantsIn(
  entries: readonly ProcessEntry[],
  roots: Iterable<number>,
): ProcessEntry[] {
  const childrenOf = new Map<number, ProcessEntry[]>();
  for (const entry of entries) {
    const siblings = childrenOf.get(entry.ppid);
    if (siblings === undefined) childrenOf.set(entry.ppid, [entry]);
    else siblings.push(entry);
  }
  const seen = new Set(roots);
  const found: ProcessEntry[] = [];
  for (const pid of seen) {
    for (const child of childrenOf.get(pid) ?? []) {
      if (seen.has(child.pid)) continue;
      seen.add(child.pid); // The loop over `seen` comes to it: a Set goes on with what is added.
      found.push(child);
    }
  }
  return found;
}

/** As descendantsIn, for one root and without zombies: what `descendants` of a table gives. */
export function livingBelow(entries: readonly ProcessEntry[], root: number): ProcessEntry[] {
  return descendantsIn(entries, [root]).filter((entry) => entry.alive);
}
