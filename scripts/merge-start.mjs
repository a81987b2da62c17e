// @ts-check
/**
 * Puts everything that a start loads into one file.
 *
 * esbuild's splitting gives each set of modules that several lazy parts share a file of its own, and a
 * start then opens all of those that it needs: three of them cost 6 % over a bare node. Here they are
 * bundled into main.js, which exports what they exported under new names, and each becomes a line
 * that hands on from main.js. A lazy part finds the same modules as before, and each exists once.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/**
 * @param {import('esbuild').Metafile} metafile of a build with splitting; outputs stand in one folder
 * @param {string} folder absolute path of that folder
 * @param {import('esbuild').BuildOptions} options of the first build that still matter: format, target, source maps
 */
export async function mergeStart(metafile, folder, options) {
  const outputs = new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  const shared = staticImports(outputs, 'main.js');
  const lines = shared.map((chunk, index) => {
    const names = outputs.get(chunk)?.exports ?? [];
    return `export { ${names.map((name) => `${name} as ${name}_${index}`).join(', ')} } from './${chunk}';`;
  });
  const { outputFiles } = await build({
    ...options,
    // The files bring their own; paths in comments are relative to here.
    banner: {},
    absWorkingDir: folder,
    stdin: { contents: ["export * from './main.js';", ...lines].join('\n'), resolveDir: folder },
    // The name that source maps are relative to.
    outfile: join(folder, 'main.js'),
    bundle: true,
    write: false,
    plugins: [keepLazyImports, builtinsAsTheyAre],
  });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  for (const [index, chunk] of shared.entries()) {
    const names = outputs.get(chunk)?.exports ?? [];
    const handedOn = names.map((name) => `${name}_${index} as ${name}`).join(', ');
    writeFileSync(join(folder, chunk), `export { ${handedOn} } from './main.js';\n`);
    rmSync(join(folder, `${chunk}.map`), { force: true });
  }
}

/** What an action imports when it runs stays a file of its own. @type {import('esbuild').Plugin} */
const keepLazyImports = {
  name: 'keep-lazy-imports',
  setup(builder) {
    builder.onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

/**
 * An ES import of one of node's own modules makes node look at every export of it, and with `node:fs`
 * that loads all of node's streams. Taken as they are they cost nothing: --help went from 1.33 to 1.30
 * times a bare node.
 * @type {import('esbuild').Plugin}
 */
const builtinsAsTheyAre = {
  name: 'builtins-as-they-are',
  setup(builder) {
    builder.onResolve({ filter: /^node:/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    );
    builder.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
  },
};

/**
 * The files that loading one loads with it, itself left out.
 * @param {Map<string, import('esbuild').Metafile['outputs'][string]>} outputs
 * @param {string} start
 * @returns {string[]}
 */
export function staticImports(outputs, start) {
  const found = new Set([start]);
  for (const name of found) {
    for (const { path, kind } of outputs.get(name)?.imports ?? []) {
      if (kind === 'import-statement' && outputs.has(basename(path))) found.add(basename(path));
    }
  }
  found.delete(start);
  return [...found];
}
