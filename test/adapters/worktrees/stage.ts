/** A repository with a pool beside it, and short words for what the tests of the pool do again and again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClock } from '../../../src/adapters/clock.ts';
import { createFiles } from '../../../src/adapters/files/files.ts';
import { openGit } from '../../../src/adapters/git/open-git.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { openWorktreePool } from '../../../src/adapters/worktrees/worktree-pool.ts';
import type {
  PreparedWorktree,
  WorktreePool,
  WorktreeSettings,
} from '../../../src/ports/worktrees.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../../rig/repository.ts';

export interface Stage extends Disposable {
  readonly repository: TestRepository;
  /** Of the first commit. */
  readonly first: string;
  readonly root: string;
  /** A pool of its own, as another process would open it. */
  open(settings?: Partial<WorktreeSettings>, top?: string): Promise<WorktreePool>;
}

export const RUN = 'run-1';

/** Files of every kind in folders of every depth. */
export async function makeStage(): Promise<Stage> {
  const repository = makeRepository();
  repository.write('.gitignore', 'node_modules/\n*.log\n.env*\nbuild/\n');
  repository.write('top.txt', 'top\n');
  repository.write('src/a.ts', 'a\n');
  repository.write('src/deep/b.ts', 'b\n');
  repository.write('bin/run', '#!/bin/sh\n', 0o755);
  repository.git('config', 'core.symlinks', 'true');
  const first = repository.commitAll('first');
  const root = join(repository.folder, 'cache');
  return {
    repository,
    first,
    root,
    async open(settings = {}, top = repository.top) {
      const ports = { clock: createClock(), files: createFiles(), processes: createProcesses() };
      const git = await openGit(top);
      return openWorktreePool(ports, git, { root, include: [], ports: 0, ...settings });
    },
    [Symbol.dispose]: () => repository[Symbol.dispose](),
  };
}

/** Helpers for the files of a worktree. */
export function filesOf({ claim }: PreparedWorktree, { repository }: Stage): TestRepository {
  return openTestRepository(claim.root, repository.folder);
}

/** What git says is there beside the commit, ignored files too; '' when all is as it should be. */
export function dirtOf(files: TestRepository): string {
  return files.git('status', '--porcelain', '--ignored', '--untracked-files=all');
}

export function textOf(files: TestRepository, path: string): string {
  return readFileSync(files.path(path), 'utf8');
}
