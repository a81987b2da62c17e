/**
 * A real git repository for one test, in a folder whose name has spaces and quotes, gone afterwards.
 *
 *     using repository = makeRepository();
 *     repository.write('src/a.ts', 'one\n');
 *     repository.commitAll('first');
 *
 * Importing this file cuts the process off from the machine's git settings, so that a test sees the
 * same git everywhere. Files are written and git is called synchronously: a test reads in order.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

Object.assign(process.env, {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
});

export interface TestRepository extends Disposable {
  /** Top of the work tree; absolute, no symbolic links. */
  readonly top: string;
  /** Above the work tree: for what a test needs beside it. Removed as well. */
  readonly folder: string;
  /** What git prints, without the last line break. @throws Error with git's words when it fails */
  git(...args: string[]): string;
  /** As `git`, with more environment. */
  gitWith(env: Readonly<Record<string, string>>, ...args: string[]): string;
  /** Absolute path of a file of the work tree. */
  path(path: string): string;
  /** Makes the folders on the way. */
  write(path: string, content: string | Uint8Array, mode?: number): void;
  remove(path: string): void;
  /** `git add -A && git commit`. @returns the commit */
  commitAll(message: string): string;
}

export interface RepositoryOptions {
  /** Arguments of `git init`, such as `--object-format=sha256`. */
  readonly init?: readonly string[];
  /** Where the folder is made; the system's folder for temporary files by default. */
  readonly parent?: string;
}

/** An empty repository on branch `main`, with an identity and no commit. */
export function makeRepository(options: RepositoryOptions = {}): TestRepository {
  const parent = realpathSync(options.parent ?? tmpdir());
  const folder = mkdtempSync(join(parent, `orch it's a "test" `));
  const top = join(folder, 'work tree');
  mkdirSync(top);
  const repository = openTestRepository(top, folder);
  repository.git('init', '-q', '-b', 'main', ...(options.init ?? []));
  repository.git('config', 'user.name', 'Ada Lovelace');
  repository.git('config', 'user.email', 'ada@example.org');
  return repository;
}

/** The same helpers for a clone, worktree or submodule that a test made inside `folder`. */
export function openTestRepository(top: string, folder: string): TestRepository {
  const gitWith = (env: Readonly<Record<string, string>>, ...args: string[]) => {
    const result = spawnSync('git', args, {
      cwd: top,
      env: { ...process.env, LC_ALL: 'C', ...env },
      maxBuffer: 1 << 28,
    });
    if (result.error !== undefined) throw result.error;
    if (result.status !== 0) {
      throw new Error(`git ${args.join(' ')} (${result.status}): ${result.stderr.toString()}`);
    }
    return result.stdout.toString().replace(/\n$/, '');
  };
  const git = (...args: string[]) => gitWith({}, ...args);
  const path = (relative: string) => join(top, relative);
  return {
    top,
    folder,
    git,
    gitWith,
    path,
    write(relative, content, mode) {
      mkdirSync(dirname(path(relative)), { recursive: true });
      writeFileSync(path(relative), content);
      if (mode !== undefined) chmodSync(path(relative), mode);
    },
    remove: (relative) => rmSync(path(relative), { recursive: true, force: true }),
    commitAll(message) {
      git('add', '-A');
      git('commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
