/** @see GitPort.treeOfPaths */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import type { Oid } from '../../../ports/git.ts';
import { absolutePath, toBytePath } from '../byte-paths.ts';
import type { ObjectStore } from './object-store.ts';
import { modeOf } from './scan-files.ts';
import { writeFlatTree } from './write-tree.ts';

/** A tree of these files of the work tree alone. */
export async function writeTreeOfFiles(
  top: string,
  store: ObjectStore,
  paths: readonly string[],
): Promise<Oid> {
  const files = paths.map(toBytePath).map((path) => {
    const absolute = absolutePath(top, path);
    const stats = lstatSync(absolute, { bigint: true });
    const content = stats.isSymbolicLink()
      ? readlinkSync(absolute, 'buffer')
      : readFileSync(absolute);
    return [path, { mode: modeOf(stats), oid: store.writeNew('blob', content) }] as const;
  });
  return await writeFlatTree(store, files, null);
}
