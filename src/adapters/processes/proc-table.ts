/**
 * Processes as Linux shows them in /proc. Formats: proc(5). Any process may vanish between two looks,
 * and one of another user may be closed to us: both count as not there.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { livingBelow, type Memory, type ProcessEntry, type ProcessTable } from './process-table.ts';

/** /proc itself, so that a test can show processes that do not exist. Text is one byte a character. */
export interface ProcReader {
  /** Names in a folder below /proc; empty when it is not there. */
  list(folder: string): string[];
  /** Content of a file below /proc; undefined when it is not there or not open to us. */
  read(path: string): string | undefined;
}

/** The unit of times in /proc as the kernel shows them to programs: USER_HZ, 100 on every platform Node runs on. */
const TICKS_PER_SECOND = 100;
const KERNEL_THREAD_FLAG = 0x0020_0000;

export function createProcTable(reader: ProcReader = createProcReader()): ProcessTable {
  const find = (pid: number): ProcessEntry | undefined => {
    const text = reader.read(`${pid}/stat`);
    return text === undefined ? undefined : parseStat(text);
  };
  const all = (): ProcessEntry[] =>
    reader.list('').flatMap((name) => (/^\d+$/.test(name) ? (find(Number(name)) ?? []) : []));
  return {
    bootId: () => (reader.read('sys/kernel/random/boot_id') ?? '').trim(),
    find,
    all,
    descendants: (pid) => descendantsByChildren(reader, find, pid) ?? livingBelow(all(), pid),
    memory: (pid) => parseMemory(reader.read(`${pid}/status`) ?? ''),
    lastStarted: () => (reader.read('loadavg') ?? '').trim().split(' ').at(-1) ?? '',
    marked: (marker, among) => {
      const entries = Object.entries(marker).map(
        ([name, value]) => `\0${Buffer.from(`${name}=${value}`).toString('latin1')}\0`,
      );
      const carries = (pid: number): boolean => {
        const framed = `\0${reader.read(`${pid}/environ`) ?? ''}\0`;
        return entries.every((entry) => framed.includes(entry));
      };
      return among.map(({ pid }) => pid).filter(carries);
    },
  };
}

/** Reads a line of /proc/<pid>/stat. The command's name may hold spaces and parentheses. */
export function parseStat(text: string): ProcessEntry | undefined {
  const nameEnd = text.lastIndexOf(')');
  // Field n of proc(5) is fields[n - 3]: pid and name, fields 1 and 2, stand before.
  const fields = text.slice(nameEnd + 2).split(' ');
  const [state, ppid, pgid, session] = fields;
  const start = fields[19];
  if (nameEnd < 0 || state === undefined || start === undefined) return undefined;
  const number = (field: number): number => Number(fields[field - 3]);
  return {
    pid: Number.parseInt(text, 10),
    ppid: Number(ppid),
    pgid: Number(pgid),
    session: Number(session),
    start,
    // A main thread that ended before the others is shown as a zombie too, but the process lives.
    alive: (state !== 'Z' && state !== 'X') || number(20) > 1,
    kernel: (number(9) & KERNEL_THREAD_FLAG) !== 0,
    ownCpuSeconds: (number(14) + number(15)) / TICKS_PER_SECOND,
    reapedCpuSeconds: (number(16) + number(17)) / TICKS_PER_SECOND,
  };
}

function parseMemory(status: string): Memory {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { rssBytes: bytes('VmRSS'), peakRssBytes: bytes('VmHWM') };
}

/** Undefined on a kernel without `children` files (CONFIG_PROC_CHILDREN), or when the root is gone. */
function descendantsByChildren(
  reader: ProcReader,
  find: (pid: number) => ProcessEntry | undefined,
  root: number,
): ProcessEntry[] | undefined {
  if (reader.read(`${root}/task/${root}/children`) === undefined) return undefined;
  const found: ProcessEntry[] = [];
  const queue = [root];
  for (const pid of queue) {
    // Children belong to the thread that started them.
    for (const thread of reader.list(`${pid}/task`)) {
      for (const child of (reader.read(`${pid}/task/${thread}/children`) ?? '').split(' ')) {
        const entry = child === '' ? undefined : find(Number(child));
        if (!entry?.alive) continue;
        found.push(entry);
        queue.push(entry.pid);
      }
    }
  }
  return found;
}

/** Plain system calls into one buffer: readFileSync costs three times as much for files of no known size. */
export function createProcReader(): ProcReader {
  let buffer = Buffer.allocUnsafe(16_384);
  return {
    list(folder) {
      try {
        return readdirSync(`/proc/${folder}`);
      } catch {
        return []; // Gone, or closed to us.
      }
    },
    read(path) {
      let fd: number;
      try {
        fd = openSync(`/proc/${path}`, 'r');
      } catch {
        return undefined; // Gone, or closed to us.
      }
      try {
        let length = 0;
        for (;;) {
          const count = readSync(fd, buffer, length, buffer.length - length, null);
          length += count;
          if (count === 0) return buffer.toString('latin1', 0, length);
          if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
        }
      } catch {
        return undefined; // It ended while we read (ESRCH), or is closed to us (EACCES).
      } finally {
        closeSync(fd);
      }
    },
  };
}
