/** What housekeeping has to know of the pool of worktrees, from the settings of a repository. */
import type { PoolRequest } from '../engine/collect-worktrees.ts';
import { worktreeSettings } from '../engine/worktree-settings.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import type { Config } from '../workflow/config-schema.ts';
import { DEFAULT_MAX_FILE_SIZE_BYTES } from '../workflow/settings.ts';
import type { CliContext } from './context.ts';
import { definedEnvironment } from './open-project.ts';

export function poolRequest(
  context: CliContext,
  { files }: Ports,
  { repository }: GitPort,
  config: Config,
): PoolRequest {
  return {
    settings: () => worktreeSettings(files, config, definedEnvironment(context), repository),
    diskBytes: config.limits.diskBytes,
    maxFileSizeBytes: config.checkpoint.maxFileSizeBytes ?? DEFAULT_MAX_FILE_SIZE_BYTES,
  };
}
