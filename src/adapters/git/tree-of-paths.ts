/** A tree of a few files of the work tree alone: what a cached step produced. */
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { makeTemporaryIndex } from './temporary-index.ts';

/** @see GitPort.treeOfPaths */
export async function writeTreeOfPaths(
  context: GitContext,
  paths: readonly string[],
): Promise<Oid> {
  using index = makeTemporaryIndex(context.repository);
  const args = ['update-index', '--add', '-z', '--stdin'];
  await runGit(context, {
    args,
    index: index.path,
    input: paths.map((path) => `${path}\0`).join(''),
  });
  const { stdout } = await runGit(context, { args: ['write-tree'], index: index.path });
  return stdout.toString().trim();
}
