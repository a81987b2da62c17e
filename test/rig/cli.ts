/**
 * The program as a user meets it: a child process with a home, a configuration and a git of its own,
 * so that nothing of the machine leaks in and nothing leaks out.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childCoverageFolder, orchProgram } from './program.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the clean environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the program reads on stdin; nothing by default. */
  readonly input?: string;
}

export interface Outcome {
  /** Exit code; 128 plus the signal's number is not used: see `signal`. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

let home: string | undefined;

/** One private home for all programs that this test process starts; gone when it ends. */
function privateHome(): string {
  if (home === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'orch-home-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    for (const name of ['cache', 'config', 'data', 'state', 'run']) {
      mkdirSync(join(made, name), { mode: 0o700 });
    }
    home = made;
  }
  return home;
}

/**
 * An environment without anything of the user's: PATH and the temporary folder, a private home and
 * private XDG folders, a git that reads no configuration but the repository's, English messages.
 */
export function cleanEnvironment(
  added: RunOptions['env'] = {},
): Record<string, string | undefined> {
  const folder = privateHome();
  return {
    PATH: process.env['PATH'],
    TMPDIR: process.env['TMPDIR'],
    LANG: 'C.UTF-8',
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_RUNTIME_DIR: join(folder, 'run'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Test Author',
    GIT_AUTHOR_EMAIL: 'author@example.com',
    GIT_COMMITTER_NAME: 'Test Author',
    GIT_COMMITTER_EMAIL: 'author@example.com',
    NODE_V8_COVERAGE: childCoverageFolder(),
    ...added,
  };
}

/** Starts orch and leaves it running, for tests that talk to it, signal it or kill it. */
export function startOrch(
  args: readonly string[],
  options: RunOptions = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [orchProgram(), ...args], {
    cwd: options.cwd ?? privateHome(),
    env: cleanEnvironment(options.env),
  });
}

/** Runs orch to its end; a failure is an outcome, not an exception. */
export async function runOrch(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = startOrch(args, options);
  child.stdin.on('error', () => {}); // A program that ends without reading its input is fine.
  child.stdin.end(options.input ?? '');
  return outcomeOf(child);
}

/** Waits for a started program to end and its output to be complete. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** As runOrch with --json, for commands that answer with one document; fails the test on anything else. */
export async function runOrchJson(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly code: number | null; readonly document: unknown; readonly stderr: string }> {
  const { code, stdout, stderr } = await runOrch([...args, '--json'], options);
  try {
    return { code, document: JSON.parse(stdout) as unknown, stderr };
  } catch (cause) {
    throw new Error(`stdout is not one JSON document:\n${stdout}\nstderr:\n${stderr}`, { cause });
  }
}
