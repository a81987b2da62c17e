/**
 * docs/guide.md cannot rot: its files are loaded, those with something to show are run, and its tables
 * are what the code says.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { EXIT } from '../../src/base/errors.ts';
import { gatesOf } from '../../src/plan/gates.ts';
import { BUILT_IN_STRATEGIES } from '../../src/plan/strategies.ts';
import { parseConfig } from '../../src/workflow/config-schema.ts';
import { loadWorkflow } from '../../src/workflow/load.ts';
import type { Level } from '../../src/workflow/workflow.ts';
import { cleanEnvironment, runOrch, runOrchJson } from '../rig/cli.ts';
import { orchProgram } from '../rig/program.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, runToEnd } from '../rig/runs.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const PAGE = readFileSync(join(projectRoot, 'docs/guide.md'), 'utf8');

function blocks(language: string): string[] {
  const found = PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  return [...found].map(([, block = '']) => block);
}

/** The files of the page by path; the first line of a block names it. */
const FILES = new Map(
  blocks('yaml').map((block) => {
    const path = /^# (\.orch\/\S+\.yaml)\n/.exec(block)?.[1];
    if (path === undefined) throw new Error(`a block does not say which file it is:\n${block}`);
    return [path, block];
  }),
);
const WORKFLOWS = [...FILES.keys()].filter((path) => path.startsWith('.orch/workflows/'));

/** Cells of the table below this row of heads. */
function tableUnder(heads: string): string[][] {
  const lines = PAGE.split('\n');
  const start = lines.indexOf(heads);
  if (start === -1) throw new Error(`there is no table ${heads}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const word = (cell = '') => cell.replaceAll('`', '');

describe('files', () => {
  test('there are as many as the page has blocks, and some', () => {
    expect(FILES.size).toBe(blocks('yaml').length);
    expect(WORKFLOWS.length).toBeGreaterThan(7);
  });

  test.for(WORKFLOWS)('%s is a workflow', (file) => {
    const { workflow } = loadWorkflow({ file, read: (path) => FILES.get(path) });
    expect(workflow.steps.length).toBeGreaterThan(0);
  });

  test('.orch/config.yaml has settings', () => {
    const config = parseConfig(FILES.get('.orch/config.yaml') ?? '', 'config.yaml');
    expect(Object.keys(config.strategies)).toEqual(['nightly']);
  });
});

/** Stands for any program: it designs when it is to be an architect, and builds otherwise. */
const SCRIBE = `#!/bin/sh
if grep -q 'You are a software architect'; then echo Warmly. > greeting.md
else echo 'echo Hello' > greet.sh; fi
echo 'Greet them warmly.'
`;

/** A repository with all files of the page. */
function makeSample(): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  for (const [path, text] of FILES) repository.write(path, text);
  repository.write('source.txt', 'source\n');
  repository.write('.gitignore', 'dist/\n');
  repository.commitAll('start');
  return repository;
}

const read = (repository: TestRepository, path: string) =>
  readFileSync(repository.path(path), 'utf8');

describe('what the page says happens', () => {
  test('outputs and inputs are handed on', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'hand-on', '--input', 'greeting=hi');
    expect(read(repository, 'told.txt')).toBe('hi 2 first line\nsecond line\n');
  });

  test('a step that may fail stops nothing, and is seen as failed', async () => {
    const repository = makeSample();
    const { summary, code } = await runToEnd(repository, 'run', 'careful');
    expect(code).toBe(0);
    expect(summary.steps).toMatchObject({ passed: 3, failed: 1, skipped: 0 });
    expect(existsSync(repository.path('explained.txt'))).toBe(true);
  });

  test('matrices are combined as on GitHub, or come from outputs', async () => {
    const repository = makeSample();
    const { events } = await runToEnd(repository, 'run', 'matrix');
    const steps = events.flatMap((event) => (event.type === 'step.finished' ? [event.step] : []));
    expect(steps.sort()).toEqual([
      'list',
      'test(linux,20)',
      'test(linux,22)',
      'test(linux,24)',
      'test(mac,22)',
      'work(a)',
      'work(b)',
    ]);
    expect(existsSync(repository.path('shard-b'))).toBe(true);
  });

  test('a cached step is skipped and what it produces restored; a miss says why', async () => {
    const repository = makeSample();
    const cacheOf = async (...flags: string[]) => {
      const { summary } = await runToEnd(repository, 'run', 'cached', ...flags);
      return summary.cache;
    };
    expect(await cacheOf()).toMatchObject({ hits: 0 });
    repository.remove('dist');
    expect(await cacheOf()).toEqual({ hits: 1, misses: [] });
    expect(read(repository, 'dist/app.txt')).toBe('source\n');
    repository.write('source.txt', 'other\n');
    expect((await cacheOf()).misses).toEqual([{ of: 'build', reason: 'file source.txt changed' }]);
    expect(await cacheOf('--refresh', 'build')).toMatchObject({ hits: 0 });
    expect(await cacheOf('--no-cache')).toMatchObject({ hits: 0 });
  });

  test('agents hand on what they say, and the persona comes first', async () => {
    const repository = makeSample();
    repository.write('scribe.sh', SCRIBE);
    chmodSync(repository.path('scribe.sh'), 0o755);
    repository.commitAll('an agent');
    const env = { XDG_CACHE_HOME: repository.path('../cache') };
    const outcome = await runOrch(['run', 'greet', '--json'], { cwd: repository.top, env });
    const { run } = asRunOutcome(outcome);
    expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
    expect(repository.git('show', `orch/${run}:greet.sh`)).toBe('echo Hello');
    const shown = await runOrch(['show', run, 'build', '--prompt'], { cwd: repository.top });
    expect(shown.stdout).toMatch(/^You are a software developer\./);
    expect(shown.stdout).toContain('Build what Greet them warmly. asks for, in greet.sh.');
  });

  test('an approval ends the run with 75 until somebody answers', async () => {
    const repository = makeSample();
    const { code, run } = await runToEnd(repository, 'run', 'ship');
    expect(code).toBe(75);
    expect(existsSync(repository.path('shipped.txt'))).toBe(false);
    await runOrchJson(['approve', run, 'sign-off'], { cwd: repository.top });
    expect(await runToEnd(repository, 'resume')).toMatchObject({ code: 0 });
    expect(existsSync(repository.path('shipped.txt'))).toBe(true);
  });

  test('a nested workflow takes inputs and hands back outputs', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'release');
    expect(read(repository, 'tag.txt')).toBe('app-1.0\n');
  });

  test('a file is laid over its template', () => {
    const load = (path: string) => FILES.get(path);
    const { workflow } = loadWorkflow({ file: '.orch/workflows/mine.yaml', read: load });
    expect(workflow.steps.map(({ id }) => id)).toEqual(['test', 'build']);
    expect(workflow.gates.map(({ name }) => name)).toEqual(['clean']);
    expect(workflow.failFast).toBe(false);
  });

  test('a rollback leaves ignored files, and files that were too large, as the step left them', async () => {
    const repository = makeSample();
    repository.write('.gitignore', '.env\n');
    repository.write('.env', 'before\n');
    repository.write('.orch/config.yaml', 'checkpoint: { max_file_size: 1KB }\n');
    const run = 'echo after > .env; echo after > kept.txt; head -c 2000 /dev/zero > large.bin';
    repository.write('.orch/workflows/leave.yaml', `steps: { a: { run: '${run}' } }\n`);
    repository.commitAll('more');
    const { events } = await runToEnd(repository, 'run', 'leave');
    const leftOut = events.flatMap((event) => (event.type === 'wave.sealed' ? event.left_out : []));
    expect(leftOut.map(({ path }) => path)).toEqual(['large.bin']);
    await runOrchJson(['rollback', '--to', '0'], { cwd: repository.top });
    expect(existsSync(repository.path('kept.txt'))).toBe(false);
    expect(read(repository, '.env')).toBe('after\n');
    expect(existsSync(repository.path('large.bin'))).toBe(true);
  });
});

