/** The user's files by pattern and by content, for `reads` and `produces`. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { glob } from 'tinyglobby';
import { hasErrno } from '../base/errors.ts';
import type { WorkTreePort } from '../ports/work-tree.ts';

/** @param root absolute path */
export function createWorkTree(root: string): WorkTreePort {
  return {
    root,
    async glob(patterns) {
      const options = { cwd: root, dot: true, ignore: ['**/.git/**'], followSymbolicLinks: false };
      const found = await glob([...patterns], { ...options, expandDirectories: true });
      return found.sort();
    },
    digest: (path) => digestFile(join(root, path)),
  };
}

async function digestFile(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path);
    const hash = createHash('sha256').update(
      `${stat.isSymbolicLink()} ${(stat.mode & 0o100) !== 0}\0`,
    );
    if (stat.isSymbolicLink()) hash.update(await readlink(path));
    else for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined; // It vanished while it was looked at.
    throw error;
  }
}
