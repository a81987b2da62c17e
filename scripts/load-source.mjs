// @ts-check
/**
 * Loads TypeScript of this project into a script: the oldest supported node cannot read it, so it is
 * bundled first. Packages stay outside the bundle.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { projectRoot } from './build.mjs';

/**
 * Bundles a file of the project to an ES module.
 * @param {string} source path from the top of the project
 * @param {string} outfile absolute
 */
export async function compileSource(source, outfile) {
  await build({
    absWorkingDir: projectRoot,
    entryPoints: [source],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
}

/**
 * What a file of the project exports.
 * @param {string} source path from the top of the project
 */
export async function loadSource(source) {
  // Below node_modules, so that packages are found from there.
  const folder = join(projectRoot, 'node_modules', '.cache', 'orch', `load-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const outfile = join(folder, `${source.replaceAll(/[^a-z0-9]+/gi, '-')}.mjs`);
    await compileSource(source, outfile);
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