describe('tables', () => {
  test('variables are those that steps and gates find', async () => {
    const repository = makeSample();
    repository.write('see.sh', "env | grep -o '^ORCH_[A-Z_]*' > $1\n");
    repository.write(
      '.orch/workflows/see.yaml',
      `inputs: { max-size: { type: number, default: 3 } }
steps:
  see: { matrix: { key: [a] }, run: sh see.sh step.txt }
gates:
  - { name: see, level: light, run: sh see.sh gate.txt }
`,
    );
    expect(await runToEnd(repository, 'run', 'see')).toMatchObject({ code: 0 });
    const rows = tableUnder('| variable | in | holds |');
    const named = (where: string) =>
      rows
        .filter(([, places = '']) => places.includes(where))
        .map(([variable]) => word(variable).replace('<NAME>', 'MAX_SIZE').replace('<KEY>', 'KEY'))
        .sort();
    const seen = (path: string) => read(repository, path).trim().split('\n').sort();
    expect(named('steps')).toEqual(seen('step.txt'));
    expect(named('gates')).toEqual(seen('gate.txt'));
  });

  test('strategies, their validation and the gates that it lets through', () => {
    const levels: Level[] = ['light', 'standard', 'strict'];
    const gates = levels.map((level) => ({ name: level, level, on: 'wave' as const }));
    const rows = tableUnder('| strategy | waves | validation | gates that run, by level |');
    const shown = rows.map(([name, size, validation, ran]) => [
      word(name),
      size,
      word(validation),
      ran,
    ]);
    const actual = Object.entries(BUILT_IN_STRATEGIES).map(([name, { waveSize, validation }]) => [
      name,
      waveSize,
      validation,
      validation === 'adaptive'
        ? 'by wave, see below'
        : gatesOf(gates as never, validation, false)
            .gates.map(({ level }) => level)
            .join(', '),
    ]);
    expect(shown).toEqual(actual);
  });

  test('exit codes', () => {
    const rows = tableUnder('| code | meaning |').map(([code, meaning = '']) => [
      Number(code),
      /^\w+/.exec(meaning)?.[0],
    ]);
    expect(rows).toEqual(Object.entries(EXIT).map(([name, code]) => [code, name]));
  });
});

const hasJq = spawnSync('jq', ['--version']).status === 0;

test.skipIf(!hasJq)('what scripts are shown gives what its comments say', async () => {
  const repository = makeSample();
  const { run } = asRunOutcome(
    await runToEnd(repository, 'run', 'matrix', '--strategy', 'progressive'),
  );
  const programs = makeTemporaryFolder();
  symlinkSync(orchProgram(), join(programs, 'orch'));
  const [script = ''] = blocks('sh').filter((block) => block.includes('| jq'));
  const { stdout, status } = spawnSync('sh', ['-ec', script], {
    cwd: repository.top,
    env: cleanEnvironment({ PATH: `${programs}:${process.env['PATH']}` }),
  });
  const lines = stdout.toString().trim().split('\n');
  expect({ status, run: run.startsWith('matrix-') }).toEqual({ status: 0, run: true });
  expect(lines).toHaveLength(4);
  for (const line of lines.slice(0, 3)) expect(line).toMatch(/^[\d.]+ (list|test|work)/);
  expect(lines[3]).toMatch(/^orch\/ship-/);
});
