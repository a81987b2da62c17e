/** Paths that were left out when a run began and stay out: no tree of the run may come to own them. */
import type { LeftOut } from '../../ports/git.ts';
import { type BytePath, parentFolders, toText } from './byte-paths.ts';

/**
 * @returns what a path was left out as, by itself or by a folder above it; names are compared as they
 *   were recorded, in which bytes that are not UTF-8 all look the same
 */
export function matchKeptOut(
  entries: readonly LeftOut[] | undefined,
): (path: BytePath) => LeftOut | undefined {
  const byPath = new Map((entries ?? []).map((entry) => [entry.path, entry]));
  if (byPath.size === 0) return () => undefined;
  return (path) => {
    const own = byPath.get(toText(path));
    if (own !== undefined) return own;
    for (const parent of parentFolders(path)) {
      const above = byPath.get(toText(parent));
      if (above !== undefined) return above;
    }
    return undefined;
  };
}
