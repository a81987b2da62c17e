/** Reading commits, files and differences. Nothing here writes. */
import { OrchError } from '../../base/errors.ts';
import type { Change, Commit, GitPort, Oid, TreeEntry } from '../../ports/git.ts';
import { splitNul, toText } from './byte-paths.ts';
import { parseCommit } from './commit-object.ts';
import { type GitContext, runGit } from './git-program.ts';
import { waitForGc } from './wait-for-gc.ts';

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
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch'],
    input: oids.map((oid) => `${oid}\n`).join(''),
  });
  const commits: Commit[] = [];
  for (let at = 0; at < stdout.length; ) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const [oid = '', type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'commit') {
      throw new OrchError('ORCH_GIT_FAILED', `${oid} is no commit`, { fix: 'git fsck' });
    }
    const end = lineEnd + 1 + Number(size);
    commits.push(parseCommit(oid, stdout.subarray(lineEnd + 1, end)));
    at = end + 1;
  }
  return commits;
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

/** @see GitPort.isComplete */
export async function isComplete(
  context: GitContext,
  oid: Oid,
  known: readonly Oid[],
): Promise<boolean> {
  await waitForGc(context);
  const result = await runGit(context, {
    args: [
      'rev-list',
      '--objects',
      '--quiet',
      '--end-of-options',
      oid,
      ...known.map((each) => `^${each}`),
      '--',
    ],
    okCodes: [0, 1, 128],
  });
  return result.code === 0;
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

/** A change of one path, in bytes; GitPort.diffTrees gives it out as text. */
export async function diffTreesBytes(context: GitContext, from: Oid, to: Oid): Promise<Change[]> {
  const { stdout } = await runGit(context, {
    args: [
      'diff-tree',
      '-r',
      '-z',
      '--raw',
      '--no-renames',
      '--no-abbrev',
      '--end-of-options',
      from,
      to,
      '--',
    ],
  });
  const fields = splitNul(stdout);
  const changes: Change[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    changes.push(parseRawDiff(fields[i] ?? '', fields[i + 1] ?? ''));
  }
  return changes;
}

/** `:100644 100644 <oid> <oid> M` and the path */
function parseRawDiff(line: string, path: string): Change {
  const [oldMode = '', newMode = '', oldOid = '', newOid = '', letter] = line.slice(1).split(' ');
  const status = letter === 'A' ? 'added' : letter === 'D' ? 'deleted' : 'modified';
  return { path, status, oldMode, newMode, oldOid, newOid };
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
