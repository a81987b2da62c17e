/**
 * Builds the program once a test session, into a folder of its own. Templates and manifest come along,
 * so that it finds what ships with it.
 */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDist, projectRoot } from '../../scripts/build.mjs';
import { childCoverageFolder, metafilePath, setProgramFolder } from './program.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const coverage = childCoverageFolder();
  const folder =
    coverage === undefined
      ? join(projectRoot, 'node_modules', '.cache', 'orch', `test-${process.pid}`)
      : join(coverage, '..', 'program');
  await mkdir(folder, { recursive: true });
  const metafile = await buildDist({
    outFolder: join(folder, 'dist'),
    sourcemap: coverage !== undefined,
  });
  await writeFile(metafilePath(folder), JSON.stringify(metafile));
  for (const name of ['bin', 'package.json', 'templates']) {
    await cp(join(projectRoot, name), join(folder, name), { recursive: true }).catch(ignoreAbsence);
  }
  setProgramFolder(folder);
  // What ran is looked up in the built files afterwards.
  if (coverage !== undefined) return async () => {};
  return () => rm(folder, { recursive: true, force: true });
}

/** A project without templates yet is fine. */
function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
