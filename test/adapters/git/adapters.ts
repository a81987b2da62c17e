/** Both adapters behind one name, and the oracle they are held to: what git itself would store. */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { discoverRepository } from '../../../src/adapters/git/discover-repository.ts';
import { openEmbeddedGit } from '../../../src/adapters/git/embedded/embedded-git.ts';
import { createGitCli } from '../../../src/adapters/git/git-cli.ts';
import type { GitPort, Snapshot, SnapshotRequest } from '../../../src/ports/git.ts';
import type { TestRepository } from '../../rig/repository.ts';

export interface Adapter {
  readonly name: string;
  open(folder: string): Promise<GitPort>;
}

export const gitProgram: Adapter = {
  name: 'git program',
  open: async (folder) => createGitCli(await discoverRepository(folder)),
};

export const embedded: Adapter = { name: 'embedded', open: openEmbeddedGit };

export const privateIndex = (port: GitPort) =>
  join(port.repository.gitDir, 'orch/runs/run-1/index');

export const ONE_MEGABYTE = 1_000_000;

/** A snapshot as the engine takes it. */
export async function snapshotOf(
  port: GitPort,
  options: Partial<Omit<SnapshotRequest, 'index'>> = {},
): Promise<Snapshot> {
  return await port.snapshot({
    index: privateIndex(port),
    exclude: [],
    maxFileSizeBytes: ONE_MEGABYTE,
    ...options,
  });
}

/**
 * The tree of `git add -A && git write-tree`, in an index of its own that is chained from call to
 * call as a run's private index is.
 * @param leftOut paths that are taken out again before the tree is written
 */
export function oracleTree(repository: TestRepository, leftOut: readonly string[] = []): string {
  const gitDir = repository.git('rev-parse', '--absolute-git-dir');
  const index = join(gitDir, 'oracle-index');
  const users = join(gitDir, 'index');
  if (!existsSync(index) && existsSync(users)) {
    // The copy is younger than the original, so its entries could look clean when they are not.
    copyFileSync(users, index);
    repository.gitWith({ GIT_INDEX_FILE: index }, 'read-tree', '--empty');
    const entries = repository.git('ls-files', '-s', '-z').split('\0').slice(0, -1);
    for (const entry of entries) {
      const [info = '', path = ''] = entry.split('\t');
      const [mode = '', oid = ''] = info.split(' ');
      const args = ['update-index', '--add', '--cacheinfo', mode, oid, path];
      repository.gitWith({ GIT_INDEX_FILE: index }, ...args);
    }
  }
  const env = { GIT_INDEX_FILE: index };
  repository.gitWith(env, 'add', '-A');
  if (leftOut.length > 0) {
    repository.gitWith(env, 'rm', '-r', '-q', '--cached', '--ignore-unmatch', '--', ...leftOut);
  }
  return repository.gitWith(env, 'write-tree');
}

/** What must never change but by adoptCommit: HEAD, index, stash, branch and hooks. */
export function userState(repository: TestRepository): string {
  const gitDir = repository.git('rev-parse', '--absolute-git-dir');
  const index = join(gitDir, 'index');
  return [
    repository.git('rev-parse', '--symbolic-full-name', 'HEAD'),
    repository.git('for-each-ref', 'refs/heads', 'refs/stash'),
    existsSync(index) ? repository.git('hash-object', index) : 'no index',
    repository.git('config', '--local', '--list'),
  ].join('\n');
}

/** A commit with a file at the top and one in a folder. */
export function fill(repository: TestRepository): string {
  repository.write('top.txt', 'top\n');
  repository.write('src/a.ts', 'one\n');
  return repository.commitAll('first');
}
