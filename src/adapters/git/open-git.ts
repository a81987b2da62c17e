/** Picks the git for a folder: the git program, or the embedded one where there is no program. */
import { OrchError } from '../../base/errors.ts';
import type { GitPort } from '../../ports/git.ts';
import { discoverRepository } from './discover-repository.ts';
import { createGitCli } from './git-cli.ts';

/**
 * @param folder any folder of a work tree
 * @throws OrchError as discoverRepository does; ORCH_NEEDS_GIT when there is no git program and the
 *   repository is not of the simple kind that the embedded git can keep
 */
export async function openGit(folder: string): Promise<GitPort> {
  try {
    return createGitCli(await discoverRepository(folder));
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_GIT_MISSING') throw error;
    // Lazy: isomorphic-git takes a quarter of a second to load.
    const { openEmbeddedGit } = await import('./embedded/embedded-git.ts');
    return await openEmbeddedGit(folder);
  }
}
