/**
 * What a start loads. Times are the business of bench/startup.ts; here only the cause of slowness is
 * looked at: which scripts a process read, and which packages are inside them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { programFolder } from '../rig/program.ts';
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

/** The packages bundled into a built file: the build marks where each source begins. */
function packagesIn(script: string): string[] {
  const text = readFileSync(join(programFolder(), script), 'utf8');
  const marks = text.matchAll(/^\s*(?:\/\/ |")node_modules\/((?:@[^/]+\/)?[^/]+)\//gm);
  return [...new Set([...marks].map((mark) => mark[1] ?? ''))];
}

describe('starting orch', () => {
  test('--version loads the starter and nothing else', async () => {
    expect(await scriptsLoadedBy(['--version'])).toEqual(['bin/orch.js']);
  });

  test.for([[['--help']], [['help']], [['completion', '--help']], [['no-such-command']]] as const)(
    '%j loads built files with commander in them, and no other package',
    async ([args]) => {
      const scripts = await scriptsLoadedBy(args);
      expect(scripts).toContain('dist/main.js');
      expect(
        scripts.filter((script) => !/^(bin\/orch\.js$|dist\/[^/]+\.js$)/.test(script)),
      ).toEqual([]);
      const packages = scripts.flatMap((script) =>
        script.startsWith('dist/') ? packagesIn(script) : [],
      );
      expect(packages).toEqual(['commander']);
    },
  );

  test('a command loads its work only when it runs', async () => {
    const help = await scriptsLoadedBy(['completion', '--help']);
    const run = await scriptsLoadedBy(['completion', 'bash']);
    expect(run.length).toBeGreaterThan(help.length);
  });
});
