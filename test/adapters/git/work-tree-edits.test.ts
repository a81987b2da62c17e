/**
 * Laws of snapshots over random edits: both adapters store what git would, chained as in a run, and
 * the way back restores every byte, mode and link.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import {
  type Adapter,
  embedded,
  gitProgram,
  oracleTree,
  privateIndex,
  snapshotOf,
} from './adapters.ts';

type Edit =
  | { readonly kind: 'write'; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'move'; readonly path: string; readonly to: string }
  | { readonly kind: 'stage'; readonly path: string }
  | { readonly kind: 'ignore'; readonly path: string; readonly text: string };

const name = fc.constantFrom('a', 'B', 'b', 'x.o', 'é "', '-n', '[c]', 'two\nlines');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const pattern = fc.constantFrom(
  '*.o',
  'a',
  '/a',
  'a/',
  'b/**',
  '**/B',
  '!x.o',
  '[c]',
  '\\[c\\]',
  'a/*',
  '!a/b',
  '[!a-b]',
  '#a',
  '-?',
  '*',
  '!*/',
  '[[:upper:]]',
  'a/**/b',
  'x.o ',
  'B\\ ',
  'b*',
);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      path,
      text: fc.constantFrom('1', '2', '22', ''),
      mode: fc.constantFrom(0o644, 0o755),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), path, target: path }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stage' as const), path }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('ignore' as const),
      path: fc.oneof(
        fc.constant('.gitignore'),
        path.map((folder) => `${folder}/.gitignore`),
      ),
      text: fc.array(pattern, { maxLength: 3 }).map((lines) => `${lines.join('\n')}\n`),
    }),
  },
);

/** Makes room for a path: what is a file, or a link, where a folder is needed goes. */
function clear(repository: TestRepository, path: string): string {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth += 1) {
    const parent = repository.path(parts.slice(0, depth).join('/'));
    if (lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(parent);
  }
  const absolute = repository.path(path);
  mkdirSync(dirname(absolute), { recursive: true });
  rmSync(absolute, { recursive: true, force: true });
  return absolute;
}

function isBelowLink(repository: TestRepository, path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, i) => {
    const parent = repository.path(parts.slice(0, i).join('/'));
    return i > 0 && lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() !== true;
  });
}

/** @returns whether the edit could be made as it stands */
function apply(repository: TestRepository, change: Edit): void {
  switch (change.kind) {
    case 'write':
    case 'ignore': {
      const absolute = clear(repository, change.path);
      writeFileSync(absolute, change.text);
      chmodSync(absolute, change.kind === 'write' ? change.mode : 0o644);
      return;
    }
    case 'link':
      return symlinkSync(change.target, clear(repository, change.path));
    case 'delete':
      if (!isBelowLink(repository, change.path)) repository.remove(change.path);
      return;
    case 'move': {
      const from = repository.path(change.path);
      const isInside =
        `${change.to}/`.startsWith(`${change.path}/`) ||
        `${change.path}/`.startsWith(`${change.to}/`);
      if (isInside || isBelowLink(repository, change.path) || !existsSync(from)) return;
      const aside = repository.path('../aside');
      renameSync(from, aside);
      renameSync(aside, clear(repository, change.to));
      return;
    }
    case 'stage':
      if (isBelowLink(repository, change.path) || !existsSync(repository.path(change.path))) return;
      // Fails for an empty folder, which is as good as not staging.
      try {
        repository.git('add', '-f', '--', `:(literal)${change.path}`);
      } catch {}
      return;
  }
}

/** The tree's id and its entries, so that a failure shows which path differs. */
const describeTree = (repository: TestRepository, tree: string) =>
  `${tree}\n${repository.git('ls-tree', '-r', tree)}`;

describe.each<Adapter>([gitProgram, embedded])('$name', ({ open }) => {
  test('any edits give the tree that git would store, and can be taken back', async () => {
    const waves = fc.array(fc.array(edit, { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 6 }), waves, async (before, later) => {
        using repository = makeRepository();
        for (const change of before) apply(repository, change);
        const port = await open(repository.top);
        const first = await snapshotOf(port);
        expect(first).toEqual({ tree: oracleTree(repository), leftOut: [] });
        let last = first.tree;
        for (const wave of later) {
          // Staging between waves changes the user's index, which a run does not look at again.
          for (const change of wave) if (change.kind !== 'stage') apply(repository, change);
          const { tree, leftOut } = await snapshotOf(port);
          const without = leftOut.map(({ path }) => `:(literal)${path}`);
          expect(describeTree(repository, tree)).toBe(
            describeTree(repository, oracleTree(repository, without)),
          );
          last = tree;
        }
        const blocking = await port.inTheWay(last, first.tree, []);
        if (blocking.length > 0) {
          await expect(port.restoreWorkTree(last, first.tree, [])).rejects.toMatchObject({
            code: 'ORCH_FILES_IN_THE_WAY',
          });
          return;
        }
        await port.restoreWorkTree(last, first.tree, [], privateIndex(port));
        // An older .gitignore may show files that no tree ever held, which must still be there.
        const after = await snapshotOf(port);
        const held = new Set((await port.listFiles(last, '')).map(({ path }) => path));
        const wrong = (await port.diffTrees(first.tree, after.tree)).filter(
          (change) => change.status !== 'added' || held.has(change.path),
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: Number(process.env['ORCH_PROPERTY_RUNS'] ?? 40) },
    );
  }, 600_000);
});
