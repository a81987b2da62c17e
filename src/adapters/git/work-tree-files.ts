/** Files of the work tree by the git program: compared and written with filters and line ends applied. */
import type { Oid } from '../../ports/git.ts';
import { joinNul, splitNul } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import type { Entry, WorkTreeFiles } from './plan-restore.ts';
import { diffTreesBytes } from './read-history.ts';
import { writeFiles } from './restore-work-tree.ts';
import { makeTemporaryIndex } from './temporary-index.ts';

export function createWorkTreeFiles(context: GitContext): WorkTreeFiles {
  return {
    repository: context.repository,
    diffTrees: (from, to) => diffTreesBytes(context, from, to),
    findDifferent: (entries) => findDifferent(context, entries),
    checkOut: (entries) => checkOut(context, entries),
    async track(index, { deleted, written }) {
      const gone = deleted.map((path) => ({ path, mode: '0', oid: '0'.repeat(context.oidLength) }));
      await fillIndex(context, index, [...gone, ...written]);
    },
  };
}

async function findDifferent(context: GitContext, entries: readonly Entry[]): Promise<string[]> {
  using index = makeTemporaryIndex(context.repository);
  await fillIndex(context, index.path, entries);
  // Exit code 1 only says that some differ.
  await runGit(context, {
    args: ['update-index', '-q', '--refresh'],
    index: index.path,
    okCodes: [0, 1],
  });
  const { stdout } = await runGit(context, {
    args: ['diff-files', '--name-only', '-z', '--no-renames'],
    index: index.path,
  });
  return [...new Set(splitNul(stdout))];
}

async function checkOut(context: GitContext, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  using index = makeTemporaryIndex(context.repository);
  await fillIndex(context, index.path, entries);
  await runGit(context, { args: ['checkout-index', '-f', '-q', '-a'], index: index.path });
}

/** Puts entries into an index without looking at the disk; mode 0 takes a path out. */
async function fillIndex(
  context: GitContext,
  index: string,
  entries: readonly Entry[],
): Promise<void> {
  await runGit(context, {
    args: ['update-index', '-z', '--index-info'],
    input: joinNul(entries.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}`)),
    index,
  });
}

/** @see GitPort.checkOutPath */
export async function checkOutPath(context: GitContext, commit: Oid, path: string): Promise<void> {
  const { stdout } = await runGit(context, {
    args: [
      'ls-tree',
      '-r',
      '-z',
      '--full-tree',
      '--end-of-options',
      commit,
      ...(path === '' ? [] : [path]),
    ],
  });
  const entries = splitNul(stdout).map((line): Entry => {
    const tab = line.indexOf('\t');
    const [mode = '', , oid = ''] = line.slice(0, tab).split(' ');
    return { mode, oid, path: line.slice(tab + 1) };
  });
  await writeFiles(createWorkTreeFiles(context), entries);
}
