import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createProcTable, parseStat } from '../../../src/adapters/processes/proc-table.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { findQuarry } from '../../../src/adapters/processes/quarry.ts';
import { bundleProgram } from '../../rig/child-program.ts';
import { type FakeProcess, makeFakeProc } from '../../rig/fake-proc.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

describe('isAlive', () => {
  const alive = (one: FakeProcess, start = '100'): boolean =>
    createProcesses(createProcTable(makeFakeProc([one]))).isAlive({ pid: 7, start });

  test.for([
    { name: 'is true for the same pid and start', one: { pid: 7 }, expected: true },
    { name: 'is false for a reused pid', one: { pid: 7, start: '101' }, expected: false },
    { name: 'is false for a pid that is gone', one: { pid: 8 }, expected: false },
    { name: 'is false for a zombie', one: { pid: 7, state: 'Z' }, expected: false },
    { name: 'is true for a stopped process', one: { pid: 7, state: 'T' }, expected: true },
    {
      name: 'is true when only the main thread has ended',
      one: { pid: 7, state: 'Z', threads: 2 },
      expected: true,
    },
    {
      name: 'reads past a command name made to deceive',
      one: { pid: 7, name: 'a) Z 1 1 (b' },
      expected: true,
    },
  ])('$name', ({ one, expected }) => {
    expect(alive(one)).toBe(expected);
  });

  test('is true for oneself, and false for a child that ended and was not waited for', async () => {
    const processes = createProcesses();
    expect(processes.isAlive(processes.self())).toBe(true);
    expect(processes.self().pid).toBe(process.pid);
    expect(processes.bootId()).toMatch(/^[0-9a-fA-F-]{36}$/);
    // The shell becomes cat, which never waits for the child it inherited.
    const script = 'cat <&3 >/dev/null & exec 3<&-; echo $!; exec cat';
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
    onTestFinished(() => void parent.kill());
    if (parent.stdout === null) throw new Error('no pipe');
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    expect(processes.isAlive({ pid, start: startOf(pid) })).toBe(true);
    (parent.stdio[3] as Writable).end();
    await vi.waitFor(() => expect(processes.isAlive({ pid, start: startOf(pid) })).toBe(false));
    expect(() => process.kill(pid, 0)).not.toThrow(); // The system still calls it there.
  });
});

test('a real pid that was given away is not alive, and not stopped', (context) => {
  const program = bundleProgram(
    join(import.meta.dirname, 'reuse-program.ts'),
    makeTemporaryFolder(),
  );
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['-Urpf', '--mount-proc', process.execPath, program],
    { encoding: 'utf8' },
  );
  if (!stdout) context.skip(`no pid namespace can be made here: ${stderr}`);
  expect(JSON.parse(stdout)).toEqual({ samePid: true, oldAlive: false, newAlive: true, left: [] });
});

test('a line of /proc/<pid>/stat that is cut is no process', () => {
  expect(parseStat('')).toBeUndefined();
  expect(parseStat('12 (sh) S 1 2 3')).toBeUndefined();
});

describe('what belongs to a job', () => {
  const marker = { ORCH_RUN: 'r' };
  const keeper = { pid: 500, start: '100' };
  const self = { pid: process.pid, ppid: 400, pgid: 400, session: 400 };
  const find = (processes: readonly FakeProcess[], spared: readonly number[] = []) => {
    const table = createProcTable(makeFakeProc(processes));
    const found = findQuarry(table, { keeper, marker }, [], new Set(spared));
    return { pids: found.targets.map(({ pid }) => pid), groups: found.wholeGroups };
  };
  const inTree = { pid: 501, ppid: 500, pgid: 500, session: 500 };

  test('is below the keeper, in its session or group, marked, or below any of these', () => {
    const { pids, groups } = find([
      { pid: 500 },
      inTree,
      { pid: 502, ppid: 1, pgid: 502, session: 500 },
      { pid: 503, ppid: 501, pgid: 503 },
      { pid: 504, ppid: 503, pgid: 503, session: 503 },
      { pid: 505, ppid: 1, environment: marker },
      { pid: 506, ppid: 505, pgid: 506 },
      { pid: 507, ppid: 1, environment: { ORCH_RUN: 'r2', NOT_ORCH_RUN: 'r' } },
    ]);
    expect(pids).toEqual([501, 502, 503, 504, 505, 506]);
    expect(groups).toEqual([502, 503, 505, 506]);
  });

  test('is not init, a thread of the kernel, a zombie, this process, its ancestors or its group', () => {
    const { pids } = find(
      [
        { pid: 1, ppid: 0, environment: marker },
        { pid: 2, ppid: 0, kernel: true, environment: marker },
        { pid: 300, environment: marker },
        { pid: 400, ppid: 300, environment: marker },
        { ...self, environment: marker },
        { pid: 401, pgid: 400, environment: marker },
        { pid: 500, environment: marker },
        { ...inTree, state: 'Z' },
        { pid: 600, environment: marker },
      ],
      [600],
    );
    expect(pids).toEqual([]);
  });

  test('is only what carries the marker, when the numbers of the keeper were given away', () => {
    const stranger = { pid: 500, start: '999' };
    expect(find([stranger, inTree]).pids).toEqual([]);
    expect(find([inTree]).pids).toEqual([]);
    expect(find([stranger, { ...inTree, environment: marker }])).toEqual({
      pids: [501],
      groups: [],
    });
  });
});

function startOf(pid: number): string {
  if (!existsSync(`/proc/${pid}/stat`)) return '';
  return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19] ?? '';
}
