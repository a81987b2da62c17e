/** Whatever a job does to its worktree, the next `prepare` leaves exactly the commit. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TestRepository } from '../../rig/repository.ts';
import { dirtOf, filesOf, makeStage, RUN } from './stage.ts';

const path = fc
  .array(
    fc.constantFrom(
      'src',
      'deep',
      'a.ts',
      'b.ts',
      'bin',
      'run',
      'x.log',
      'build',
      'new',
      'top.txt',
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((parts) => parts.join('/'));

const act = fc.oneof(
  fc.record({
    do: fc.constantFrom(
      'write',
      'remove',
      'folder',
      'link',
      'mode',
      'pipe',
      'init',
      'add',
      'forget',
      'readonly',
    ),
    at: path,
    to: path,
  }),
  fc.record({ do: fc.constantFrom('move'), at: path, to: path }),
  fc.record({ do: fc.constantFrom('commit', 'branch', 'stash'), at: path, to: path }),
);
type Act = typeof act extends fc.Arbitrary<infer A> ? A : never;

test('any sequence of acts', { timeout: 300_000 }, async () => {
  using stage = await makeStage();
  const { repository } = stage;
  repository.remove('src/deep');
  repository.write('src/deep', 'a file here');
  repository.write('new/a.ts', 'n');
  const commits = [stage.first, repository.commitAll('second')];
  repository.git('checkout', '-q', '--detach');
  repository.git('branch', '-qD', 'main');
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  const files = filesOf(await pool.prepare(claim, stage.first), stage);
  const { ino } = lstatSync(claim.root);
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 12 }),
      fc.constantFrom(...commits),
      async (acts, commit) => {
        for (const each of acts) perform(files, each);
        await pool.prepare(claim, commit);
        expect(dirtOf(files)).toBe('');
        expect(files.git('rev-parse', 'HEAD')).toBe(commit);
        expect(files.git('diff', '--stat', commit)).toBe('');
        expect(everything(claim.root)).toEqual(
          ['.git', ...files.git('ls-tree', '-r', '-t', '--name-only', commit).split('\n')].sort(),
        );
      },
    ),
    { numRuns: process.env['ORCH_LONG_TESTS'] === undefined ? 40 : 400 },
  );
  // All of it by mending: nothing that a job does to files is a reason to begin again.
  expect(lstatSync(claim.root).ino).toBe(ino);
});

function everything(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

/** What cannot be done, because something else stands there, is not done. */
function perform(files: TestRepository, { do: what, at, to }: Act): void {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: files.top });
  const place = files.path(at);
  const canMake = isFolder(dirname(place));
  const isThere = canMake && lstatSync(place, { throwIfNoEntry: false }) !== undefined;
  const isFree = canMake && !isThere;
  switch (what) {
    case 'write':
      if (isFree || (isThere && lstatSync(place).isFile())) files.write(at, to);
      break;
    case 'remove':
      if (isThere) rmSync(place, { recursive: true });
      break;
    case 'folder':
      if (isFree) mkdirSync(place);
      break;
    case 'link':
      if (isFree) symlinkSync(to, place);
      break;
    case 'mode':
      if (isThere && existsSync(place))
        chmodSync(place, lstatSync(place).isDirectory() ? 0o755 : 0o400);
      break;
    case 'readonly':
      if (isThere && existsSync(place)) chmodSync(place, 0o500);
      break;
    case 'pipe':
      if (isFree) spawnSync('mkfifo', [place]);
      break;
    case 'init':
      if (canMake && (isFree || lstatSync(place).isDirectory())) git('init', '-q', at);
      break;
    case 'add':
      git('add', '-f', '--', at);
      break;
    case 'forget':
      git('update-index', '--assume-unchanged', '--', at);
      break;
    case 'move':
      if (isThere && isFolder(dirname(files.path(to))) && !`${to}/`.startsWith(`${at}/`)) {
        if (!existsSync(files.path(to))) renameSync(place, files.path(to));
      }
      break;
    case 'commit':
      git('commit', '-qam', 'x');
      break;
    case 'branch':
      git('checkout', '-q', '-b', 'job');
      break;
    case 'stash':
      git('stash', '-q');
      break;
  }
}

/** Links count as what they are: an act does not reach through them. */
function isFolder(path: string): boolean {
  return existsSync(path) && lstatSync(path).isDirectory();
}
