import { expect, test } from 'vitest';
import type { ProcessEntry, ProcessTable } from '../../../src/adapters/processes/process-table.ts';
import { type SendSignal, stopQuarry } from '../../../src/adapters/processes/stop.ts';

const marker = { ORCH_RUN: 'simulated' };
const keeper = { pid: 100, start: '1' };

/**
 * A system on which a keeper's job lives as one process at a time, which becomes another (fork and
 * exit) as soon as someone has looked, unless its group is stopped. `slips` says at which looks it is
 * just between two pids, so that the look misses it.
 */
function makeHoppingSystem(slips: (look: number) => boolean) {
  let hopper: number | undefined = 1_000_000;
  let stopped = false;
  let looks = 0;
  const signals: string[] = [];
  const entry = (pid: number, ppid: number): ProcessEntry => ({
    pid,
    ppid,
    pgid: keeper.pid,
    session: keeper.pid,
    start: '1',
    alive: true,
    kernel: false,
    ownCpuSeconds: 0,
    reapedCpuSeconds: 0,
  });
  const living = (): ProcessEntry[] => [
    entry(keeper.pid, 1),
    ...(hopper === undefined ? [] : [entry(hopper, 1)]),
  ];
  const table: ProcessTable = {
    bootId: () => '',
    find: (pid) => living().find((one) => one.pid === pid),
    all: () => {
      looks += 1;
      const seen = living();
      if (hopper === undefined || stopped) return seen;
      hopper += 1;
      return slips(looks) ? seen.slice(0, 1) : seen;
    },
    descendants: () => [],
    memory: () => ({ rssBytes: 0, peakRssBytes: 0 }),
    lastStarted: () => String(hopper),
    marked: () => [],
  };
  const signal: SendSignal = (pid, name) => {
    signals.push(`${name} ${pid}`);
    if (pid === -keeper.pid && name === 'SIGSTOP') stopped = true;
    if (pid === hopper && name === 'SIGKILL') hopper = undefined;
  };
  return { table, signal, signals, isGone: () => hopper === undefined };
}

test.for([
  { name: 'is always elsewhere when it is hit', slips: () => false },
  { name: 'is missed by every look', slips: () => true },
  { name: 'is missed by the first look', slips: (look: number) => look === 1 },
])('a process that $name is killed, and the keeper goes on', async ({ slips }) => {
  const system = makeHoppingSystem(slips);
  const left = await stopQuarry(system.table, { keeper, marker }, 0, new Set(), system.signal);
  expect(left).toEqual([]);
  expect(system.isGone()).toBe(true);
  const toKeeper = system.signals.filter((one) => / -?100$/.test(one));
  expect(toKeeper.at(-1)).toBe('SIGCONT 100');
  expect(toKeeper).not.toContain('SIGKILL 100');
  expect(toKeeper).not.toContain('SIGKILL -100');
});

test('what cannot be killed is reported, and nothing is signalled for ever', async () => {
  const system = makeHoppingSystem(() => false);
  const deaf: SendSignal = (pid, name) =>
    name === 'SIGKILL' ? undefined : system.signal(pid, name);
  const left = await stopQuarry(system.table, { keeper, marker }, 0, new Set(), deaf);
  expect(left).toEqual([{ pid: expect.any(Number), start: '1' }]);
});
