/**
 * The borders of the house hold, and the check that says so can see: a violation planted in a small
 * copy of the layout is caught by the name of its rule.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const PURE_ROOMS = [
  'base',
  'workflow',
  'plan',
  'run',
  'checkpoint',
  'agent',
  'context',
  'learn',
  'view',
];

/** What the check says about a layout of files: `path: rule`, sorted. */
function violationsIn(files: Readonly<Record<string, string>>): string[] {
  const folder = makeTemporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, 'tsconfig.json'), '{}');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const check = 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs';
  const config = join(projectRoot, '.dependency-cruiser.cjs');
  const { stdout } = spawnSync(
    process.execPath,
    [join(projectRoot, check), '--config', config, '--output-type', 'json', 'src'],
    { cwd: folder, encoding: 'utf8' },
  );
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { from: string; rule: { name: string } }[] };
  };
  const lines = summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`);
  return [...new Set(lines)].sort();
}

const VALUE = 'export const value = 1;\n';
const imports = (path: string) => `import { value } from '${path}';\nexport const copy = value;\n`;
const importsType = (path: string) =>
  `import type { value } from '${path}';\nexport type Copy = typeof value;\n`;

describe('the border check', () => {
  const sound = {
    'src/base/ids.ts': VALUE,
    'src/plan/waves.ts': imports('../base/ids.ts'),
    'src/ports/git.ts': importsType('../plan/waves.ts'),
    'src/engine/run-workflow.ts': importsType('../ports/git.ts'),
    'src/cli/plan.ts': imports('../engine/run-workflow.ts'),
    'src/adapters/disk.ts': "import { readFileSync } from 'node:fs';\nexport { readFileSync };\n",
    'src/main.ts': "import './cli/plan.ts';\nimport './adapters/disk.ts';\n",
  };

  test('lets every file import from rooms to its left, and main from all', () => {
    expect(violationsIn(sound)).toEqual([]);
  });

  test('names every import that crosses a border, and each circle, orphan and stranger', () => {
    const lazily = (module: string) => `export const load = () => import('${module}');\n`;
    const planted = {
      'src/base/to-workflow.ts': [imports('../workflow/x.ts'), 'order-base'],
      'src/plan/to-engine.ts': [importsType('../engine/run-workflow.ts'), 'order-plan'],
      'src/view/to-ports.ts': [importsType('../ports/git.ts'), 'order-view'],
      'src/engine/to-adapters.ts': [imports('../adapters/disk.ts'), 'order-engine'],
      'src/engine/to-cli.ts': [importsType('../cli/plan.ts'), 'order-engine'],
      'src/cli/to-adapters.ts': [imports('../adapters/disk.ts'), 'apart-cli'],
      'src/adapters/to-cli.ts': [imports('../cli/plan.ts'), 'apart-adapters'],
      'src/mcp/to-serve.ts': [imports('../serve/x.ts'), 'apart-mcp'],
      'src/cli/to-main.ts': [imports('../main.ts'), 'apart-cli'],
      'src/run/reads-disk.ts': [lazily('node:fs'), 'pure-rooms'],
      'src/run/reads-promised-disk.ts': [lazily('fs/promises'), 'pure-rooms'],
      'src/run/spawns.ts': [lazily('node:child_process'), 'pure-rooms'],
      'src/run/waits.ts': [lazily('node:timers'), 'pure-rooms'],
      'src/run/asks-machine.ts': [lazily('node:os'), 'pure-rooms'],
      'src/plan/one.ts': [imports('./two.ts'), 'no-circles'],
      'src/plan/alone.ts': [VALUE, 'no-orphans'],
      'src/helpers/x.ts': [imports('../base/ids.ts'), 'known-rooms'],
      'src/plan/lost.ts': [imports('./no-such-file.ts'), 'resolvable'],
    } as const;
    const texts = Object.entries(planted).map(([path, [text]]) => [path, text] as const);
    const layout = {
      ...sound,
      'src/workflow/x.ts': imports('../base/ids.ts'),
      'src/serve/x.ts': imports('../base/ids.ts'),
      // A circle is told once, at the file that comes first.
      'src/plan/two.ts': imports('./one.ts'),
      ...Object.fromEntries(texts),
    };
    expect(violationsIn(layout)).toEqual(
      Object.entries(planted)
        .map(([path, [, rule]]) => `${path}: ${rule}`)
        .sort(),
    );
  });
});

/** What imports cannot show: the clock, chance, the process and timers are globals. */
const IMPURE_GLOBALS =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.[a-z]|\b(?:set(?:Timeout|Interval|Immediate)|queueMicrotask|fetch)\(|\bperformance\.|\bglobalThis\b|\bcrypto\.(?:random|getRandom)|\brandom(?:UUID|Bytes|Int)\b/;

/** Code without comments, which may well speak of the clock. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function sourcesIn(room: string): string[] {
  const folder = join(projectRoot, 'src', room);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

describe('pure rooms', () => {
  const rooms = readdirSync(join(projectRoot, 'src')).filter((room) => PURE_ROOMS.includes(room));

  test.for(rooms)('%s/ takes time and chance as arguments', (room) => {
    const impure = sourcesIn(room).flatMap((path) => {
      const found = IMPURE_GLOBALS.exec(codeOf(readFileSync(path, 'utf8')));
      return found ? [`${path}: ${found[0]}`] : [];
    });
    expect(impure).toEqual([]);
  });

  test('the search sees code and overlooks comments', () => {
    expect(codeOf('const a = Date.now();')).toMatch(IMPURE_GLOBALS);
    expect(codeOf('return new Date();')).toMatch(IMPURE_GLOBALS);
    expect(codeOf('// never Date.now()\n/* nor process.env */')).not.toMatch(IMPURE_GLOBALS);
    expect(codeOf('new Date(nowMs); subprocess.kill(); reset(x)')).not.toMatch(IMPURE_GLOBALS);
  });
});
