import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createFiles } from '../../../src/adapters/files/files.ts';
import { createProcTable } from '../../../src/adapters/processes/proc-table.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { createPsTable } from '../../../src/adapters/processes/ps-table.ts';
import { makeKeeperRig } from '../../rig/keepers.ts';
import { assertNoProcess } from '../../rig/processes.ts';
import type { ChildOptions, Steered } from '../../rig/steered-command.ts';

const files = createFiles();
const LONG_MS = 30_000;
const SHORT_MS = 50;

describe.for([
  { name: 'seen through /proc', makeTable: createProcTable },
  { name: 'seen through ps', makeTable: createPsTable },
])('a job $name', ({ makeTable }) => {
  const makeRig = () => makeKeeperRig(createProcesses(makeTable()));

  test('that heeds SIGTERM ends by it, long before the grace is over', async () => {
    const rig = await makeRig();
    const { keeper, steer, run } = rig.startKeeper();
    const { code } = await steer('build');
    const request = { keeper: keeper.identity, marker: rig.marker, graceMs: LONG_MS };
    expect(await rig.processes.stopJob(request)).toEqual([]);
    expect(await code).toBe(143);
    expect(await run('next', ':')).toBe(0);
  });

  test('that ignores SIGTERM is killed, with all its children, and its code is still reported', async () => {
    const rig = await makeRig();
    const { keeper, steer, run } = rig.startKeeper();
    const { job, code } = await steer('build');
    const stubborn = [job, await job.start('child'), await job.start('sibling')];
    for (const one of stubborn) await one.ignore('SIGTERM');
    const request = { keeper: keeper.identity, marker: rig.marker, graceMs: SHORT_MS };
    expect(await rig.processes.stopJob(request)).toEqual([]);
    expect(await code).toBe(137);
    await Promise.all(stubborn.map((one) => one.ended));
    assertNoProcess(rig.marker);
    expect(await run('next', ':')).toBe(0);
  });
});

describe('a process that tries to get away', () => {
  const ways: (ChildOptions & { name: string })[] = [
    { name: 'by a double fork', orphan: true },
    { name: 'into its own session', session: true },
    { name: 'by a double fork into its own session', orphan: true, session: true },
    { name: 'without environment', clearEnvironment: true },
    { name: 'by a double fork without environment', orphan: true, clearEnvironment: true },
    { name: 'into its own session without environment', session: true, clearEnvironment: true },
  ];

  test.for(ways)(
    '$name, and ignores SIGTERM, is gone after the stop',
    async ({ name: _, ...way }) => {
      const rig = await makeKeeperRig();
      const { keeper, steer } = rig.startKeeper();
      const { job, code } = await steer('build');
      const runaway = await job.start('runaway', way);
      const below = await runaway.start('below');
      for (const one of [job, runaway, below]) await one.ignore('SIGTERM');
      const request = { keeper: keeper.identity, marker: rig.marker, graceMs: SHORT_MS };
      expect(await rig.processes.stopJob(request)).toEqual([]);
      await Promise.all([runaway.ended, below.ended]);
      expect(await code).toBe(137);
      expect(rig.processes.isAlive(keeper.identity)).toBe(true);
    },
  );

  test('by leaving the tree while the rest of it heeds SIGTERM is remembered from the first look', async () => {
    const rig = await makeKeeperRig();
    const { keeper, steer } = rig.startKeeper();
    const { job, code } = await steer('build');
    // Below the job only by its parent, which SIGTERM will end: after that nothing tells of it.
    const runaway = await job.start('runaway', { session: true, clearEnvironment: true });
    await runaway.ignore('SIGTERM');
    const request = { keeper: keeper.identity, marker: rig.marker, graceMs: 200 };
    expect(await rig.processes.stopJob(request)).toEqual([]);
    await runaway.ended;
    expect(await code).toBe(143);
  });
});

test('a stopped child gets SIGTERM and may end by it', async () => {
  const rig = await makeKeeperRig();
  const { keeper, steer } = rig.startKeeper();
  const { job, code } = await steer('build');
  process.kill(job.pid, 'SIGSTOP');
  const request = { keeper: keeper.identity, marker: rig.marker, graceMs: LONG_MS };
  expect(await rig.processes.stopJob(request)).toEqual([]);
  expect(await code).toBe(143);
});

test('a job may use its grace to clean up, with commands it starts only then', async () => {
  const rig = await makeKeeperRig();
  const { keeper, run, pathOf } = rig.startKeeper();
  const script = `trap '${rig.steering.command('cleanup').replaceAll("'", '').replace('exec ', '')}; exit 6' TERM
    echo ready; while :; do sleep 0.1; done`;
  // Short pauses: a shell that is told to end just before it starts one waits for it first.
  const code = run('build', script);
  await vi.waitFor(() => expect(files.readText(pathOf('build', 'out'))).toBe('ready\n'));
  const request = { keeper: keeper.identity, marker: rig.marker, graceMs: LONG_MS };
  const stopped = rig.processes.stopJob(request);
  const cleanup = await rig.steering.started('cleanup');
  await cleanup.print('cleaned\n');
  await cleanup.exit(0);
  expect(await code).toBe(6);
  expect(await stopped).toEqual([]);
  expect(files.readText(pathOf('build', 'out'))).toBe('ready\ncleaned\n');
});

