/**
 * Stops a whole job: politely, then by force, then a look that nothing is left. What belongs to the
 * job is decided in quarry.ts.
 *
 * A signal to a process group reaches all members at once, also one that is just being forked; a
 * signal to each process of a list may always come too late for a child that is younger than the list.
 * So SIGTERM goes to the job's group as one signal (the keeper is a member, and its handler does
 * nothing), and to each process that left the group alone. SIGKILL must not hit the keeper, which has
 * an exit code to write: groups without it are killed as one, its own group one by one. Where that is
 * not the end at once, because each process forks before it is hit, the group is stopped as one,
 * killed one by one, and the keeper goes on.
 *
 * A look takes a millisecond or two, and a process that forks and ends all the time can slip through
 * one. "Nothing left" is believed when nothing on the whole system was started during the look, or
 * after several looks, one of them with the group stopped.
 *
 * What this cannot find: a process that left the tree, the session and its environment before the
 * first look. Only a control group or a pid namespace holds such a one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../base/errors.ts';
import type { ProcessIdentity } from '../../ports/processes.ts';
import type { ProcessEntry, ProcessTable } from './process-table.ts';
import { type Found, findQuarry, type Quarry } from './quarry.ts';

/** A pid below zero is a process group, as for kill(2). A test passes one that hurts nobody. */
export type SendSignal = (pid: number, name: NodeJS.Signals) => void;

/** How long SIGKILL may take to show. Only a process stuck in the kernel needs more. */
const KILL_LASTS_MS = 5_000;
const LONGEST_PAUSE_MS = 25;
/** From this round of killing on, the keeper's group is stopped first. */
const FREEZING_ROUND = 3;
/** So many looks in a row must find nothing when processes are started all the time. */
const EMPTY_LOOKS = 8;

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
  signal: SendSignal = sendSignal,
): Promise<readonly ProcessIdentity[]> {
  const known = new Map<string, ProcessEntry>();
  const look = (): Found => {
    const found = findQuarry(table, quarry, known.values(), spared);
    for (const entry of found.targets) known.set(`${entry.pid} ${entry.start}`, entry);
    return found;
  };
  // Should an earlier stop have died while the group was stopped, the keeper goes on from here.
  for (const leader of groupLedBy(table, quarry.keeper)) signal(leader, 'SIGCONT');
  const first = look();
  if (graceMs > 0 && first.targets.length > 0) {
    terminate(table, first, quarry.keeper, signal);
    await waitUntilGone(table, first, look, graceMs);
  }
  return await killUntilGone(table, look, quarry.keeper, signal);
}

/** Lets a keeper's whole group go on: killOnce may have died while it was frozen. */
export function wakeGroup(table: ProcessTable, keeper: ProcessIdentity): void {
  for (const group of groupLedBy(table, keeper)) sendSignal(-group, 'SIGCONT');
}

/** A process that SIGKILL was sent to does nothing more, so nothing is written once this returns. */
export function endKeeper(table: ProcessTable, keeper: ProcessIdentity): void {
  signalProcess(table, keeper, 'SIGKILL', sendSignal);
}

/** SIGCONT follows: a stopped process gets SIGTERM only when it goes on. */
function terminate(
  table: ProcessTable,
  { targets, wholeGroups }: Found,
  keeper: ProcessIdentity | undefined,
  signal: SendSignal,
): void {
  const groups = [...wholeGroups, ...groupLedBy(table, keeper)];
  for (const name of ['SIGTERM', 'SIGCONT'] as const) {
    for (const group of groups) signal(-group, name);
    for (const target of targets)
      if (!groups.includes(target.pgid)) signalProcess(table, target, name, signal);
  }
}

/** Looks at the known ones, which is cheap, and when they are gone at all, for what they started since. */
async function waitUntilGone(
  table: ProcessTable,
  first: Found,
  look: () => Found,
  graceMs: number,
): Promise<void> {
  const deadline = performance.now() + graceMs;
  let { targets } = first;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    if (!targets.some((target) => isSameAndAlive(table, target))) targets = look().targets;
    const remainingMs = deadline - performance.now();
    if (targets.length === 0 || remainingMs <= 0) return;
    await sleep(Math.min(pauseMs, remainingMs));
  }
}

async function killUntilGone(
  table: ProcessTable,
  look: () => Found,
  keeper: ProcessIdentity | undefined,
  signal: SendSignal,
): Promise<readonly ProcessIdentity[]> {
  const deadline = performance.now() + KILL_LASTS_MS;
  let pauseMs = 1;
  let emptyLooks = 0;
  for (let round = 1; ; round += 1) {
    // While something is left, and once before nothing is believed to be.
    const freeze = round >= FREEZING_ROUND && (emptyLooks === 0 || emptyLooks === 2);
    const lastStarted = table.lastStarted();
    const { targets } = killOnce(table, look, freeze ? groupLedBy(table, keeper) : [], signal);
    emptyLooks = targets.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks >= EMPTY_LOOKS) return [];
    if (emptyLooks > 0 && table.lastStarted() === lastStarted) return [];
    if (performance.now() > deadline) return targets.map(({ pid, start }) => ({ pid, start }));
    await sleep(emptyLooks > 0 ? 0 : pauseMs);
    pauseMs = Math.min(pauseMs * 1.3, LONGEST_PAUSE_MS);
  }
}

/** One look and the kill of all it finds. Nothing else happens meanwhile: a `frozen` group must not stay so. */
function killOnce(
  table: ProcessTable,
  look: () => Found,
  frozen: readonly number[],
  signal: SendSignal,
): Found {
  for (const group of frozen) signal(-group, 'SIGSTOP');
  try {
    const found = look();
    for (const group of found.wholeGroups) signal(-group, 'SIGKILL');
    for (const target of found.targets) signalProcess(table, target, 'SIGKILL', signal);
    return found;
  } finally {
    for (const leader of frozen) signal(leader, 'SIGCONT');
  }
}

/** The keeper's process group, while the keeper lives and so holds its number; else none. */
function groupLedBy(table: ProcessTable, keeper: ProcessIdentity | undefined): number[] {
  if (keeper === undefined || keeper.pid <= 1 || !isSameAndAlive(table, keeper)) return [];
  return table.find(keeper.pid)?.pgid === keeper.pid ? [keeper.pid] : [];
}

function isSameAndAlive(table: ProcessTable, { pid, start }: ProcessIdentity): boolean {
  const entry = table.find(pid);
  return entry?.alive === true && entry.start === start;
}

/**
 * Asks who it is right before the signal. Between the two lies a microsecond in which the process may
 * end and its pid be given away; pids come round only after thousands of others.
 */
function signalProcess(
  table: ProcessTable,
  target: ProcessIdentity,
  name: NodeJS.Signals,
  signal: SendSignal,
): void {
  if (target.pid > 1 && isSameAndAlive(table, target)) signal(target.pid, name);
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone is what we want; one of another user stays in the next look and is reported.
    if (!hasErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}
