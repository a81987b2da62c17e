/** How much CPU time a process itself has used, its children apart, as the kernel counts it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Linux counts in hundredths of a second for every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Share of one core that a process uses over a while, 0.01 for one per cent. Linux only. */
export async function cpuShare(pid: number, durationMs: number): Promise<number> {
  const startTicks = ticksOf(pid);
  const startMs = performance.now();
  await sleep(durationMs);
  const seconds = (performance.now() - startMs) / 1000;
  return (ticksOf(pid) - startTicks) / TICKS_PER_SECOND / seconds;
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]); // utime and stime, fields 14 and 15 of proc(5)
}
