import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createProcReader, createProcTable } from '../../../src/adapters/processes/proc-table.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { createPsTable, parsePsLine } from '../../../src/adapters/processes/ps-table.ts';
import { measureUsage } from '../../../src/adapters/processes/usage.ts';
import { makeFakeProc } from '../../rig/fake-proc.ts';
import { makeKeeperRig } from '../../rig/keepers.ts';

const MEGABYTE = 1024 * 1024;

describe.for([true, false])('usage, with children files: %s', (children) => {
  test('sums what is below the keeper: the living, the reaped, and not the keeper itself', () => {
    const table = createProcTable(
      makeFakeProc(
        [
          { pid: 10, ticks: [5, 5, 100, 50] },
          { pid: 11, ppid: 10, ticks: [20, 10, 3, 2], rssKb: 100, peakKb: 900 },
          { pid: 12, ppid: 11, ticks: [1, 0, 0, 0], rssKb: 50, peakKb: 60 },
          { pid: 13, ppid: 11, state: 'Z', ticks: [500, 0, 0, 0] },
          { pid: 14, ppid: 1, ticks: [999, 0, 0, 0], rssKb: 999, peakKb: 999 },
        ],
        { children },
      ),
    );
    expect(measureUsage(table, { pid: 10, start: '100' })).toEqual({
      cpuSeconds: 1.86,
      rssBytes: 150 * 1024,
      peakRssBytes: 960 * 1024,
      processes: 2,
    });
    expect(measureUsage(table, { pid: 10, start: '99' })).toBeUndefined();
    expect(measureUsage(table, { pid: 99, start: '100' })).toBeUndefined();
  });

  test('of a real job follows its memory and CPU, also when it has ended', async (context) => {
    if (!existsSync('/proc/self/stat')) context.skip('needs /proc');
    const reader = createProcReader();
    const read = (path: string) => (path.endsWith('children') ? undefined : reader.read(path));
    const table = createProcTable(children ? reader : { ...reader, read });
    const rig = await makeKeeperRig(createProcesses(table));
    const { keeper, steer } = rig.startKeeper();
    const usage = () => {
      const now = rig.processes.usage(keeper.identity);
      if (now === undefined) throw new Error('the keeper is gone');
      return now;
    };
    const before = usage();
    expect(before).toMatchObject({ processes: 0, rssBytes: 0 });
    const { job, code } = await steer('build');
    const child = await job.start('child');
    const small = usage();
    expect(small.processes).toBe(2);
    await child.allocate(64 * MEGABYTE);
    expect(usage().rssBytes).toBeGreaterThan(small.rssBytes + 60 * MEGABYTE);
    expect(usage().peakRssBytes).toBeGreaterThanOrEqual(usage().rssBytes * 0.99);
    await job.burnCpu(0.2);
    expect(usage().cpuSeconds - before.cpuSeconds).toBeGreaterThan(0.15);
    await child.exit(0);
    await job.exit(0);
    await code;
    expect(usage()).toMatchObject({ processes: 0, rssBytes: 0 });
    expect(usage().cpuSeconds - before.cpuSeconds).toBeGreaterThan(0.15);
  });
});

describe('ps', () => {
  test('lines of Linux and macOS are read, others are none', () => {
    const entry = { pid: 501, ppid: 1, pgid: 501, session: 501, alive: true };
    expect(parsePsLine('  501     1   501 Ss    12345   0:01.23 Fri Nov  6 02:35:11 2026')).toEqual(
      [
        expect.objectContaining({
          ...entry,
          start: 'Fri Nov 6 02:35:11 2026',
          ownCpuSeconds: 1.23,
          rssBytes: 12345 * 1024,
        }),
      ],
    );
    expect(parsePsLine('501 1 501 Z 0 2-03:04:05 Fri Nov  6 02:35:11 2026')).toEqual([
      expect.objectContaining({ alive: false, ownCpuSeconds: 2 * 86_400 + 11_045 }),
    ]);
    expect(parsePsLine('')).toEqual([]);
    expect(parsePsLine('ps: illegal argument')).toEqual([]);
  });

  test('agrees with /proc about this process', (context) => {
    if (!existsSync('/proc/self/stat')) context.skip('needs /proc');
    const [ps, proc] = [createPsTable(), createProcTable()].map((table) => table.find(process.pid));
    const common = { pid: process.pid, ppid: process.ppid, alive: true, pgid: proc?.pgid };
    expect(proc).toMatchObject(common);
    expect(ps).toMatchObject(common);
    expect(ps?.start).toMatch(/^\w{3} \w{3} \d+ [\d:]{8} \d{4}$/);
    expect(createPsTable().memory(process.pid).rssBytes).toBeGreaterThan(20 * MEGABYTE);
  });
});
