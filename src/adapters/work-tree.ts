/**
 * The user's files by pattern and by content, for `reads` and `produces`.
 *
 * Symbolic links are files of their own, as git has them: they are listed, and what a folder's link
 * leads to is not walked through. Where a pattern names the way through one itself (`link/x.txt`),
 * its files are given by their real paths, and only while those are inside the work tree.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Dirent, readdir } from 'node:fs';
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type GlobOptions, glob } from 'tinyglobby';
import { hasErrno } from '../base/errors.ts';
import type { WorkTreePort } from '../ports/work-tree.ts';
import { findConflictMarkers } from './conflict-markers.ts';

/** @param root absolute path */
export function createWorkTree(root: string): WorkTreePort {
  return {
    root,
    async glob(patterns) {
      const isWithout = (pattern: string) => pattern.startsWith('!');
      const without = patterns.filter(isWithout);
      const found = new Set<string>();
      // One by one: where a walk begins, and so whether it leads through a link, is up to its pattern.
      for (const pattern of patterns.filter((each) => !isWithout(each))) {
        for (const path of await globOne(root, [pattern, ...without])) found.add(path);
      }
      return [...found].sort();
    },
    digest: (path) => digestFile(root, path),
    unsettled: (paths) => findConflictMarkers(root, paths),
  };
}

async function globOne(root: string, patterns: readonly string[]): Promise<readonly string[]> {
  let begun: Promise<{ readonly from: string; readonly to: string | undefined }> | undefined;
  const list: Readdir = (folder, options, done) => {
    if (begun !== undefined) return readdir(folder, options, listed(done));
    begun = realFolder(root, folder);
    void begun.then(({ to }) => {
      if (to === undefined) done(null, []);
      else readdir(folder, options, listed(done));
    });
  };
  const found = await glob([...patterns], {
    cwd: root,
    dot: true,
    ignore: ['**/.git/**'],
    followSymbolicLinks: false,
    expandDirectories: true,
    // The walk always lists with types; its own type of `readdir` has all overloads of node's.
    fs: { readdir: list } as unknown as NonNullable<GlobOptions['fs']>,
  });
  const { from, to = from } = (await begun) ?? { from: '', to: '' };
  if (from === to) return found;
  return found.map((path) => join(to, relative(from, path)));
}

type Listed = (error: NodeJS.ErrnoException | null, entries: readonly Dirent[]) => void;
type Readdir = (folder: string, options: { readonly withFileTypes: true }, done: Listed) => void;

/** The walk leaves links out; as files they are listed and never entered. */
function listed(done: Listed): Listed {
  return (error, entries = []) =>
    done(
      error,
      entries.map((entry) => {
        if (!entry.isSymbolicLink()) return entry;
        const isFile = { value: () => true };
        return Object.create(entry, { isFile, isSymbolicLink: { value: () => false } }) as Dirent;
      }),
    );
}

/** A folder as it is named and as it really is, relative to the root; `to` is undefined outside of it. */
async function realFolder(
  root: string,
  folder: string,
): Promise<{ readonly from: string; readonly to: string | undefined }> {
  const real = await realInside(root, folder);
  const isGit = real === '.git' || real?.startsWith(`.git${sep}`);
  return { from: relative(root, folder), to: isGit ? undefined : real };
}

/** Where a path really leads, relative to the root; undefined when that is outside, or nowhere. */
async function realInside(root: string, path: string): Promise<string | undefined> {
  try {
    const inside = relative(await realpath(root), await realpath(path));
    return inside === '..' || inside.startsWith(`..${sep}`) ? undefined : inside;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return undefined;
    throw error;
  }
}

async function digestFile(root: string, path: string): Promise<string | undefined> {
  const absolute = join(root, path);
  try {
    const stats = await lstat(absolute);
    const hash = createHash('sha256').update(
      `${stats.isSymbolicLink()} ${(stats.mode & 0o100) !== 0}\0`,
    );
    if (stats.isSymbolicLink()) await hashLink(root, absolute, hash);
    else await hashContent(absolute, hash);
    return hash.digest('hex');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined; // It vanished while it was looked at.
    throw error;
  }
}

/** Whoever reads a link reads the file behind it; what lies outside is not looked at. */
async function hashLink(root: string, link: string, hash: Hash): Promise<void> {
  hash.update(await readlink(link));
  const target = await realInside(root, link);
  if (target === undefined || !(await stat(join(root, target))).isFile()) return;
  hash.update('\0');
  await hashContent(join(root, target), hash);
}

async function hashContent(file: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
}
