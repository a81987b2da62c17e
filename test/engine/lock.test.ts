/** Locks under every interleaving of their calls to the file system, with deaths at any moment. */
import { describe, expect, test } from 'vitest';
import { OrchError } from '../../src/base/errors.ts';
import { acquireLock, clearStaleLocks, lockHolder, staleLocks } from '../../src/engine/lock.ts';
import type { FilesPort } from '../../src/ports/files.ts';
import type { ProcessIdentity, ProcessPort } from '../../src/ports/processes.ts';
import { type Calls, explore, type Player } from './interleave.ts';

const BOOT = 'boot-2';
const IS_LONG = process.env['ORCH_LONG_TESTS'] === '1';

interface World {
  readonly files: Map<string, string>;
  /** Pids; 100 and above take part, those below were there before. */
  readonly alive: Set<number>;
  /** Those who take part may die at any time. */
  readonly mortal: boolean;
  /** Who has been given the lock and has not begun to let it go, with the epoch. */
  readonly holders: Map<number, number>;
  /** Highest epoch of one that died while it held the lock. */
  diedAt: number;
  refused: number;
}

function worldOf(files: Record<string, string>, alive: number[] = [], mortal = false): World {
  return {
    files: new Map(Object.entries(files)),
    alive: new Set(alive),
    mortal,
    holders: new Map(),
    diedAt: 0,
    refused: 0,
  };
}

function lockOf(pid: number, boot = BOOT): string {
  return JSON.stringify({ pid, start: `at-${pid}`, boot, what: `work of ${pid}` });
}

/** Ports of one process; every look and every change is a call of its own. */
function portsOf(world: World, pid: number, calls: Calls = (perform) => perform()) {
  const files = {
    makeFolder: () => {},
    list: () => calls(() => [...world.files.keys()].map((path) => path.slice('f/'.length)).sort()),
    readText: (path: string) => calls(() => world.files.get(path)),
    createExclusive: (path: string, text: string) =>
      calls(() => {
        if (world.files.has(path)) return false;
        world.files.set(path, text);
        return true;
      }),
    remove: (path: string) => calls(() => void world.files.delete(path)),
  } as Pick<FilesPort, 'makeFolder' | 'list' | 'readText' | 'createExclusive' | 'remove'>;
  const processes: Pick<ProcessPort, 'bootId' | 'place' | 'self' | 'isAlive'> = {
    bootId: () => BOOT,
    place: () => ({ host: 'here', pid_ns: 'pid:[1]' }),
    self: () => ({ pid, start: `at-${pid}` }),
    isAlive: ({ pid: other, start }: ProcessIdentity) => {
      const look = () => world.alive.has(other) && start === `at-${other}`;
      // Where nobody dies it makes no difference when one looks.
      return world.mortal ? calls(look) : look();
    },
  };
  return { files: files as FilesPort, processes: processes as ProcessPort };
}

function take(world: World, pid: number, after: number, calls?: Calls) {
  const { files, processes } = portsOf(world, pid, calls);
  return acquireLock(files, processes, {
    folder: 'f',
    name: 'lock',
    after,
    what: `work of ${pid}`,
  });
}

/** Takes the lock, works, lets it go; or is refused. */
function taker(world: World, pid: number, after: number): Player {
  return {
    play: (calls) => {
      let lock: ReturnType<typeof take>;
      try {
        lock = take(world, pid, after, calls);
      } catch (error) {
        if (!(error instanceof OrchError)) throw error;
        calls(() => {
          world.refused += 1;
        });
        return;
      }
      calls(() => {
        if (lock.epoch <= Math.max(after, world.diedAt))
          throw new Error(`epoch ${lock.epoch} after ${world.diedAt}`);
        world.holders.set(pid, lock.epoch);
      });
      calls(() => void world.holders.delete(pid));
      lock[Symbol.dispose]();
    },
  };
}

