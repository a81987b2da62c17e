/** A /proc of processes that do not exist: pids can be reused, and nobody can be hurt. */
import type { ProcReader } from '../../src/adapters/processes/proc-table.ts';

export interface FakeProcess {
  readonly pid: number;
  readonly ppid?: number;
  readonly pgid?: number;
  readonly session?: number;
  readonly start?: string;
  readonly state?: string;
  readonly threads?: number;
  readonly kernel?: boolean;
  /** Clock ticks: user, system, and the same of children that were waited for. */
  readonly ticks?: readonly [number, number, number, number];
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly rssKb?: number;
  readonly peakKb?: number;
}

/** @param children whether the kernel offers `children` files */
export function makeFakeProc(
  processes: readonly FakeProcess[],
  { children = true }: { readonly children?: boolean } = {},
): ProcReader {
  const find = (pid: number): FakeProcess | undefined => processes.find((one) => one.pid === pid);
  return {
    list: (folder) => {
      if (folder === '') return ['self', 'sys', ...processes.map(({ pid }) => String(pid))];
      const pid = Number(/^(\d+)\/task$/.exec(folder)?.[1]);
      return find(pid) === undefined ? [] : [String(pid)];
    },
    read: (path) => {
      const [, pid, file] = /^(\d+)\/(?:task\/\d+\/)?(\w+)$/.exec(path) ?? [];
      const one = find(Number(pid));
      if (one === undefined) return undefined;
      if (file === 'stat') return formatStat(one);
      if (file === 'status')
        return `Name:\tx\nVmHWM:\t${one.peakKb ?? 0} kB\nVmRSS:\t${one.rssKb ?? 0} kB\n`;
      if (file === 'environ') {
        const entries = Object.entries(one.environment ?? {});
        return entries.map(([name, value]) => `${name}=${value}\0`).join('');
      }
      if (file !== 'children' || !children) return undefined;
      return processes
        .filter(({ ppid }) => ppid === one.pid)
        .map((child) => `${child.pid} `)
        .join('');
    },
  };
}

function formatStat(one: FakeProcess): string {
  const { pid, ppid = 1, pgid = pid, session = pgid, start = '100', state = 'S' } = one;
  const ticks = (one.ticks ?? [0, 0, 0, 0]).join(' ');
  const flags = one.kernel ? 0x0020_0000 : 0;
  return `${pid} (${one.name ?? 'x'}) ${state} ${ppid} ${pgid} ${session} 0 -1 ${flags} 0 0 0 0 ${ticks} 20 0 ${one.threads ?? 1} 0 ${start} 0 0\n`;
}
