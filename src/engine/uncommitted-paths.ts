/** Which of a few files are not committed as they are: what a run that begins now would carry along. */
import type { GitPort } from '../ports/git.ts';

/** @param paths of files that are there, from the top of the work tree */
export async function uncommittedPaths(git: GitPort, paths: readonly string[]): Promise<string[]> {
  const { oid } = await git.head();
  if (oid === null) return [...paths];
  const present = await git.listFiles(await git.treeOfPaths(paths), '');
  const objects = new Map(present.map((entry) => [entry.path, entry.oid]));
  const isCommitted = await Promise.all(
    paths.map(async (path) => (await git.listFiles(oid, path))[0]?.oid === objects.get(path)),
  );
  return paths.filter((_, index) => !isCommitted[index]);
}