function cleaner(world: World, pid: number): Player {
  return {
    play: (calls) => {
      const { files, processes } = portsOf(world, pid, calls);
      clearStaleLocks(files, processes, { folder: 'f', name: 'lock', what: 'doctor' });
    },
  };
}

interface Scene {
  readonly name: string;
  readonly files: Record<string, string>;
  readonly living?: number[];
  /** By taker: the epoch it knows of. */
  readonly after: readonly number[];
  readonly cleaners?: number;
}

function exploreScene({ files, living = [], after, cleaners = 0 }: Scene, mayDie: boolean): number {
  const pids = [...after, ...Array.from({ length: cleaners })].map((_, index) => 100 + index);
  return explore<World>({
    start: () => worldOf(files, [...living, ...pids], mayDie),
    copy: (world) => ({
      ...world,
      files: new Map(world.files),
      alive: new Set(world.alive),
      holders: new Map(world.holders),
    }),
    players: (world) =>
      pids.map((pid, index) => {
        const known = after[index];
        return known === undefined ? cleaner(world, pid) : taker(world, pid, known);
      }),
    keyOf: (world) =>
      JSON.stringify([
        [...world.files].sort(),
        [...world.alive].sort(),
        [...world.holders].sort(),
        world.diedAt,
        world.refused > 0,
      ]),
    ...(mayDie && {
      kill: (world, player) => {
        const pid = 100 + player;
        world.alive.delete(pid);
        // A cleaner forgets the number with the file; then only the journal knows it.
        if (cleaners === 0) world.diedAt = Math.max(world.diedAt, world.holders.get(pid) ?? 0);
        world.holders.delete(pid);
      },
    }),
    check: ({ holders }) => {
      if (holders.size > 1) throw new Error(`two hold the lock: ${[...holders.keys()].join()}`);
    },
    checkEnd: (world) => {
      // Whatever was left: when all are gone, one that comes alone gets it and leaves nothing.
      for (const pid of pids) world.alive.delete(pid);
      if (living.length > 0) return;
      world.alive.add(999);
      take(world, 999, Math.max(0, ...after))[Symbol.dispose]();
      const left = [...world.files.keys()].filter((path) => /^f\/lock\.\d+$/.test(path));
      if (left.length > 0) throw new Error(`left behind: ${left.join()}`);
    },
  });
}

const SCENES: readonly Scene[] = [
  { name: 'two, nothing there', files: {}, after: [0, 0] },
  { name: 'two, a dead holder', files: { 'f/lock.1': lockOf(1) }, after: [0, 0] },
  {
    name: 'two, a holder before a reboot',
    files: { 'f/lock.1': lockOf(1, 'boot-1') },
    living: [],
    after: [1, 1],
  },
  { name: 'two, one with an old journal', files: {}, after: [1, 2] },
  {
    name: 'two, several dead ones',
    files: { 'f/lock.2': lockOf(1), 'f/lock.5': lockOf(2) },
    after: [2, 5],
  },
  {
    name: 'two, damaged and foreign files',
    files: { 'f/lock.1': 'no json', 'f/lock.2': 'null', 'f/lock.x': '', 'f/other.9': lockOf(1) },
    after: [0, 0],
  },
];

const WITH_A_CLEANER: Scene = {
  name: 'two and a cleaner, a dead holder',
  files: { 'f/lock.1': lockOf(1) },
  after: [0, 0],
  cleaners: 1,
};

