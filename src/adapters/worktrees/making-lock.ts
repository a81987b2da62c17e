/**
 * One at a time changes git's list of worktrees: within this process by a queue, between processes by
 * files that announce.
 *
 * Whoever wants to work writes a file of its own and then looks who else has one. When another living
 * process has, it takes its file back and tries later; of two that look at the same time at least one
 * sees the other. No name is ever used twice, so removing what the dead have left takes nothing from
 * the living.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { OrchError } from '../../base/errors.ts';
import type { FilesPort } from '../../ports/files.ts';
import type { ProcessPort } from '../../ports/processes.ts';
import { describeSelf, type Holder, isElsewhere, isHolder, isHolderAlive } from './holder.ts';

export interface LockWorld {
  readonly files: FilesPort;
  readonly processes: ProcessPort;
}

/** The work under this lock takes milliseconds; a holder that is in the way for so long is stuck. */
const WAIT_LIMIT_MS = 60_000;
const MAX_PAUSE_MS = 100;

const queues = new Map<string, Promise<unknown>>();

/**
 * @param folder absolute; of the lock alone
 * @throws OrchError ORCH_WORKTREE_FAILED when another process holds it for a minute
 */
export async function whileMaking<T>(
  world: LockWorld,
  folder: string,
  work: () => Promise<T>,
): Promise<T> {
  const before = queues.get(folder) ?? Promise.resolve();
  const turn = before.then(() => announced(world, folder, work));
  // The next one waits for the end of this one and has nothing to do with how it ended.
  const ended = turn.catch(() => {});
  queues.set(folder, ended);
  try {
    return await turn;
  } finally {
    if (queues.get(folder) === ended) queues.delete(folder);
  }
}

async function announced<T>(world: LockWorld, folder: string, work: () => Promise<T>): Promise<T> {
  const { files } = world;
  files.makeFolder(folder);
  const mine = `${folder}/${process.pid}-${randomBytes(6).toString('hex')}`;
  const startedAtMs = performance.now();
  for (;;) {
    let other = livingHolder(world, folder, mine);
    if (other === undefined) {
      files.createExclusive(mine, `${JSON.stringify(describeSelf(world.processes))}\n`);
      other = livingHolder(world, folder, mine);
      if (other === undefined) break;
      files.remove(mine);
    }
    if (performance.now() - startedAtMs > WAIT_LIMIT_MS) throw heldTooLong(other);
    await delay(Math.random() * MAX_PAUSE_MS);
  }
  try {
    return await work();
  } finally {
    files.remove(mine);
  }
}

interface Announcement extends Holder {
  readonly path: string;
}

function livingHolder(
  { files, processes }: LockWorld,
  folder: string,
  mine: string,
): Announcement | undefined {
  for (const name of files.list(folder)) {
    const path = `${folder}/${name}`;
    if (path === mine) continue;
    const holder = readHolder(files, path);
    if (holder !== undefined && isRival(processes, holder)) return { ...holder, path };
    files.remove(path);
  }
  return undefined;
}

/** This process has a queue: what it announced before is over, and could not be removed then. */
function isRival(processes: ProcessPort, holder: Holder): boolean {
  const { pid, start } = processes.self();
  const isOwn = holder.pid === pid && holder.start === start && !isElsewhere(processes, holder);
  return !isOwn && isHolderAlive(processes, holder);
}

/** Removes what processes that were killed have announced. */
export function clearDead({ files, processes }: LockWorld, folder: string): void {
  for (const name of files.list(folder)) {
    const path = `${folder}/${name}`;
    const holder = readHolder(files, path);
    if (holder === undefined || !isHolderAlive(processes, holder)) files.remove(path);
  }
}

/** Undefined when it is gone again, or nothing that this file has written whole. */
function readHolder(files: FilesPort, path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(files.readText(path) ?? 'null');
    return isHolder(value) ? (value as Holder) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function heldTooLong({ pid, host, path }: Announcement): OrchError {
  return new OrchError(
    'ORCH_WORKTREE_FAILED',
    `process ${pid} on ${host} has been making or removing a worktree for a minute`,
    { fix: `end it; when it is sure to be gone: rm ${JSON.stringify(path)}` },
  );
}
