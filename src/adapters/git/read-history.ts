/** Reading commits, files and differences. Nothing here writes. */
import { OrchError } from '../../base/errors.ts';
import type { Change, Commit, GitPort, Oid, TreeEntry } from '../../ports/git.ts';
import { splitNul, toText } from './byte-paths.ts';
import { parseCommit } from './commit-object.ts';
import { compareTrees, FOLDER_MODE, NO_MODE } from './compare-trees.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readObjects } from './read-objects.ts';

export async function readCommit(context: GitContext, oid: Oid): Promise<Commit> {
  const [commit] = await readCommits(context, [oid]);
  if (commit !== undefined) return commit;
  throw new OrchError('ORCH_GIT_FAILED', `there is no commit ${oid}`, { fix: 'git fsck' });
}

/** @see GitPort.firstParents: two processes, however long the chain */
export async function readFirstParents(
  context: GitContext,
  tip: Oid,
  stop: Oid | null,
): Promise<Commit[]> {
  const { stdout } = await runGit(context, {
    args: [
      'rev-list',
      '--first-parent',
      '--end-of-options',
      tip,
      ...(stop === null ? [] : [`^${stop}`]),
      '--',
    ],
  });
  const oids = stdout.toString().split('\n').slice(0, -1);
  return oids.length === 0 ? [] : await readCommits(context, oids);
}

async function readCommits(context: GitContext, oids: readonly Oid[]): Promise<Commit[]> {
  const objects = await readObjects(context, oids);
  return oids.map((oid) => {
    const object = objects.get(oid);
    if (object?.type === 'commit') return parseCommit(oid, object.content);
    throw new OrchError('ORCH_GIT_FAILED', `${oid} is no commit`, { fix: 'git fsck' });
  });
}

export async function isAncestor(
  context: GitContext,
  ancestor: Oid,
  descendant: Oid,
): Promise<boolean> {
  const { code } = await runGit(context, {
    args: ['merge-base', '--is-ancestor', '--end-of-options', ancestor, descendant],
    okCodes: [0, 1],
  });
  return code === 0;
}

/** @see GitPort.readFile */
export async function readFileAt(
  context: GitContext,
  revision: Oid,
  path: string,
): Promise<Uint8Array | null> {
  const [entry] = await listTree(context, revision, ['--', path]);
  if (entry === undefined || !entry.mode.startsWith('1') || entry.mode === '160000') return null;
  const { stdout } = await runGit(context, { args: ['cat-file', 'blob', entry.oid] });
  return stdout;
}

/** @see GitPort.listFiles */
export async function listFiles(
  context: GitContext,
  revision: Oid,
  path: string,
): Promise<TreeEntry[]> {
  return await listTree(context, revision, ['-r', '--', ...(path === '' ? [] : [path])]);
}

async function listTree(
  context: GitContext,
  revision: Oid,
  args: readonly string[],
): Promise<TreeEntry[]> {
  const [options, paths] = [args.slice(0, args.indexOf('--')), args.slice(args.indexOf('--') + 1)];
  const { stdout } = await runGit(context, {
    args: ['ls-tree', '-z', '--full-tree', ...options, '--end-of-options', revision, ...paths],
  });
  return splitNul(stdout).map((line) => {
    const tab = line.indexOf('\t');
    const [mode = '', , oid = ''] = line.slice(0, tab).split(' ');
    return { path: toText(line.slice(tab + 1)), mode, oid };
  });
}

/** Changes of files, in bytes; GitPort.diffTrees gives them out as text. */
export async function diffTreesBytes(context: GitContext, from: Oid, to: Oid): Promise<Change[]> {
  const changes: Change[] = [];
  for (const change of await compareTrees(context, from, to)) {
    // With its folders, a file that becomes a folder is told apart; here only the file counts.
    if (change.oldMode === FOLDER_MODE || change.newMode === FOLDER_MODE) continue;
    const wasThere = change.oldMode !== NO_MODE;
    const isThere = change.newMode !== NO_MODE;
    const status = !wasThere ? 'added' : isThere ? 'modified' : 'deleted';
    changes.push({ ...change, status });
  }
  return changes;
}

/** @see GitPort.diffTrees */
export async function diffTrees(context: GitContext, from: Oid, to: Oid): Promise<Change[]> {
  const changes = await diffTreesBytes(context, from, to);
  return changes.map((change) => ({ ...change, path: toText(change.path) }));
}

/** @see GitPort.diffText */
export async function diffText(
  context: GitContext,
  from: Oid,
  to: Oid,
  options: Parameters<GitPort['diffText']>[2],
): Promise<string> {
  const { stdout } = await runGit(context, {
    args: [
      'diff',
      '--no-ext-diff',
      `--color=${options.color ? 'always' : 'never'}`,
      ...(options.stat ? ['--stat'] : []),
      '--end-of-options',
      from,
      to,
      '--',
      ...(options.exclude ?? []).map((folder) => `:(top,exclude,literal)${folder}`),
    ],
    // Elsewhere a path is a path; here `exclude` has to be said as a pattern.
    env: { GIT_LITERAL_PATHSPECS: '0' },
  });
  return stdout.toString();
}

/**
 * @see GitPort.mergeTrees
 * Exit code 1 says conflicts; the tree is then followed by one name for each of them.
 */
export async function mergeTrees(
  context: GitContext,
  ours: Oid,
  theirs: Oid,
): Promise<{ readonly tree: Oid } | { readonly conflicts: readonly string[] }> {
  const { code, stdout } = await runGit(context, {
    args: [
      'merge-tree',
      '--write-tree',
      '-z',
      '--name-only',
      '--no-messages',
      '--end-of-options',
      ours,
      theirs,
    ],
    okCodes: [0, 1],
  });
  const [tree = '', ...conflicts] = splitNul(stdout);
  return code === 0 ? { tree } : { conflicts: [...new Set(conflicts)].map(toText) };
}
