/** The pool in which the worktrees of a run are, for commands that do not drive the run. */
import { loadConfig } from '../engine/load-definition.ts';
import { openPlace } from '../engine/place-of-run.ts';
import { worktreeSettings } from '../engine/worktree-settings.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorktreePool } from '../ports/worktrees.ts';
import type { CliContext } from './context.ts';
import { definedEnvironment } from './open-project.ts';

/** @param here git of any work tree of the repository */
export async function openWorktreePool(
  context: CliContext,
  ports: Ports,
  here: GitPort,
  run: string,
): Promise<WorktreePool> {
  const git = await openPlace(ports, here, run);
  const { repository } = git;
  const config = loadConfig(ports.files, repository.worktree);
  const environment = definedEnvironment(context);
  return ports.openWorktreePool(
    git,
    worktreeSettings(ports.files, config, environment, repository),
  );
}
