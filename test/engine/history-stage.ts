/**
 * A repository with a run of three waves, for the commands that look back at it: its checkpoints, and
 * the means to crash a command at every persisted effect and to start again from the same state.
 *
 * Each step appends its name to `counts` outside the repository; the third fails while `fail` is there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { type ReadRun, readRun } from '../../src/engine/read-run.ts';
import { type Outcome, runOrch } from '../rig/cli.ts';
import { readPlaces } from '../rig/crash-places.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome } from '../rig/runs.ts';

const WORKFLOW = `
name: history
waves: { max: 10, min_steps: 1 }
steps:
  one: { wave: 1, run: 'echo one >> "$COUNTS"; echo one > one.txt; echo changed > kept.txt; rm gone.txt' }
  two: { wave: 2, needs: [one], run: 'echo two >> "$COUNTS"; echo two > two.txt; chmod +x one.txt' }
  three: { wave: 3, needs: [two], run: 'echo three >> "$COUNTS"; echo 3 > three.txt; test ! -e "$FAIL"' }
`;

export interface History extends Disposable {
  readonly repository: TestRepository;
  readonly run: string;
  /** Makes the third step fail from now on, or not. */
  failing(on: boolean): void;
  orch(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
  /** As orch with --json. @throws when it does not end with `code` */
  json(args: readonly string[], code?: number): Promise<Record<string, unknown>>;
  read(): ReadRun;
  /** How often each step has begun. */
  begun(): Record<string, number>;
  /** Keeps everything as it is now, to come back to. */
  save(): void;
  restore(): void;
}

export interface HistoryOptions {
  /** Uncommitted changes when the run begins; true by default. */
  readonly dirty?: boolean;
  readonly fails?: boolean;
  readonly workflow?: string;
  readonly args?: readonly string[];
  /** Tracked files besides, one character for each byte of the name. */
  readonly names?: readonly string[];
  /** The last thing before the run begins. */
  readonly prepare?: (repository: TestRepository) => void;
}

/** @returns after the run, whatever became of it */
export async function makeHistory(options: HistoryOptions = {}): Promise<History> {
  const repository = makeRepository();
  const counts = join(repository.folder, 'counts');
  const fail = join(repository.folder, 'fail');
  const saved = join(repository.folder, 'saved');
  repository.write('kept.txt', 'kept\n');
  repository.write('gone.txt', 'gone\n');
  repository.write('.gitignore', 'ignored/\n');
  repository.write('.orch/workflows/history.yaml', options.workflow ?? WORKFLOW);
  for (const name of options.names ?? []) {
    const bytes = Buffer.from(name, 'latin1');
    writeFileSync(Buffer.concat([Buffer.from(`${repository.top}/`), bytes]), 'first\n');
  }
  repository.commitAll('first');
  repository.write('ignored/secret', 'stays\n');
  if (options.dirty !== false) {
    repository.write('kept.txt', 'edited\n');
    repository.write('untracked.txt', 'untracked\n');
  }
  options.prepare?.(repository);
  if (options.fails) writeFileSync(fail, '');
  // Worktrees of isolated runs go with the repository.
  const own = { COUNTS: counts, FAIL: fail, XDG_CACHE_HOME: join(repository.folder, 'cache') };
  const orch = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    await runOrch(args, { cwd: repository.top, env: { ...own, ...env } });
  const { run } = asRunOutcome(await orch(['run', 'history', '--json', ...(options.args ?? [])]));
  return {
    repository,
    run,
    failing: (on) => (on ? writeFileSync(fail, '') : rmSync(fail, { force: true })),
    orch,
    async json(args, code = 0) {
      const outcome = await orch([...args, '--json']);
      expect(`${outcome.code} ${outcome.stderr}`).toMatch(new RegExp(`^${code} `));
      return JSON.parse(outcome.stdout) as Record<string, unknown>;
    },
    read: () => readRun(createFiles(), repository.path('.git'), run),
    begun() {
      const names = existsSync(counts) ? readFileSync(counts, 'utf8').trim().split('\n') : [];
      const begun: Record<string, number> = {};
      for (const name of names) begun[name] = (begun[name] ?? 0) + 1;
      return begun;
    },
    save: () => copyFolder(repository.top, saved),
    restore: () => copyFolder(saved, repository.top),
    [Symbol.dispose]: () => repository[Symbol.dispose](),
  };
}

function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** The tree of a checkpoint without the record of the run: what a rollback brings back. */
export function sealedTree({ repository, run }: History, wave: number): string {
  const [commit = ''] = repository
    .git('log', '--format=%H', '--grep', `^Orch-Wave: ${wave}$`, `orch/${run}`)
    .split('\n');
  return listing(repository, commit);
}

/** Mode, object and path of every file of a commit or tree but the records of runs. */
export function listing(repository: TestRepository, revision: string): string {
  const lines = repository.git('ls-tree', '-r', revision).split('\n');
  return lines.filter((line) => !line.includes('\t.orch/runs/')).join('\n');
}

/** As `listing`, of the files on disk as plain `git add -A` takes them, force-added files included. */
export function workTreeListing(repository: TestRepository): string {
  const index = join(repository.folder, 'oracle-index');
  rmSync(index, { force: true });
  const env = { GIT_INDEX_FILE: index };
  repository.gitWith(env, 'read-tree', 'HEAD');
  repository.gitWith(env, 'add', '-A');
  return listing(repository, repository.gitWith(env, 'write-tree'));
}

/**
 * Places that a command passes, as `name#n`; it is carried out on the way. Of each name the first and the
 * last; all of them with ORCH_LONG_TESTS.
 */
export async function placesOf(
  history: Pick<History, 'repository' | 'orch'>,
  args: readonly string[],
): Promise<string[]> {
  const record = join(history.repository.folder, 'places');
  await history.orch(args, { ORCH_CRASH_RECORD: record });
  const places = readPlaces(record);
  if (process.env['ORCH_LONG_TESTS']) return places;
  const byName = new Map<string, string[]>();
  for (const place of places) {
    const [name = ''] = place.split('#');
    byName.set(name, [...(byName.get(name) ?? []), place]);
  }
  return [...byName.values()].flatMap((places) => {
    const chosen = [places[0], places.at(-1)];
    return [...new Set(chosen)].filter((place) => place !== undefined);
  });
}

/** What must never change but by accept: HEAD, branch, index, stash. */
export function userState(repository: TestRepository): string {
  return [
    readFileSync(repository.path('.git/HEAD'), 'utf8'),
    repository.git('for-each-ref', 'refs/heads/main', 'refs/stash'),
    readFileSync(repository.path('.git/index')).toString('base64'),
    existsSync(repository.path('.git/logs/refs/stash'))
      ? readFileSync(repository.path('.git/logs/refs/stash'), 'utf8')
      : '',
  ].join('\n');
}
