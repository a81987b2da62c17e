/**
 * Runs a TypeScript program as a process of its own, so that a test can kill it, give it another
 * user namespace or race two of it. The program is bundled first, because the oldest supported Node
 * does not read TypeScript.
 */
import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';

/**
 * @param source absolute path of a TypeScript file, all of whose imports are resolved here
 * @param folder where the bundle is put; start it with `process.execPath <returned path>`
 */
export function bundleProgram(source: string, folder: string): string {
  const outfile = join(folder, `${basename(source, '.ts')}.mjs`);
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Some dependencies are CommonJS and ask for node's own modules by `require`.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}
