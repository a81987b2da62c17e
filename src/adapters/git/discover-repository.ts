/**
 * Finds the repository of a folder, or says what stands in the way and what to type.
 *
 * Works for linked worktrees, submodule checkouts, folders below the top and paths through symbolic
 * links. Only the git program is asked here; the embedded adapter has a finder of its own
 * (embedded/probe.ts), because it can use far fewer repositories.
 */

import { realpathSync } from 'node:fs';
import { OrchError } from '../../base/errors.ts';
import { quoteWord } from '../../base/shell.ts';
import {
  createObjectReader,
  type GitContext,
  type GitResult,
  gitEnvironment,
  spawnGit,
} from './git-program.ts';
import { ObjectMemory } from './object-memory.ts';

/** The first git with `cat-file -z` and `merge-tree --write-tree`. */
const MINIMUM_GIT = { major: 2, minor: 38 };

/**
 * @param folder any folder of a work tree
 * @throws OrchError ORCH_GIT_MISSING, ORCH_GIT_TOO_OLD, ORCH_NOT_A_REPOSITORY, ORCH_BARE_REPOSITORY,
 *   ORCH_INSIDE_GIT_DIR or ORCH_GIT_UNSAFE
 */
export async function discoverRepository(folder: string): Promise<GitContext> {
  const [version, facts] = await Promise.all([
    askAt(folder, ['version']),
    askAt(folder, [
      'rev-parse',
      '--is-bare-repository',
      '--is-inside-git-dir',
      '--show-object-format',
    ]),
  ]);
  refuseOldGit(version.stdout.toString());
  if (facts.code !== 0) throw explainNoRepository(folder, facts.stderr);
  const [isBare, isInsideGitDir, objectFormat] = facts.stdout.toString().split('\n');
  if (isInsideGitDir === 'true' && isBare !== 'true') throw insideGitDir(folder);
  if (isBare === 'true') throw bareRepository(folder);
  // One process for each path: any of them may hold a line break.
  const [worktree, gitDir, commonDir] = await Promise.all([
    askPath(folder, '--show-toplevel'),
    askPath(folder, '--git-dir'),
    askPath(folder, '--git-common-dir'),
  ]);
  const repository = { worktree, gitDir, commonDir };
  return {
    repository,
    oidLength: objectFormat === 'sha256' ? 64 : 40,
    soundIndexes: new Set(),
    memory: new ObjectMemory(),
    reader: createObjectReader(repository),
  };
}

function askAt(folder: string, args: readonly string[]): Promise<GitResult> {
  return spawnGit(args, { cwd: folder, env: gitEnvironment() });
}

async function askPath(folder: string, option: string): Promise<string> {
  const result = await askAt(folder, ['rev-parse', '--path-format=absolute', option]);
  if (result.code !== 0) throw explainNoRepository(folder, result.stderr);
  return realpathSync(result.stdout.toString().replace(/\n$/, ''));
}

function refuseOldGit(words: string): void {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(words) ?? [];
  const wanted = `${MINIMUM_GIT.major}.${MINIMUM_GIT.minor}`;
  const isOld =
    Number(major) < MINIMUM_GIT.major ||
    (Number(major) === MINIMUM_GIT.major && Number(minor) < MINIMUM_GIT.minor);
  if (!isOld) return;
  throw new OrchError('ORCH_GIT_TOO_OLD', `${words.trim()} is older than ${wanted}`, {
    fix: `install git ${wanted} or newer`,
  });
}

function explainNoRepository(folder: string, words: string): OrchError {
  const owner = /detected dubious ownership in repository at '(.*)'/.exec(words)?.[1];
  if (owner !== undefined) {
    return new OrchError('ORCH_GIT_UNSAFE', `${owner} belongs to another user, so git refuses it`, {
      fix: `git config --global --add safe.directory ${quoteWord(owner)}`,
    });
  }
  if (/not a git repository/.test(words)) {
    return new OrchError('ORCH_NOT_A_REPOSITORY', `${folder} is not in a git repository`, {
      fix: 'git init',
    });
  }
  if (/must be run in a work tree/.test(words)) return bareRepository(folder);
  return new OrchError('ORCH_GIT_FAILED', words.trim(), { fix: 'git status' });
}

function bareRepository(folder: string): OrchError {
  return new OrchError(
    'ORCH_BARE_REPOSITORY',
    `${folder} is a bare repository: no files to work on`,
    {
      fix: `git clone ${quoteWord(folder)} <folder>`,
    },
  );
}

function insideGitDir(folder: string): OrchError {
  return new OrchError('ORCH_INSIDE_GIT_DIR', `${folder} is inside a .git folder`, {
    fix: 'cd to the top of the work tree',
  });
}
