/** All adapters in one bundle, so that the program loads them with one import. */
import type { Ports } from '../ports/ports.ts';
import { createClock } from './clock.ts';
import { createFiles } from './files/files.ts';
import { describeGit } from './git/describe-git.ts';
import { openGit } from './git/open-git.ts';
import { createProcesses } from './processes/processes.ts';
import { createSecretScanner } from './secrets.ts';
import { createWorkTree } from './work-tree.ts';

export function createPorts(): Ports {
  return {
    clock: createClock(),
    files: createFiles(),
    processes: createProcesses(),
    secrets: createSecretScanner(),
    openGit,
    describeGit,
    openWorkTree: createWorkTree,
  };
}
