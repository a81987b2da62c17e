/**
 * Every command there is, in places where little or nothing is right: with --json, stdout holds JSON
 * and nothing else; no command takes a mistake of the world for a bug of its own; no stack is shown.
 * A new command is found in the tree and need not be named here.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { createContext } from '../../src/cli/context.ts';
import { buildProgram, runCli } from '../../src/cli/program.ts';
import { encodeEvent } from '../../src/run/journal-line.ts';
import { cleanEnvironment, runOrch } from '../rig/cli.ts';
import { orchProgram } from '../rig/program.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import { makeWorld } from '../rig/world.ts';

const STACK = /^\s+at .+:\d+:\d+/m;
const EXIT_CODES = [0, 1, 2, 3, 4, 75];

/** What is given for an argument of this name. */
const NAMES: Readonly<Record<string, string>> = { run: '@latest', step: 'a' };

/** One call of each command, with something for every required argument and option. */
function callsOfAllCommands(): string[][] {
  const program = buildProgram(createContext(makeWorld()), () => {});
  const leaves = (command: Command): Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  const words = (command: Command): string[] =>
    command.parent === null ? [] : [...words(command.parent), command.name()];
  return program.commands.flatMap(leaves).map((command) => {
    const options = command.options.filter(({ mandatory }) => mandatory);
    const named = command.registeredArguments.filter(({ required }) => required);
    return [
      ...words(command),
      ...named.map((argument) => argument.argChoices?.[0] ?? NAMES[argument.name()] ?? 'w.yaml'),
      ...options.flatMap(({ long }) => [long ?? '', '0']),
    ];
  });
}

/** Runs it within this process. @returns what was printed, checked for what must hold of all of them */
async function call(args: readonly string[], cwd: string) {
  const world = makeWorld({
    cwd,
    env: cleanEnvironment(),
    loadPorts: () => Promise.resolve(createPorts()),
  });
  const code = await runCli([...args, '--json'], world);
  const told = `${args.join(' ')} in ${cwd}\n${world.stdout.text}\n${world.stderr.text}`;
  expect(EXIT_CODES, told).toContain(code);
  expect(world.stderr.text, told).not.toMatch(STACK);
  const documents = parseJson(world.stdout.text, told);
  const errors = documents.flatMap((document) =>
    typeof document === 'object' && document !== null && 'error' in document
      ? [document.error as { code: string; message: string; fix: string }]
      : [],
  );
  for (const error of errors) {
    expect(error.code, told).not.toBe('ORCH_INTERNAL');
    expect(error.message && error.fix, told).toBeTruthy();
  }
  return { code, documents, errors };
}

/** One document, or one a line. */
function parseJson(text: string, told: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    try {
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown);
    } catch (cause) {
      throw new Error(`no clean JSON: ${told}`, { cause });
    }
  }
}

const WORKFLOW = 'name: w\nsteps:\n  a: { run: "true" }\n';

function makeProject(): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', WORKFLOW);
  repository.commitAll('first');
  return repository;
}

/** What can be wrong where a command is called; each gives the folder to call it in. */
const PLACES: Readonly<Record<string, () => Promise<string> | string>> = {
  'a folder that is in no repository': () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'w.yaml'), WORKFLOW);
    return folder;
  },
  'a folder that vanished': () => join(makeTemporaryFolder(), 'gone'),
  'a bare repository': () => {
    const folder = makeTemporaryFolder();
    spawnSync('git', ['init', '-q', '--bare', folder]);
    return folder;
  },
  'the .git folder': () => makeProject().path('.git'),
  'a repository without a run': () => makeProject().top,
  'a repository with a run': async () => {
    const project = makeProject();
    await runToEnd(project, 'run', 'w.yaml');
    return project.top;
  },
  'a workflow that is no YAML, and a config that is not either': () => {
    const project = makeProject();
    project.write('w.yaml', 'name: [w\nsteps: {{\n');
    project.write('.orch/config.yaml', '- :\n -');
    return project.top;
  },
  ...Object.fromEntries(
    [
      ['run.json is not JSON', 'run.json', 'nonsense'],
      ['run.json is empty', 'run.json', ''],
      ['run.json is another JSON', 'run.json', '{"v":1,"workflow":{"steps":7}}'],
      ['run.json is null', 'run.json', 'null'],
      ['the journal is damaged', 'events/0.jsonl', '{"v":1}\n{"v":1}\n'],
      ['the journal is from a newer orch', 'events/0.jsonl', undefined],
    ].map(([what = '', file = '', content]) => [
      `a run of which ${what}`,
      async () => {
        const project = makeProject();
        const { run } = await runToEnd(project, 'run', 'w.yaml');
        const folder = project.path(`.git/orch/runs/${run}`);
        writeFileSync(join(folder, file), content ?? newerLine());
        return project.top;
      },
    ]),
  ),
  'a folder of runs with strange names': () => {
    const project = makeProject();
    for (const name of ['', '..x', '--help', 'a b\n', '$(x)', '@latest', '__proto__'])
      mkdirSync(project.path(`.git/orch/runs/${name}`), { recursive: true });
    writeFileSync(project.path('.git/orch/runs/file'), 'not a folder\n');
    return project.top;
  },
};

/** A whole line with a right checksum, of a version that is not known yet. */
function newerLine(): string {
  const at = '2030-01-01T00:00:00.000Z';
  return `${encodeEvent({ v: 99, seq: 1, at, type: 'run.interrupted', signal: 'SIGINT' })}\n`;
}

describe.each(Object.entries(PLACES))('in %s', (_name, makePlace) => {
  test('every command answers in JSON, and takes nothing for a bug of its own', async () => {
    const place = await makePlace();
    const failures: string[] = [];
    for (const args of callsOfAllCommands())
      await call(args, place).catch((error: Error) => failures.push(error.message));
    expect(failures).toEqual([]);
  });
});

