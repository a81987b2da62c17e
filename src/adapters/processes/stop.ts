/**
 * Stops a whole job: politely, then by force, then a look that nothing is left. What belongs to the
 * job is decided in quarry.ts.
 *
 * SIGTERM goes to the process group as one signal, because the kernel delivers that to all members at
 * once, also to one that is just being forked; the keeper is a member, and its handler does nothing.
 * Whoever left the group gets it alone. SIGKILL goes to each process alone, because the keeper must
 * live to write the exit code. Killing is faster than forking, so repeated looks come to an end; they
 * are bounded nevertheless.
 *
 * What this cannot find: a process that left the tree, the session and its environment before the
 * first look. Only a control group or a pid namespace holds such a one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../base/errors.ts';
import type { ProcessIdentity } from '../../ports/processes.ts';
import type { ProcessEntry, ProcessTable } from './process-table.ts';
import { findQuarry, type Quarry } from './quarry.ts';

/** How long SIGKILL may take to show. Only a process stuck in the kernel needs more. */
const KILL_LASTS_MS = 5_000;
const LONGEST_PAUSE_MS = 25;

/**
 * @param graceMs between SIGTERM and SIGKILL; 0 kills at once
 * @param spared pids that must live, whatever marker they carry
 * @returns what is still alive after SIGKILL, or cannot be signalled; empty when all is gone
 */
export async function stopQuarry(
  table: ProcessTable,
  quarry: Quarry,
  graceMs: number,
  spared: ReadonlySet<number>,
): Promise<readonly ProcessIdentity[]> {
  const known = new Map<string, ProcessEntry>();
  const look = (): ProcessEntry[] => {
    const found = findQuarry(table, quarry, known.values(), spared);
    for (const entry of found) known.set(`${entry.pid} ${entry.start}`, entry);
    return found;
  };
  const first = look();
  if (first.length === 0) return [];
  if (graceMs > 0) {
    terminate(table, first, quarry.keeper);
    await waitUntilGone(table, first, look, graceMs);
  }
  return await killUntilGone(table, look);
}

/** SIGCONT follows: a stopped process gets SIGTERM only when it goes on. */
function terminate(
  table: ProcessTable,
  targets: readonly ProcessEntry[],
  keeper: ProcessIdentity | undefined,
): void {
  const leader = keeper === undefined ? undefined : table.find(keeper.pid);
  const leads =
    leader?.alive === true && leader.start === keeper?.start && leader.pgid === leader.pid;
  const group = leads && leader.pid > 1 ? leader.pid : undefined;
  for (const name of ['SIGTERM', 'SIGCONT'] as const) {
    if (group !== undefined) signal(-group, name);
    for (const target of targets) if (target.pgid !== group) signalProcess(table, target, name);
  }
}

/** Looks at the known ones, which is cheap, and when they are gone at all, for what they started since. */
async function waitUntilGone(
  table: ProcessTable,
  first: readonly ProcessEntry[],
  look: () => ProcessEntry[],
  graceMs: number,
): Promise<void> {
  const deadline = performance.now() + graceMs;
  let targets = first;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    if (!targets.some((target) => isSameAndAlive(table, target))) targets = look();
    const remainingMs = deadline - performance.now();
    if (targets.length === 0 || remainingMs <= 0) return;
    await sleep(Math.min(pauseMs, remainingMs));
  }
}

async function killUntilGone(
  table: ProcessTable,
  look: () => ProcessEntry[],
): Promise<readonly ProcessIdentity[]> {
  const deadline = performance.now() + KILL_LASTS_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.3, LONGEST_PAUSE_MS)) {
    const targets = look();
    if (targets.length === 0) return [];
    if (performance.now() > deadline) return targets.map(({ pid, start }) => ({ pid, start }));
    for (const target of targets) signalProcess(table, target, 'SIGKILL');
    await sleep(pauseMs);
  }
}

function isSameAndAlive(table: ProcessTable, { pid, start }: ProcessIdentity): boolean {
  const entry = table.find(pid);
  return entry?.alive === true && entry.start === start;
}

/**
 * Asks who it is right before the signal. Between the two lies a microsecond in which the process may
 * end and its pid be given away; pids come round only after thousands of others.
 */
function signalProcess(table: ProcessTable, target: ProcessIdentity, name: NodeJS.Signals): void {
  if (target.pid > 1 && isSameAndAlive(table, target)) signal(target.pid, name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone is what we want; one of another user stays in the next look and is reported.
    if (!hasErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}
