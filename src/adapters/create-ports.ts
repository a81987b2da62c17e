/** All adapters in one bundle, so that the program loads them with one import. */
import type { Ports } from '../ports/ports.ts';
import { createClock } from './clock.ts';
import { createFiles } from './files/files.ts';
import { describeGit } from './git/describe-git.ts';
import { openGit } from './git/open-git.ts';
import { createProcesses } from './processes/processes.ts';
import { createSecretScanner } from './secrets.ts';
import { createWorkTree } from './work-tree.ts';
import { openWorktreePool } from './worktrees/worktree-pool.ts';

export function createPorts(): Ports {
  const clock = createClock();
  const files = createFiles();
  const processes = createProcesses();
  return {
    clock,
    files,
    processes,
    secrets: createSecretScanner(),
    openGit,
    describeGit,
    openWorkTree: createWorkTree,
    openWorktreePool: (git, settings) =>
      openWorktreePool({ clock, files, processes }, git, settings),
  };
}
