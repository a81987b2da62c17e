/**
 * Everything the world offers, in one bundle. The composition root (src/main.ts) makes it, lazily:
 * a command that needs no world never pays for loading one.
 */
import type { Clock } from './clock.ts';
import type { FilesPort } from './files.ts';
import type { GitDescription, GitPort } from './git.ts';
import type { ProcessPort } from './processes.ts';
import type { SecretScanner } from './secrets.ts';
import type { WorkTreePort } from './work-tree.ts';
import type { WorktreePool, WorktreeSettings } from './worktrees.ts';

export interface Ports {
  readonly clock: Clock;
  readonly files: FilesPort;
  readonly processes: ProcessPort;
  readonly secrets: SecretScanner;
  /**
   * Opens the repository that holds a folder; the git program where there is one, else the embedded git.
   * @param directory absolute path of any folder in the work tree
   * @throws OrchError when there is no repository, or one that neither can work on
   */
  openGit(directory: string): Promise<GitPort>;
  /** @param directory any folder, in a repository or not */
  describeGit(directory: string): Promise<GitDescription>;
  /** @param root absolute path of the work tree */
  openWorkTree(root: string): WorkTreePort;
  /**
   * The worktrees of a repository for isolated work.
   * @param git opened on the user's work tree
   * @throws OrchError ORCH_NEEDS_GIT with the embedded git
   */
  openWorktreePool(git: GitPort, settings: WorktreeSettings): WorktreePool;
}
