/** Killed at every point where something is about to be, or was just, written; then done once more. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundleProgram } from '../../rig/child-program.ts';
import { readPlaces } from '../../rig/crash-places.ts';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { embedded, fill, gitProgram, oracleTree, snapshotOf } from './adapters.ts';

interface Scene {
  readonly words: readonly string[];
  /** Brings the repository back to where the program starts. */
  readonly reset: () => void;
  readonly check: () => void;
}

type MakeScene = (repository: TestRepository, open: typeof gitProgram.open) => Promise<Scene>;

const restoreScene: MakeScene = async (repository, open) => {
  fill(repository);
  const port = await open(repository.top);
  const before = (await snapshotOf(port)).tree;
  const edit = () => {
    repository.remove('src');
    repository.write('src', 'a file now');
    repository.remove('top.txt');
    repository.write('new/deep', 'n');
  };
  edit();
  const after = (await snapshotOf(port)).tree;
  return {
    words: ['restore', repository.top, after, before],
    reset: () => {
      repository.remove('src');
      repository.remove('new');
      repository.remove('.git/orch/restoring');
      edit();
    },
    check: () => {
      expect(oracleTree(repository)).toBe(before);
      expect(existsSync(repository.path('.git/orch/restoring'))).toBe(false);
    },
  };
};

const adoptScene: MakeScene = async (repository, open) => {
  const head = fill(repository);
  const port = await open(repository.top);
  repository.write('new', 'n');
  const { tree } = await snapshotOf(port);
  const commit = await port.commit({ tree, parents: [head], message: 'x' });
  return {
    words: ['adopt', repository.top, commit, head],
    reset: () => repository.git('reset', '-q', head),
    check: () => {
      expect(repository.git('status', '--porcelain')).toBe('');
      expect(repository.git('rev-parse', 'HEAD')).toBe(commit);
    },
  };
};

const checkpointScene: MakeScene = async (repository) => {
  const head = fill(repository);
  repository.write('new', 'n');
  return {
    words: ['checkpoint', repository.top, head],
    reset: () => {
      repository.remove('.git/orch');
      repository.git('update-ref', '-d', 'refs/heads/orch/run-1');
      // An object that is there already is not written, and there would be nothing to crash.
      repository.git('prune', '--expire=now');
    },
    check: () => {
      const files = repository.git('ls-tree', '-r', '--name-only', 'orch/run-1').split('\n');
      expect(files).toEqual(['.orch/run', 'new', 'src/a.ts', 'top.txt']);
      repository.git('fsck', '--strict', '--no-dangling');
    },
  };
};

describe.each([gitProgram, embedded])('$name', ({ name, open }) => {
  test.for([
    ['a restore', restoreScene],
    ['an adopted commit', adoptScene],
    ['a checkpoint', checkpointScene],
  ] as const)('%s survives a crash at any point', async ([, makeScene]) => {
    using repository = makeRepository();
    const { words, reset, check } = await makeScene(repository, open);
    const program = bundleProgram(
      join(import.meta.dirname, 'crash-program.ts'),
      makeTemporaryFolder(),
    );
    const run = (env: Record<string, string>) =>
      spawnSync(process.execPath, [program, name === 'embedded' ? name : 'git', ...words], {
        env: { ...process.env, ...env },
      });
    const record = join(makeTemporaryFolder(), 'hits');
    const whole = run({ ORCH_CRASH_RECORD: record });
    expect(whole.stderr.toString()).toBe('');
    check();
    const places = readPlaces(record);
    expect(places.length).toBeGreaterThan(3);
    for (const place of places) {
      reset();
      expect(run({ ORCH_CRASH: place }).signal).toBe('SIGKILL');
      const again = run({});
      expect(again.stderr.toString()).toBe('');
      check();
      expect(leftovers(repository)).toEqual([]);
    }
    rmSync(program);
  });
});

/** Locks, temporary indexes and marks: what no later command would miss. */
function leftovers(repository: TestRepository): string[] {
  const gitDir = repository.path('.git');
  return readdirSync(gitDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.lock$|index\.orch-|orch\/tmp\/.|restoring|index\.new$/.test(path),
  );
}
