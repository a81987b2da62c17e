/** Disks that are small or read-only, where the system lets a test mount them (Linux, as root). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Mount extends Disposable {
  readonly path: string;
}

/** @returns undefined where it cannot be mounted; a test then skips itself and says so */
export function mountSmallDisk(sizeBytes: number): Mount | undefined {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'orch-disk-')));
  const isMounted = run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path);
  const mount = {
    path,
    [Symbol.dispose]() {
      if (isMounted) run('umount', '-l', path);
      rmdirSync(path);
    },
  };
  if (isMounted) return mount;
  mount[Symbol.dispose]();
  return undefined;
}

/** Makes a folder read-only, for root too. @returns undefined where that cannot be done */
export function mountReadOnly(path: string): Mount | undefined {
  if (!run('mount', '--bind', path, path)) return undefined;
  const mount = { path, [Symbol.dispose]: () => void run('umount', '-l', path) };
  if (run('mount', '-o', 'remount,bind,ro', path)) return mount;
  mount[Symbol.dispose]();
  return undefined;
}

function run(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}