test('a job that ends by itself during the stop keeps its own code', async () => {
  const rig = await makeKeeperRig();
  const { keeper, steer } = rig.startKeeper();
  const { job, code } = await steer('build');
  await job.ignore('SIGTERM');
  const request = { keeper: keeper.identity, marker: rig.marker, graceMs: LONG_MS };
  const stopped = rig.processes.stopJob(request);
  await job.exit(5);
  expect(await stopped).toEqual([]);
  expect(await code).toBe(5);
});

describe('a fork bomb', () => {
  test.for([
    { name: 'that grows', spread: 'sh "$0" $(($1 - 1)) & sh "$0" $(($1 - 1)) & wait', depth: 6 },
    // Each process lives for a millisecond only: whoever is in the list is gone when it is hit.
    { name: 'that hops from process to process', spread: 'sh "$0" 1 &', depth: 1 },
    { name: 'that hops in a session of its own', spread: 'sh "$0" 1 &', depth: 1, leave: 'setsid' },
  ])('$name is gone after the stop, and the keeper works on', async ({ spread, depth, leave }) => {
    const rig = await makeKeeperRig();
    const { keeper, run, pathOf } = rig.startKeeper();
    const bomb = join(rig.folder, 'bomb');
    writeFileSync(bomb, `trap '' TERM\n[ $1 -gt 0 ] || exec sleep 1000\n${spread}\n`);
    const code = run(
      'bomb',
      `${leave ?? ''} sh '${bomb}' ${depth}; echo lit; exec sleep 1000`.trim(),
    );
    if (!spread.endsWith('wait')) {
      await vi.waitFor(() => expect(files.readText(pathOf('bomb', 'out'))).toBe('lit\n'));
    }
    await vi.waitFor(() => expect(rig.processes.findMarked(rig.marker)).not.toEqual([]));
    const request = { keeper: keeper.identity, marker: rig.marker, graceMs: SHORT_MS };
    expect(await rig.processes.stopJob(request)).toEqual([]);
    expect(await code).toBeGreaterThan(128);
    assertNoProcess(rig.marker);
    expect(await run('next', ':')).toBe(0);
  });
});

describe('what a stop leaves alone', () => {
  test('an idle keeper, at once', async () => {
    const rig = await makeKeeperRig();
    const { keeper, run } = rig.startKeeper();
    const request = { keeper: keeper.identity, marker: rig.marker, graceMs: LONG_MS };
    expect(await rig.processes.stopJob(request)).toEqual([]);
    expect(await run('next', ':')).toBe(0);
  });

  test('the jobs of other keepers of the run, when the marker names the step', async () => {
    const rig = await makeKeeperRig();
    const one = rig.startKeeper();
    const other = rig.startKeeper();
    const stopped = await one.steer('one');
    const spared = await other.steer('other');
    const marker = { ...rig.marker, ORCH_STEP: 'one' };
    await rig.processes.stopJob({ keeper: one.keeper.identity, marker, graceMs: 0 });
    expect(await stopped.code).toBe(137);
    await spared.job.print('alive\n');
    await spared.job.exit(0);
    expect(await spared.code).toBe(0);
  });

  test('a process of a like marker, of another start time, or its own orch', async () => {
    const rig = await makeKeeperRig();
    const { keeper, steer } = rig.startKeeper();
    const longer = `${rig.marker.ORCH_RUN}x`;
    const { job, code } = await steer('build', {
      env: { ORCH_RUN: longer, OTHER: rig.marker.ORCH_RUN },
    });
    expect(await rig.processes.stopMarked(rig.marker, 0)).toEqual([]);
    const { pid } = keeper.identity;
    const stranger = { keeper: { pid, start: '1' }, marker: rig.marker, graceMs: 0 };
    expect(await rig.processes.stopJob(stranger)).toEqual([]);
    const path = process.env['PATH'] ?? '';
    const own = rig.processes.findMarked({ PATH: path }).map((found) => found.pid);
    expect(own).not.toContain(process.pid);
    expect(own).not.toContain(process.ppid);
    expect(own).not.toContain(pid);
    await job.exit(0);
    expect(await code).toBe(0);
  });

  test('everything, when the marker is empty: that is a bug', async () => {
    const { processes, startKeeper } = await makeKeeperRig();
    const keeper = startKeeper().keeper.identity;
    await expect(processes.stopJob({ keeper, marker: {}, graceMs: 0 })).rejects.toThrow(/marker/);
    await expect(processes.stopMarked({}, 0)).rejects.toThrow(/marker/);
    expect(() => processes.findMarked({})).toThrow(/marker/);
  });
});

test('leftovers of a run whose keeper is gone are stopped by their marker', async () => {
  const rig = await makeKeeperRig();
  const { keeper, steer, ended } = rig.startKeeper();
  const { job } = await steer('build');
  const left: Steered[] = [job, await job.start('escaped', { session: true, orphan: true })];
  process.kill(keeper.identity.pid, 'SIGKILL');
  await ended;
  expect(rig.processes.findMarked(rig.marker)).toHaveLength(2);
  expect(await rig.processes.stopMarked(rig.marker, LONG_MS)).toEqual([]);
  await Promise.all(left.map((one) => one.ended));
});