test('an unknown option of every command is one document with 2', async () => {
  const place = makeTemporaryFolder();
  for (const args of callsOfAllCommands()) {
    const { code, documents, errors } = await call([...args, '--no-such-option'], place);
    expect({ code, documents: documents.length, error: errors[0]?.code }, args.join(' ')).toEqual({
      code: 2,
      documents: 1,
      error: 'ORCH_USAGE',
    });
  }
});

describe('orch run --json', () => {
  /** All lines are JSON, and each but the last ends an event. */
  function linesOf(stdout: string): { type?: string; error?: { code: string } }[] {
    expect(stdout === '' || stdout.endsWith('\n')).toBe(true);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  test.for([
    { what: 'a file that is not there', args: ['no.yaml'], code: 2, error: 'ORCH_FILE_NOT_FOUND' },
    {
      what: 'an unknown need',
      yaml: 'name: w\nsteps: { a: { needs: [b], run: x } }\n',
      code: 2,
      error: 'ORCH_UNKNOWN_STEP',
    },
    {
      what: 'an input that is not declared',
      args: ['w.yaml', '-i', 'x=1'],
      code: 2,
      error: 'ORCH_UNKNOWN_INPUT',
    },
    {
      what: 'a strategy that is not there',
      args: ['w.yaml', '--strategy', 'x'],
      code: 2,
      error: 'ORCH_UNKNOWN_STRATEGY',
    },
    {
      what: 'a kind of step that is not built',
      yaml: 'name: w\nsteps: { a: { mcp: [{ server: x, tool: y }] } }\n',
      code: 3,
      error: 'ORCH_NOT_AVAILABLE',
    },
  ])('$what: one document, exit code $code', async ({ args = ['w.yaml'], yaml, code, error }) => {
    const project = makeProject();
    if (yaml !== undefined) project.write('w.yaml', yaml);
    const outcome = await runOrch(['run', ...args, '--json'], { cwd: project.top });
    expect(outcome.code).toBe(code);
    expect(linesOf(outcome.stdout)).toMatchObject([{ error: { code: error } }]);
    expect(readdirSync(project.path('.git')), 'nothing was begun').not.toContain('orch');
  });

  test('a step that fails: whole events, then the summary; its name cannot drive a terminal', async () => {
    const project = makeProject();
    project.write('w.yaml', 'name: w\nsteps:\n  a: { matrix: { k: ["x\\e[2J"] }, run: exit 3 }\n');
    const json = await runOrch(['run', 'w.yaml', '--json'], { cwd: project.top });
    expect(json.code).toBe(1);
    expect(linesOf(json.stdout).at(-1)).toMatchObject({ type: 'run.summary', status: 'failed' });
    const plain = await runOrch(['run', 'w.yaml'], { cwd: project.top });
    expect(plain.code).toBe(1);
    expect(plain.stdout + plain.stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  });

  test('killed in the middle, what was printed is whole lines', async () => {
    const project = makeProject();
    const env = { ORCH_CRASH: 'object:before#1' };
    const outcome = await runOrch(['run', 'w.yaml', '--json'], { cwd: project.top, env });
    expect(outcome.signal).toBe('SIGKILL');
    expect(linesOf(outcome.stdout).map(({ type }) => type)).toContain('run.started');
  });
});

describe('a bug', () => {
  /** A file that node loads first, which breaks what orch relies on. */
  function breakingNode(code: string): Record<string, string> {
    const file = join(makeTemporaryFolder(), 'break.cjs');
    writeFileSync(file, code);
    return { NODE_OPTIONS: `--require ${file}` };
  }

  const whereItIsCaught =
    "require('node:fs').statSync = () => { throw new TypeError('broken on purpose'); }; require('node:module').syncBuiltinESMExports();";
  const whereNobodyCatches =
    "setTimeout(() => { throw new TypeError('broken on purpose'); }, 300).unref(); setTimeout(() => Promise.reject(new TypeError('broken on purpose')), 300).unref();";

  test.for([
    ['in a command', whereItIsCaught],
    ['in a callback of the system', whereNobodyCatches],
  ] as const)('%s is named as one, without a stack; --debug shows it', async ([, code]) => {
    const project = makeProject();
    project.write('w.yaml', 'name: w\nsteps:\n  a: { run: sleep 2 }\n');
    const at = { cwd: project.top, env: breakingNode(code) };
    const plain = await runOrch(['-C', '.', 'run', 'w.yaml'], at);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain('this is a bug in orch: broken on purpose');
    expect(plain.stderr).toContain('[ORCH_INTERNAL]');
    expect(plain.stdout + plain.stderr).not.toMatch(STACK);
    project.remove('.git/orch/worktrees');
    const json = await runOrch(['-C', '.', 'run', 'w.yaml', '--json'], at);
    const lines = json.stdout.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ error: { code: 'ORCH_INTERNAL' } });
    expect(json.stderr).not.toMatch(STACK);
    project.remove('.git/orch/worktrees');
    const debug = await runOrch(['-C', '.', 'run', 'w.yaml', '--debug'], at);
    expect(debug.stderr).toMatch(STACK);
  });
});

test('stdout on a full disk is an error that people read on stderr', () => {
  const project = makeProject();
  for (const options of [[], ['--json']]) {
    const script = '"$0" "$@" > /dev/full';
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', script, process.execPath, orchProgram(), 'run', 'w.yaml', ...options],
      { cwd: project.top, env: cleanEnvironment(), encoding: 'utf8' },
    );
    expect(stderr).toContain('no space left on device');
    expect(stderr).not.toMatch(STACK);
    expect(status).toBe(3);
  }
});
