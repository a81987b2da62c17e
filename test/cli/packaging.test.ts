/**
 * The package as users get it: packed, installed globally into an empty folder, and started by name,
 * as `orch` and as a command of git. Its dependencies come from npm's cache or the registry; where
 * neither can be reached, what needs an installation is skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { cleanEnvironment } from '../rig/cli.ts';
import { programFolder } from '../rig/program.ts';

const INSTALL_LIMIT_MS = 180_000;
/** What npm says when no registry answers, and when its cache does not hold what it may not ask for. */
const UNREACHABLE = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|NOTCACHED)/;

const folder = join(tmpdir(), `orch-packaging-${process.pid}`);
const prefix = join(folder, 'global');
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  version: string;
  files: string[];
};
let unreachable: string | undefined;

/** npm with its own settings: it needs the registry and the cache of this machine. */
function npm(args: readonly string[], cwd: string) {
  return spawnSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
  });
}

/** Packs what this test session has built, not whatever the project's dist/ holds. */
function pack(): string {
  const staged = join(folder, 'package');
  execFileSync('cp', ['-R', programFolder(), staged]);
  for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
    spawnSync('cp', [join(projectRoot, name), staged]);
  }
  // The build is there already, and its tools are not.
  const packed = npm(['pack', '--ignore-scripts', '--pack-destination', folder], staged);
  if (packed.status !== 0) throw new Error(packed.stderr);
  const name = readdirSync(folder).find((entry) => entry.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack left no package');
  return join(folder, name);
}

beforeAll(() => {
  mkdirSync(join(folder, 'empty'), { recursive: true });
  const install = npm(
    ['install', '--global', '--prefix', prefix, '--prefer-offline', pack()],
    join(folder, 'empty'),
  );
  if (install.status === 0) return;
  if (!UNREACHABLE.test(install.stderr)) throw new Error(install.stderr);
  unreachable = `the registry cannot be reached: ${install.stderr.trim().split('\n')[0]}`;
  console.log(unreachable);
}, INSTALL_LIMIT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program by name in an empty folder, with the installed package first on PATH. */
function runInstalled(program: string, args: readonly string[]) {
  const PATH = `${join(prefix, 'bin')}:${process.env['PATH']}`;
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: join(folder, 'empty'),
    encoding: 'utf8',
    env: cleanEnvironment({ PATH }),
  });
  return { status, stdout, stderr };
}

test('what the manifest would ship is there', () => {
  const places = [projectRoot, programFolder()];
  const missing = manifest.files.filter(
    (name) => !places.some((place) => existsSync(join(place, name))),
  );
  expect(missing).toEqual([]);
});

describe('the installed package', () => {
  const version = { status: 0, stdout: `${manifest.version}\n`, stderr: '' };

  test.for([
    { program: 'orch', args: ['--version'] },
    { program: 'git-orch', args: ['--version'] },
    { program: 'git', args: ['orch', '--version'] },
  ])('answers to $program $args', ({ program, args }, { skip }) => {
    skip(unreachable !== undefined, unreachable);
    expect(runInstalled(program, args)).toEqual(version);
  });

  test('shows its help', ({ skip }) => {
    skip(unreachable !== undefined, unreachable);
    const { status, stdout } = runInstalled('orch', ['--help']);
    expect(stdout).toMatch(/^Usage: orch /);
    expect(status).toBe(0);
  });

  test('runs a command that loads packages', ({ skip }) => {
    skip(unreachable !== undefined, unreachable);
    const { status, stdout } = runInstalled('git', ['orch', 'schema', 'workflow', '--json']);
    expect(JSON.parse(stdout)).toHaveProperty('title', 'orch workflow');
    expect(status).toBe(0);
  });

  test('holds the program and its papers, and nothing else', ({ skip }) => {
    skip(unreachable !== undefined, unreachable);
    const installed = join(prefix, 'lib', 'node_modules', 'git-orch');
    const names = readdirSync(installed).filter((name) => name !== 'node_modules');
    const allowed = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'package.json',
      'templates',
    ];
    expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(['LICENSE', 'bin', 'dist', 'package.json']));
    expect(readdirSync(join(installed, 'templates/personas'))).toContain('reviewer.md');
    expect(readFileSync(join(installed, 'dist', 'THIRD_PARTY_LICENSES.txt'), 'utf8')).toContain(
      'commander',
    );
  });
});
