/**
 * What a start loads. Times are the business of bench/startup.ts; here only the cause of slowness is
 * looked at: which scripts a process read, and which packages are inside them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metafile } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { staticImports } from '../../scripts/merge-start.mjs';
import { runOrch } from '../rig/cli.ts';
import { metafilePath, programFolder } from '../rig/program.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

interface V8Coverage {
  readonly result: readonly { readonly url: string }[];
}

/** Every script file a process loaded, from node's own record of what ran; relative to the package. */
async function scriptsLoadedBy(args: readonly string[]): Promise<string[]> {
  const folder = makeTemporaryFolder();
  await runOrch(args, { env: { NODE_V8_COVERAGE: folder } });
  const [record] = readdirSync(folder);
  if (record === undefined) throw new Error('node left no record of what it ran');
  const { result } = JSON.parse(readFileSync(join(folder, record), 'utf8')) as V8Coverage;
  return result
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url }) => relative(programFolder(), fileURLToPath(url)))
    .sort();
}

/** The sources of everything that loading the program loads, from the record of the build. */
function sourcesOfStart(): string[] {
  const { outputs } = JSON.parse(readFileSync(metafilePath(), 'utf8')) as Metafile;
  const files = new Map(Object.entries(outputs).map(([path, file]) => [basename(path), file]));
  return ['main.js', ...staticImports(files, 'main.js')].flatMap((name) =>
    Object.keys(files.get(name)?.inputs ?? {}),
  );
}

/** The rooms and packages that some sources belong to. */
function originsOf(sources: readonly string[]): string[] {
  const origin = /(?:^|\/)(?:node_modules\/((?:@[^/]+\/)?[^/]+)|(src\/[^/]+))/;
  return [...new Set(sources.map((source) => origin.exec(source)?.slice(1).join('') ?? source))];
}

describe('starting orch', () => {
  test('--version loads the starter and nothing else', async () => {
    expect(await scriptsLoadedBy(['--version'])).toEqual(['bin/orch.js']);
  });

  test.for([[['--help']], [['help']], [['completion', '--help']], [['no-such-command']]] as const)(
    '%j loads one file',
    async ([args]) => {
      expect(await scriptsLoadedBy(args)).toEqual(['bin/orch.js', 'dist/main.js']);
    },
  );

  test('that file holds commander, and nothing of the rooms where the work is done', () => {
    expect(originsOf(sourcesOfStart()).sort()).toEqual([
      'commander',
      'src/base',
      'src/cli',
      'src/main.ts',
    ]);
  });

  test('a command loads its work only when it runs', async () => {
    const help = await scriptsLoadedBy(['completion', '--help']);
    const run = await scriptsLoadedBy(['completion', 'bash']);
    expect(run.length).toBeGreaterThan(help.length);
  });
});
