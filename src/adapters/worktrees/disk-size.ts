/** How much of the disk a folder takes, as `du` counts: blocks, and a file with several names once. */
import { lstat } from 'node:fs/promises';
import { hasErrno } from '../../base/errors.ts';
import { childOf, listFolder } from './delete-tree.ts';

const BYTES_PER_BLOCK = 512;

/** @param root absolute @returns bytes; 0 when there is no such folder */
export async function sizeOnDisk(root: string): Promise<number> {
  const seen = new Set<string>();
  const measure = async (path: Buffer): Promise<number> => {
    const stats = await unlessGone(lstat(path));
    if (stats === undefined) return 0;
    if (!stats.isDirectory() && stats.nlink > 1) {
      const identity = `${stats.dev}:${stats.ino}`;
      if (seen.has(identity)) return 0;
      seen.add(identity);
    }
    const own = stats.blocks * BYTES_PER_BLOCK;
    return stats.isDirectory() ? own + (await measureChildren(path)) : own;
  };
  const measureChildren = async (folder: Buffer): Promise<number> => {
    const entries = (await unlessGone(listFolder(folder))) ?? [];
    // Files at once and folders in turn: enough for speed, and never more open than one folder holds.
    const files = entries.filter((entry) => !entry.isDirectory());
    const sizes = await Promise.all(files.map(({ name }) => measure(childOf(folder, name))));
    let sum = sizes.reduce((total, size) => total + size, 0);
    for (const entry of entries) {
      if (entry.isDirectory()) sum += await measure(childOf(folder, entry.name));
    }
    return sum;
  };
  return await measure(Buffer.from(root));
}

/** A job may be at work there: what vanishes while it is looked at takes no room. */
async function unlessGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
}