describe('acquireLock', () => {
  test.each(SCENES)('$name: never two holders, and nothing in the way of the next', (scene) => {
    expect(exploreScene(scene, true)).toBeGreaterThan(50);
  });

  test.each([
    WITH_A_CLEANER,
    { name: 'three, nothing there', files: {}, after: [0, 0, 0] },
    { name: 'three, a dead holder', files: { 'f/lock.1': lockOf(1) }, after: [0, 0, 0] },
  ])('$name: never two holders', (scene) => {
    expect(exploreScene(scene, false)).toBeGreaterThan(500);
  });

  test.runIf(IS_LONG)('three with old journals: never two holders', () => {
    const files = { 'f/lock.3': lockOf(1) };
    expect(exploreScene({ name: '', files, after: [0, 2, 3] }, false)).toBeGreaterThan(500);
  });

  test.runIf(IS_LONG)(
    'two and a cleaner that may die: never two holders, and nothing in the way of the next',
    () => {
      expect(exploreScene(WITH_A_CLEANER, true)).toBeGreaterThan(5_000);
    },
  );

  test('refuses while the holder lives, names it, and leaves its file alone', () => {
    const world = worldOf({ 'f/lock.3': lockOf(7) }, [7, 100]);
    expect(() => take(world, 100, 0)).toThrow(/process 7 \(work of 7\)/);
    expect([...world.files.keys()]).toEqual(['f/lock.3']);
    const { files, processes } = portsOf(world, 100);
    expect(lockHolder(files, processes, { folder: 'f', name: 'lock' })?.pid).toBe(7);
  });

  test.for([
    { where: 'another container', boot: BOOT, host: 'box', pid_ns: 'pid:[2]' },
    { where: 'another container of the same name', boot: BOOT, host: 'here', pid_ns: 'pid:[2]' },
    { where: 'another machine', boot: 'boot-of-that', host: 'there', pid_ns: 'pid:[1]' },
  ])('one of $where counts as living, and its file is named', ({ boot, host, pid_ns }) => {
    const holder = { pid: 7, start: 'at-7', boot, host, pid_ns, what: 'work of 7' };
    const world = worldOf({ 'f/lock.3': JSON.stringify(holder) }, [100]);
    const { files, processes } = portsOf(world, 100);
    let refusal: unknown;
    try {
      take(world, 100, 0);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      code: 'ORCH_LOCKED',
      fix: expect.stringContaining('rm f/lock.3,'),
    });
    expect(String(refusal)).toContain(`host ${host}, namespace ${pid_ns}`);
    expect(staleLocks(files, processes, { folder: 'f', name: 'lock' })).toEqual([]);
  });

  test.for([
    { what: 'a reboot', boot: 'boot-1', host: 'here', pid_ns: 'pid:[9]' },
    {
      what: 'a death, and the host has another name now',
      boot: BOOT,
      host: 'old',
      pid_ns: 'pid:[1]',
    },
  ])('after $what it is taken over', ({ boot, host, pid_ns }) => {
    const holder = { pid: 7, start: 'at-7', boot, host, pid_ns, what: 'work of 7' };
    const world = worldOf({ 'f/lock.3': JSON.stringify(holder) }, [100]);
    expect(take(world, 100, 0).epoch).toBe(4);
  });

  test('takes over from a pid that was given to another process since', () => {
    const world = worldOf(
      { 'f/lock.3': JSON.stringify({ pid: 7, start: 'before', boot: BOOT, what: '' }) },
      [7],
    );
    expect(take(world, 100, 0).epoch).toBe(4);
  });

  test('lets go only of its own file', () => {
    const world = worldOf({}, [100]);
    const lock = take(world, 100, 0);
    world.files.set('f/lock.1', lockOf(7)); // Taken for dead, and everything went on without it.
    lock[Symbol.dispose]();
    expect(world.files.get('f/lock.1')).toBe(lockOf(7));
  });

  test('a number beyond all counting is no lock', () => {
    const world = worldOf({ [`f/lock.${'9'.repeat(30)}`]: lockOf(1) }, [100]);
    expect(take(world, 100, 0).epoch).toBe(1);
  });
});

describe('staleLocks', () => {
  test('names the files of the dead', () => {
    const world = worldOf({ 'f/lock.1': lockOf(1), 'f/lock.2': lockOf(7) }, [7]);
    const { files, processes } = portsOf(world, 100);
    expect(staleLocks(files, processes, { folder: 'f', name: 'lock' })).toEqual(['f/lock.1']);
  });
});
