/**
 * The operating system's processes for real. Puts together what the other files of this room know:
 * keepers (keeper.ts), the process table (proc-table.ts, or ps-table.ts where there is no /proc), the
 * cost of a job (usage.ts) and its end (stop.ts).
 */
import { existsSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { hasErrno } from '../../base/errors.ts';
import type {
  KeeperEvents,
  ProcessIdentity,
  ProcessPlace,
  ProcessPort,
} from '../../ports/processes.ts';
import { startDetachedProgram } from './detached-program.ts';
import { findProgram } from './find-program.ts';
import { startKeeperProcess } from './keeper.ts';
import { createProcTable } from './proc-table.ts';
import type { ProcessTable } from './process-table.ts';
import { createPsTable } from './ps-table.ts';
import { findQuarry } from './quarry.ts';
import { endKeeper, stopQuarry, wakeGroup } from './stop.ts';
import { measureUsage } from './usage.ts';

export function createProcesses(table: ProcessTable = openProcessTable()): ProcessPort {
  /** Pids of this process's living keepers: no stop may hit one, not even by its marker. */
  const keepers = new Set<number>();
  const identify = (pid: number): ProcessIdentity => {
    const start = table.find(pid)?.start;
    if (start === undefined)
      throw new Error(`process ${pid} has just been started and is not there`);
    return { pid, start };
  };
  return {
    bootId: () => table.bootId(),
    place: findPlace,
    self: () => identify(process.pid),
    isAlive: ({ pid, start }) => {
      const entry = table.find(pid);
      return entry?.alive === true && entry.start === start;
    },
    findProgram,
    startProgram: startDetachedProgram,
    startKeeper: (slot, exitLog, events) => {
      const keeper = startKeeperProcess(slot, exitLog, forgetEnded(keepers, events), identify);
      keepers.add(keeper.identity.pid);
      return keeper;
    },
    usage: (keeper) => measureUsage(table, keeper),
    stopJob: ({ keeper, marker, graceMs }) =>
      stopQuarry(table, { keeper, marker }, graceMs, keepers),
    wake: (keeper) => wakeGroup(table, keeper),
    endKeeper: (keeper) => endKeeper(table, keeper),
    findMarked: (marker) =>
      findQuarry(table, { marker }, [], keepers).targets.map(({ pid, start }) => ({ pid, start })),
    stopMarked: (marker, graceMs) => stopQuarry(table, { marker }, graceMs, keepers),
  };
}

function forgetEnded(keepers: Set<number>, events: KeeperEvents): KeeperEvents {
  return {
    jobEnded: (keeper, key, exitCode) => events.jobEnded(keeper, key, exitCode),
    keeperEnded: (keeper) => {
      keepers.delete(keeper.identity.pid);
      events.keeperEnded(keeper);
    },
  };
}

function openProcessTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? createProcTable() : createPsTable();
}

function findPlace(): ProcessPlace {
  const host = hostname();
  try {
    return { host, pid_ns: readlinkSync('/proc/self/ns/pid') };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'EPERM')) return { host };
    throw error;
  }
}
