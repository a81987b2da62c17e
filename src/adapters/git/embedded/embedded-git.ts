import type { GitPort } from '../../../ports/git.ts';
export async function openEmbeddedGit(_folder: string): Promise<GitPort> {
  throw new Error('not yet');
}
