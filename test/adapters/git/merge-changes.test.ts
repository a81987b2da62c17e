/** mergeChanges with real git: what goes together does, what does not is a conflict, nothing is lost. */
import { renameSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import { embedded, fill, userState } from './adapters.ts';
import { type Edit, filesOf, makeVersions, mergeIn, text } from './merge-cases.ts';

const write =
  (files: Readonly<Record<string, string | Uint8Array>>): Edit =>
  (r) => {
    for (const [path, content] of Object.entries(files)) r.write(path, content);
  };
const remove =
  (...paths: string[]): Edit =>
  (r) => {
    for (const path of paths) r.remove(path);
  };
const move =
  (from: string, to: string): Edit =>
  (r) =>
    renameSync(r.path(from), r.path(to));
const all =
  (...edits: Edit[]): Edit =>
  (r) => {
    for (const edit of edits) edit(r);
  };
const link =
  (path: string, target: string): Edit =>
  (r) => {
    r.remove(path);
    symlinkSync(target, r.path(path));
  };
const submodule =
  (path: string, digit: string): Edit =>
  (r) =>
    r.git('update-index', '--add', '--cacheinfo', '160000', digit.repeat(40), path);

interface Case {
  readonly name: string;
  readonly base?: Edit;
  readonly ours?: Edit;
  readonly theirs?: Edit;
}

const apart = (line: number, word: string) => text({ [line]: word });

describe('what goes together', () => {
  test.for<Case & { readonly merged: Readonly<Record<string, string>> }>([
    { name: 'nothing on either side', base: write({ a: '1' }), merged: { a: '1' } },
    {
      name: 'theirs alone',
      base: write({ a: '1' }),
      theirs: write({ a: '2', b: '3' }),
      merged: { a: '2', b: '3' },
    },
    { name: 'ours alone', base: write({ a: '1' }), ours: remove('a'), merged: {} },
    {
      name: 'different files',
      base: write({ a: '1', b: '1', 'c/d': '1' }),
      ours: all(write({ a: '2' }), remove('c')),
      theirs: write({ b: '2', e: 'new' }),
      merged: { a: '2', b: '2', e: 'new' },
    },
    {
      name: 'edits of one file that do not overlap',
      base: write({ a: text() }),
      ours: write({ a: apart(1, 'ONE') }),
      theirs: write({ a: apart(9, 'NINE') }),
      merged: { a: text({ 1: 'ONE', 9: 'NINE' }).trim() },
    },
    {
      name: 'the same change on both sides',
      base: write({ a: text(), gone: 'x' }),
      ours: all(write({ a: apart(1, 'ONE'), new: 'n' }), remove('gone')),
      theirs: all(write({ a: apart(1, 'ONE'), new: 'n' }), remove('gone')),
      merged: { a: apart(1, 'ONE').trim(), new: 'n' },
    },
    {
      name: 'a move and an edit of the moved file',
      base: write({ a: text() }),
      ours: move('a', 'b'),
      theirs: write({ a: apart(9, 'NINE') }),
      merged: { b: apart(9, 'NINE').trim() },
    },
    {
      name: 'an execute bit and an edit',
      base: write({ a: text() }),
      ours: (r) => r.write('a', text(), 0o755),
      theirs: write({ a: apart(2, 'TWO') }),
      merged: { a: `100755 ${apart(2, 'TWO').trim()}` },
    },
    {
      name: 'a file added to a folder that the other side renames stays where it was added',
      base: write({ 'old/a': text(), 'old/b': apart(2, 'b') }),
      ours: move('old', 'new'),
      theirs: write({ 'old/c': 'c' }),
      merged: { 'new/a': text().trim(), 'new/b': apart(2, 'b').trim(), 'old/c': 'c' },
    },
    {
      name: 'names that are not ASCII, with line breaks, quotes and a leading dash',
      base: write({ 'é/日本': text(), 'two\nlines': text(), '-a "b"': '1' }),
      ours: write({ 'é/日本': apart(1, 'ONE'), 'two\nlines': apart(1, 'ONE') }),
      theirs: write({ 'é/日本': apart(9, 'NINE'), 'two\nlines': apart(9, 'NINE'), '-a "b"': '2' }),
      merged: {
        'é/日本': text({ 1: 'ONE', 9: 'NINE' }).trim(),
        'two\nlines': text({ 1: 'ONE', 9: 'NINE' }).trim(),
        '-a "b"': '2',
      },
    },
    {
      name: 'an empty base',
      ours: write({ a: '1' }),
      theirs: write({ b: '2' }),
      merged: { a: '1', b: '2' },
    },
    {
      name: 'both sides delete everything, in parts',
      base: write({ a: '1', b: '2' }),
      ours: remove('a'),
      theirs: remove('b'),
      merged: {},
    },
    {
      name: 'a folder that becomes a file where the other side did nothing',
      base: write({ 'a/x': '1', b: '1' }),
      ours: write({ b: '2' }),
      theirs: all(remove('a'), write({ a: 'file' })),
      merged: { a: 'file', b: '2' },
    },
    {
      name: 'a submodule that one side moves',
      base: submodule('sub', '1'),
      ours: write({ a: '1' }),
      theirs: submodule('sub', '2'),
      merged: { a: '1', sub: `160000 ${'2'.repeat(40)}` },
    },
  ])('$name', async ({ merged, ...edits }) => {
    using repository = makeRepository();
    const versions = makeIndexVersions(repository, edits);
    const result = await mergeIn(repository, versions);
    expect(filesOf(repository, result.tree)).toEqual(merged);
    expect(result).toMatchObject({ conflicts: [], isOpen: false });
  });
});

interface ConflictCase extends Case {
  readonly paths: readonly string[];
  readonly message: RegExp;
  readonly favorOurs: Readonly<Record<string, string>>;
  readonly favorTheirs: Readonly<Record<string, string>>;
}

const OURS = apart(2, 'ours').trim();
const THEIRS = apart(2, 'theirs').trim();
const binary = (byte: number) => Buffer.from([0, 1, 2, byte, 0]);

describe('what does not', () => {
  test.for<ConflictCase>([
    {
      name: 'edits of the same line',
      base: write({ a: text(), b: '1' }),
      ours: write({ a: OURS }),
      theirs: write({ a: THEIRS, b: '2' }),
      paths: ['a'],
      message: /^CONFLICT \(content\): Merge conflict in a$/,
      favorOurs: { a: OURS, b: '2' },
      favorTheirs: { a: THEIRS, b: '2' },
    },
    {
      name: 'edits of the same line under names that need care',
      base: write({ 'é "x"/two\nlines': text() }),
      ours: write({ 'é "x"/two\nlines': OURS }),
      theirs: write({ 'é "x"/two\nlines': THEIRS }),
      paths: ['é "x"/two\nlines'],
      message: /^CONFLICT \(content\): .*é "x"\/two lines$/,
      favorOurs: { 'é "x"/two\nlines': OURS },
      favorTheirs: { 'é "x"/two\nlines': THEIRS },
    },
    {
      name: 'binary files',
      base: write({ a: binary(1) }),
      ours: write({ a: binary(2) }),
      theirs: write({ a: binary(3) }),
      paths: ['a'],
      message: /^CONFLICT/,
      favorOurs: { a: binary(2).toString() },
      favorTheirs: { a: binary(3).toString() },
    },
    {
      name: 'two new files at one path',
      base: write({ z: '' }),
      ours: write({ a: 'ours\n' }),
      theirs: write({ a: 'theirs\n' }),
      paths: ['a'],
      message: /^CONFLICT \(add\/add\)/,
      favorOurs: { a: 'ours', z: '' },
      favorTheirs: { a: 'theirs', z: '' },
    },
    {
      name: 'a deletion and an edit',
      base: write({ a: text(), b: '' }),
      ours: remove('a'),
      theirs: write({ a: THEIRS }),
      paths: ['a'],
      message: /^CONFLICT \(modify\/delete\): a deleted in OURS/,
      favorOurs: { b: '' },
      favorTheirs: { a: THEIRS, b: '' },
    },
    {
      name: 'an edit and a deletion, of the last file of a folder',
      base: write({ 'd/a': text(), b: '' }),
      ours: write({ 'd/a': OURS }),
      theirs: remove('d'),
      paths: ['d/a'],
      message: /^CONFLICT \(modify\/delete\)/,
      favorOurs: { 'd/a': OURS, b: '' },
      favorTheirs: { b: '' },
    },
    {
      name: 'a move with an edit, and an edit of the same line',
      base: write({ a: text() }),
      ours: all(move('a', 'b'), write({ b: OURS })),
      theirs: write({ a: THEIRS }),
      paths: ['b'],
      message: /^CONFLICT \(content\)/,
      favorOurs: { b: OURS },
      favorTheirs: { b: THEIRS },
    },
    {
      name: 'one file moved to two places',
      base: write({ a: text(), z: '' }),
      ours: move('a', 'b'),
      theirs: move('a', 'c'),
      paths: ['a', 'b', 'c'],
      message: /^CONFLICT \(rename\/rename\)/,
      favorOurs: { b: text().trim(), z: '' },
      favorTheirs: { c: text().trim(), z: '' },
    },
    {
      name: 'one file moved to two places and edited in the same line',
      base: write({ a: text(), z: '' }),
      ours: all(move('a', 'b'), write({ b: OURS })),
      theirs: all(move('a', 'c'), write({ c: THEIRS })),
      paths: ['a', 'b', 'c'],
      message: /^CONFLICT/,
      favorOurs: { b: OURS, z: '' },
      favorTheirs: { c: THEIRS, z: '' },
    },
    {
      name: 'a move and a deletion',
      base: write({ a: text(), z: '' }),
      ours: move('a', 'b'),
      theirs: remove('a'),
      paths: ['b'],
      message: /^CONFLICT \(rename\/delete\)/,
      favorOurs: { b: text().trim(), z: '' },
      favorTheirs: { z: '' },
    },
    {
      name: 'two files moved to one place: the one that has to give way is where it was',
      base: write({ a: text(), b: text({ 1: 'b', 5: 'b' }) }),
      ours: move('a', 'c'),
      theirs: move('b', 'c'),
      paths: ['c'],
      message: /^CONFLICT/,
      favorOurs: { c: text().trim(), b: text({ 1: 'b', 5: 'b' }).trim() },
      favorTheirs: { c: text({ 1: 'b', 5: 'b' }).trim(), a: text().trim() },
    },
    {
      name: 'a file moved to where the other side adds one, and edited by it',
      base: write({ a: text(), z: '' }),
      ours: all(move('a', 'c'), write({ c: OURS })),
      theirs: write({ a: THEIRS, c: 'new\n' }),
      paths: ['c'],
      message: /^CONFLICT/,
      favorOurs: { c: OURS, z: '' },
      favorTheirs: { a: THEIRS, c: 'new', z: '' },
    },
    {
      name: 'a file and a folder at one path',
      base: write({ z: '' }),
      ours: write({ a: 'file' }),
      theirs: write({ 'a/x': 'x', 'a/b/y': 'y' }),
      paths: ['a~OURS'],
      message: /^CONFLICT \(file\/directory\)/,
      favorOurs: { a: 'file', z: '' },
      favorTheirs: { 'a/x': 'x', 'a/b/y': 'y', z: '' },
    },
    {
      name: 'a folder of ours where theirs edits the file that it replaced',
      base: write({ a: text(), z: '' }),
      ours: all(remove('a'), write({ 'a/x': 'x' })),
      theirs: write({ a: THEIRS }),
      paths: ['a~THEIRS'],
      message: /^CONFLICT \(file\/directory\)/,
      favorOurs: { 'a/x': 'x', z: '' },
      favorTheirs: { a: THEIRS, z: '' },
    },
    {
      name: 'a file of ours in the way of a folder into which theirs moves a file',
      base: write({ lib: text(), z: '' }),
      ours: write({ a: 'file' }),
      theirs: all(write({ 'a/new': 'new' }), move('lib', 'a/lib')),
      paths: ['a~OURS'],
      message: /^CONFLICT \(file\/directory\)/,
      favorOurs: { a: 'file', lib: text().trim(), z: '' },
      favorTheirs: { 'a/new': 'new', 'a/lib': text().trim(), z: '' },
    },
    {
      name: 'a symbolic link and a file',
      base: write({ z: '' }),
      ours: link('a', 'z'),
      theirs: write({ a: 'file' }),
      paths: ['a', 'a~THEIRS'],
      message: /^CONFLICT \(distinct types\)/,
      favorOurs: { a: '120000 z', z: '' },
      favorTheirs: { a: 'file', z: '' },
    },
    {
      name: 'a file that ours makes a link and theirs edits',
      base: write({ a: text(), z: '' }),
      ours: link('a', 'z'),
      theirs: write({ a: THEIRS }),
      paths: ['a', 'a~THEIRS'],
      message: /^CONFLICT/,
      favorOurs: { a: '120000 z', z: '' },
      favorTheirs: { a: THEIRS, z: '' },
    },
    {
      name: 'links to two places',
      base: link('a', 'x'),
      ours: link('a', 'y'),
      theirs: link('a', 'z'),
      paths: ['a'],
      message: /^CONFLICT/,
      favorOurs: { a: '120000 y' },
      favorTheirs: { a: '120000 z' },
    },
    {
      name: 'a submodule that both sides move',
      base: submodule('sub', '1'),
      ours: submodule('sub', '2'),
      theirs: submodule('sub', '3'),
      paths: ['sub'],
      message: /^CONFLICT \(submodule/,
      favorOurs: { sub: `160000 ${'2'.repeat(40)}` },
      favorTheirs: { sub: `160000 ${'3'.repeat(40)}` },
    },
    {
      name: 'a submodule and a file',
      base: write({ z: '' }),
      ours: submodule('a', '2'),
      theirs: write({ a: 'file' }),
      paths: ['a', 'a~THEIRS'],
      message: /^CONFLICT/,
      favorOurs: { a: `160000 ${'2'.repeat(40)}`, z: '' },
      favorTheirs: { a: 'file', z: '' },
    },
    {
      name: 'the same new file, executable on one side',
      base: write({ z: '' }),
      ours: (r) => r.write('a', 'same', 0o755),
      theirs: write({ a: 'same' }),
      paths: ['a'],
      message: /^CONFLICT/,
      favorOurs: { a: '100755 same', z: '' },
      favorTheirs: { a: 'same', z: '' },
    },
  ])('$name', async ({ paths, message, favorOurs, favorTheirs, ...edits }) => {
    using repository = makeRepository();
    const versions = makeIndexVersions(repository, edits);
    const result = await mergeIn(repository, versions);
    expect(result.isOpen).toBe(true);
    expect(result.conflicts.map(({ path }) => path).sort()).toEqual(paths);
    expect(result.conflicts[0]?.message).toMatch(message);
    for (const favor of ['ours', 'theirs'] as const) {
      const settled = await mergeIn(repository, { ...versions, favor });
      expect
        .soft(filesOf(repository, settled.tree), `favor ${favor}`)
        .toEqual(favor === 'ours' ? favorOurs : favorTheirs);
      expect(settled).toMatchObject({ conflicts: result.conflicts, isOpen: false });
    }
  });

  test('the sides of a conflict, and markers that name them', async () => {
    using repository = makeRepository();
    const versions = makeVersions(repository, {
      base: write({ a: text() }),
      ours: write({ a: OURS }),
      theirs: remove('a'),
    });
    const side = (revision: string) => ({
      mode: '100644',
      oid: repository.git('rev-parse', `${revision}:a`),
    });
    const result = await mergeIn(repository, versions);
    expect(result.conflicts).toMatchObject([
      { path: 'a', base: side(versions.base), ours: side(versions.ours), theirs: null },
    ]);
    const edited = makeVersions(repository, { theirs: write({ a: THEIRS }) }).theirs;
    const marked = await mergeIn(repository, { ...versions, theirs: edited });
    expect(filesOf(repository, marked.tree)['a']).toMatch(
      /^<<<<<<< OURS\n[\s\S]*^=======\n[\s\S]*^>>>>>>> THEIRS$/m,
    );
  });
});

/** As makeVersions, for edits that write to the index where there is no file. */
function makeIndexVersions(
  repository: TestRepository,
  edits: { readonly base?: Edit; readonly ours?: Edit; readonly theirs?: Edit },
): { base: string; ours: string; theirs: string } {
  const commit = () => repository.git('commit', '-q', '--allow-empty', '-m', 'version');
  const commitFrom = (edit: Edit | undefined, from: string | undefined) => {
    edit?.(repository);
    // A submodule without a folder would be taken out again.
    repository.git(
      '-c',
      'advice.addEmbeddedRepo=false',
      'add',
      '-A',
      '--',
      ...pathspecs(repository),
    );
    commit();
    const oid = repository.git('rev-parse', 'HEAD');
    if (from !== undefined) {
      repository.git('reset', '-q', '--hard', from);
      repository.git('clean', '-qffdx');
    }
    return oid;
  };
  const base = commitFrom(edits.base, undefined);
  return { base, ours: commitFrom(edits.ours, base), theirs: commitFrom(edits.theirs, base) };
}

function pathspecs(repository: TestRepository): string[] {
  const staged = repository.git('ls-files', '-s', '-z').split('\0');
  const modules = staged
    .filter((line) => line.startsWith('160000'))
    .map((line) => line.split('\t')[1]);
  return ['.', ...modules.map((path) => `:(exclude,literal)${path}`)];
}

describe('what it is merged with', () => {
  test('trees do as well as commits, and the tip may be younger than the base', async () => {
    using repository = makeRepository();
    const { base, ours, theirs } = makeVersions(repository, {
      base: write({ a: text(), b: '1' }),
      ours: write({ a: apart(1, 'ONE') }),
      theirs: write({ b: '2' }),
    });
    const tree = (commit: string) => repository.git('rev-parse', `${commit}^{tree}`);
    const byCommits = await mergeIn(repository, { base, ours, theirs });
    const byTrees = await mergeIn(repository, {
      base: tree(base),
      ours: tree(ours),
      theirs: tree(theirs),
    });
    expect(byTrees).toEqual(byCommits);
    expect(repository.git('cat-file', '-t', byTrees.tree)).toBe('tree');
  });

  test('a step that began on an older tip does not conflict with what it was built on', async () => {
    using repository = makeRepository();
    repository.write('a', text());
    const root = repository.commitAll('root');
    repository.write('a', OURS);
    const ours = repository.commitAll('first step');
    // The second step began on a merge that is not an ancestor of the tip, and edited the same line again.
    repository.git('checkout', '-q', '--detach', root);
    repository.write('a', OURS);
    const begun = repository.commitAll('what the second step was given');
    repository.write('a', THEIRS);
    const theirs = repository.commitAll('second step');
    const result = await mergeIn(repository, { base: begun, ours, theirs });
    expect(filesOf(repository, result.tree)).toEqual({ a: THEIRS });
    expect(result.conflicts).toEqual([]);
  });

  test('a repository with sha256', async () => {
    using repository = makeRepository({ init: ['--object-format=sha256'] });
    const versions = makeVersions(repository, {
      base: write({ a: text(), b: text() }),
      ours: write({ a: apart(1, 'ONE'), b: OURS }),
      theirs: write({ a: apart(9, 'NINE'), b: THEIRS }),
    });
    const open = await mergeIn(repository, versions);
    expect(open.conflicts.map(({ path }) => path)).toEqual(['b']);
    const settled = await mergeIn(repository, { ...versions, favor: 'theirs' });
    expect(filesOf(repository, settled.tree)).toEqual({
      a: text({ 1: 'ONE', 9: 'NINE' }).trim(),
      b: THEIRS,
    });
  });

  test('where refs are no files, the sides are called by their object ids', async () => {
    using repository = makeRepository();
    const versions = makeVersions(repository, {
      base: write({ z: text() }),
      ours: write({ a: 'file' }),
      theirs: write({ 'a/x': 'x' }),
    });
    repository.write('.git/reftable/tables.list', '');
    const open = await mergeIn(repository, versions);
    expect(open.conflicts[0]?.path).toMatch(/^a~[0-9a-f]{40}$/);
    const settled = await mergeIn(repository, { ...versions, favor: 'ours' });
    expect(filesOf(repository, settled.tree)).toEqual({ a: 'file', z: text().trim() });
  });

  test('the user’s index, HEAD, refs, files and objects of commits stay as they are', async () => {
    using repository = makeRepository();
    const versions = makeVersions(repository, {
      base: write({ a: text() }),
      ours: write({ a: OURS }),
      theirs: write({ a: THEIRS }),
    });
    repository.write('a', 'dirty');
    repository.write('untracked', 'x');
    const state = () =>
      [
        userState(repository),
        repository.git('status', '--porcelain', '-z'),
        repository.git('for-each-ref'),
        commitCount(repository),
      ].join('\n');
    const before = state();
    await mergeIn(repository, versions);
    await mergeIn(repository, { ...versions, favor: 'theirs' });
    expect(state()).toBe(before);
    expect(repository.git('ls-files', '--others', '.git/orch/tmp')).toBe('');
  });

  test('a commit that is not there is named', async () => {
    using repository = makeRepository();
    const commit = fill(repository);
    const gone = '1'.repeat(40);
    await expect(
      mergeIn(repository, { base: commit, ours: commit, theirs: gone }),
    ).rejects.toMatchObject({
      code: 'ORCH_REPOSITORY_DAMAGED',
      what: expect.stringContaining(gone),
    });
  });

  test('without git it is refused', async () => {
    using repository = makeRepository();
    const commit = fill(repository);
    const port = await embedded.open(repository.top);
    await expect(
      port.mergeChanges({ base: commit, ours: commit, theirs: commit }),
    ).rejects.toMatchObject({ code: 'ORCH_NEEDS_GIT' });
  });
});

function commitCount(repository: TestRepository): number {
  const all = repository.git('cat-file', '--batch-check', '--batch-all-objects');
  return all.split('\n').filter((line) => line.includes(' commit ')).length;
}
