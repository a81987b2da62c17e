/**
 * Processes as `ps` tells them, for systems without /proc (macOS). It knows less, and this file does
 * not pretend otherwise: start times count whole seconds, CPU time of ended children and peaks of
 * memory are not known, and the environment of a program that the system protects is not shown. Each
 * look costs some milliseconds, so a look is good for a short while.
 */
import { execFileSync } from 'node:child_process';
import { livingBelow, type ProcessEntry, type ProcessTable } from './process-table.ts';

/** Runs a program and gives its output; a test passes recorded output. */
export type RunProgram = (program: string, args: readonly string[]) => string;

/** How long one look is believed. A pid comes round again only after many thousands of starts. */
const LOOK_LASTS_MS = 20;

interface PsEntry extends ProcessEntry {
  readonly rssBytes: number;
}

export function createPsTable(run: RunProgram = runProgram): ProcessTable {
  let looked: { readonly at: number; readonly entries: PsEntry[] } | undefined;
  const all = (): PsEntry[] => {
    if (looked === undefined || performance.now() - looked.at > LOOK_LASTS_MS) {
      const columns = 'pid=,ppid=,pgid=,state=,rss=,time=,lstart=';
      const entries = run('ps', ['-A', '-o', columns]).split('\n').flatMap(parsePsLine);
      looked = { at: performance.now(), entries };
    }
    return looked.entries;
  };
  const find = (pid: number): PsEntry | undefined => all().find((entry) => entry.pid === pid);
  return {
    bootId: () => run('sysctl', ['-n', 'kern.bootsessionuuid']).trim(),
    find,
    all,
    descendants: (pid) => livingBelow(all(), pid),
    memory: (pid) => {
      const rssBytes = find(pid)?.rssBytes ?? 0;
      return { rssBytes, peakRssBytes: rssBytes };
    },
    lastStarted: () => '',
    marked: (marker, among) => {
      const pids = new Set(among.map(({ pid }) => pid));
      const output = run('ps', ['axeww', '-o', 'pid=,command=']);
      return parseMarked(output, marker).filter((pid) => pids.has(pid));
    },
  };
}

/** One line of `ps -o pid=,ppid=,pgid=,state=,rss=,time=,lstart=`; empty for anything else. */
export function parsePsLine(line: string): PsEntry[] {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+([\d:.-]+)\s+(\S.*?)\s*$/.exec(line);
  if (match === null) return [];
  const [, pid, ppid, pgid, state = '', rssKilobytes, time = '', start = ''] = match;
  return [
    {
      pid: Number(pid),
      ppid: Number(ppid),
      pgid: Number(pgid),
      session: Number(pgid),
      start: start.replace(/\s+/g, ' '),
      alive: !state.startsWith('Z'),
      kernel: false,
      ownCpuSeconds: parseCpuTime(time),
      reapedCpuSeconds: 0,
      rssBytes: Number(rssKilobytes) * 1024,
    },
  ];
}

/** `[days-][hours:]minutes:seconds[.hundredths]` */
function parseCpuTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').reverse();
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}

/** The environment follows the command, separated by spaces like everything else. */
function parseMarked(output: string, marker: Readonly<Record<string, string>>): number[] {
  const entries = Object.entries(marker).map(([name, value]) => ` ${name}=${value} `);
  return output.split('\n').flatMap((line) => {
    const framed = `${line} `;
    return entries.every((entry) => framed.includes(entry)) ? [Number.parseInt(line, 10)] : [];
  });
}

function runProgram(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // Start times are compared as text, so they must not depend on who asks.
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
