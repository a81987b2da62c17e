/**
 * What the job below a keeper has used. A look costs a few system calls for each process of the tree
 * (bench/keeper.ts measures it), so it can be taken several times a second.
 */
import type { ProcessIdentity, TreeUsage } from '../../ports/processes.ts';
import type { ProcessTable } from './process-table.ts';

/**
 * CPU time is cumulative over all jobs the keeper has had: subtract what was measured before the job
 * was handed over. It counts the living and, as the keeper waits for its jobs, those that ended below
 * it; not those that left the tree (a daemon) or whose parent ignored their end. A process may end
 * between two reads; parents are read first, so the sum can then be too low for one look and never too
 * high: keep the maximum.
 *
 * Memory counts pages that processes share once for each. The peak is the sum of the peaks of the
 * living, which sees what happened between two looks; it can exceed what was in use at one time.
 */
export function measureUsage(
  table: ProcessTable,
  keeper: ProcessIdentity,
): Required<TreeUsage> | undefined {
  const root = table.find(keeper.pid);
  if (root === undefined || !root.alive || root.start !== keeper.start) return undefined;
  const below = table.descendants(keeper.pid);
  const usage = {
    cpuSeconds: root.reapedCpuSeconds,
    rssBytes: 0,
    peakRssBytes: 0,
    processes: below.length,
  };
  for (const entry of below) {
    const memory = table.memory(entry.pid);
    usage.cpuSeconds += entry.ownCpuSeconds + entry.reapedCpuSeconds;
    usage.rssBytes += memory.rssBytes;
    usage.peakRssBytes += memory.peakRssBytes;
  }
  return usage;
}
