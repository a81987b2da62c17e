/** What the commands that are typed often load. Times are the business of bench/; here is their cause. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Metafile } from 'esbuild';
import { expect, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { metafilePath } from '../rig/program.ts';
import { makeRepository } from '../rig/repository.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

/** The packages inside the scripts that node says it ran. */
async function packagesLoadedBy(args: readonly string[], cwd: string): Promise<string[]> {
  const folder = makeTemporaryFolder();
  await runOrch(args, { cwd, env: { NODE_V8_COVERAGE: folder } });
  const [record] = readdirSync(folder);
  if (record === undefined) throw new Error('node left no record of what it ran');
  const { result } = JSON.parse(readFileSync(join(folder, record), 'utf8')) as {
    result: readonly { readonly url: string }[];
  };
  const loaded = new Set(result.map(({ url }) => basename(url)));
  const { outputs } = JSON.parse(readFileSync(metafilePath(), 'utf8')) as Metafile;
  const sources = Object.entries(outputs)
    .filter(([path]) => loaded.has(basename(path)))
    .flatMap(([, { inputs }]) => Object.keys(inputs));
  const packages = sources.map((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]);
  return [...new Set(packages.filter((name) => name !== undefined))].sort();
}

test.for([['status'], ['list'], ['show'], ['wait']])(
  'orch %s loads neither YAML nor schemas, and draws no tables without a terminal',
  async ([command = '']) => {
    using repository = makeRepository();
    repository.write('one.yaml', 'name: one\nsteps:\n  a: { run: "true" }\n');
    repository.commitAll('first');
    await runOrch(['run', 'one.yaml'], { cwd: repository.top });
    const packages = await packagesLoadedBy([command], repository.top);
    expect(packages).toContain('commander');
    for (const heavy of ['yaml', 'zod', 'execa', 'listr2', 'cli-table3', 'isomorphic-git'])
      expect(packages).not.toContain(heavy);
  },
);
