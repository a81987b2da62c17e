// @ts-check
/**
 * Builds dist/: one file for start-up (commander and the registration of every command), and further
 * ones for whatever a command loads when it runs.
 *
 * Packages are bundled: importing yaml, zod and the other parts of a plan takes 2.4 times a bare
 * node from node_modules and 1.4 times from a bundle. Nothing is minified, so that a stack trace
 * under --debug names real functions; minifying would win one per cent.
 *
 * Usage: node scripts/build.mjs [--out <folder>] [--sourcemap]
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { mergeStart } from './merge-start.mjs';

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** CommonJS packages in an ES module bundle still call require() for node's own modules. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

const COMMANDER_LOADS = "const childProcess = require('node:child_process');";

/**
 * commander loads child_process for subcommands that are programs of their own, which orch has none of;
 * loading it takes 5 % of the start. It is loaded here when it is used.
 * @type {import('esbuild').Plugin}
 */
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup(builder) {
    builder.onLoad({ filter: /commander\/lib\/command\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes(COMMANDER_LOADS)) throw new Error(`${path} has changed: mend the build`);
      const lazily =
        "const childProcess = { spawn: (...args) => require('node:child_process').spawn(...args) };";
      return { contents: text.replace(COMMANDER_LOADS, lazily), loader: 'js' };
    });
  },
};

/**
 * @param {{ outFolder: string, sourcemap: boolean }} options
 * @returns {Promise<import('esbuild').Metafile>} which source went into which file
 */
export async function buildDist({ outFolder, sourcemap }) {
  // Built beside and swapped in, so that a program started meanwhile never finds half a build.
  const fresh = `${outFolder}.new-${process.pid}`;
  /** @type {import('esbuild').BuildOptions} */
  const options = {
    absWorkingDir: projectRoot,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: sourcemap ? 'linked' : false,
    legalComments: 'none',
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  };
  const result = await build({
    ...options,
    entryPoints: ['src/main.ts'],
    outdir: fresh,
    bundle: true,
    splitting: true,
    metafile: true,
    plugins: [lazyChildProcess],
  });
  await mergeStart(result.metafile, fresh, options);
  writeFileSync(join(fresh, 'THIRD_PARTY_LICENSES.txt'), thirdPartyLicenses(result.metafile));
  const old = `${outFolder}.old-${process.pid}`;
  if (existsSync(outFolder)) renameSync(outFolder, old);
  renameSync(fresh, outFolder);
  rmSync(old, { recursive: true, force: true });
  return result.metafile;
}

/**
 * The licences of all bundled packages, as they ask for: name, version and text of each.
 * @param {import('esbuild').Metafile} metafile
 */
function thirdPartyLicenses(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) folders.add(match[1]);
  }
  const notices = [...folders].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(projectRoot, folder, 'package.json'), 'utf8'));
    const text = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'license.md', 'LICENCE']
      .map((name) => join(projectRoot, folder, name))
      .find((path) => existsSync(path));
    const body = text ? readFileSync(text, 'utf8').trim() : `Licence: ${manifest.license}`;
    return `${manifest.name} ${manifest.version}\n\n${body}\n`;
  });
  return notices.join(`\n${'-'.repeat(72)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist' },
      sourcemap: { type: 'boolean', default: false },
    },
  });
  const outFolder = join(projectRoot, values.out);
  const metafile = await buildDist({ outFolder, sourcemap: values.sourcemap });
  const sizes = Object.values(metafile.outputs).map((output) => output.bytes);
  const totalKb = Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / 1024);
  console.log(`built ${values.out}/: ${sizes.length} files, ${totalKb} kB`);
}
