/** Attributes and merge drivers of a merge are those of the tip, whatever the user's checkout says. */
import { symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import { gitProgram } from './adapters.ts';
import { filesOf, makeVersions, mergeIn, text, type Versions } from './merge-cases.ts';

const OURS = text({ 2: 'ours' });
const THEIRS = text({ 2: 'theirs' });

/** Both sides edit one line of a file; the tip has these attributes. */
function makeClash(
  repository: TestRepository,
  attributes: Readonly<Record<string, string>>,
  path = 'a.txt',
): Versions {
  return makeVersions(repository, {
    base(r) {
      for (const [file, content] of Object.entries(attributes)) r.write(file, content);
      r.write(path, text());
    },
    ours: (r) => r.write(path, OURS),
    theirs: (r) => r.write(path, THEIRS),
  });
}

describe('attributes', () => {
  test('union takes the lines of both sides', async () => {
    using repository = makeRepository();
    const versions = makeClash(repository, { '.gitattributes': '*.txt merge=union\n' });
    const result = await mergeIn(repository, versions);
    expect(result.isOpen).toBe(false);
    expect(filesOf(repository, result.tree)['a.txt']).toContain('one\nours\ntheirs\nthree');
  });

  test.for(['merge=binary', 'binary', '-merge'])('%s: no markers, and a conflict', async (word) => {
    using repository = makeRepository();
    const versions = makeClash(repository, { '.gitattributes': `*.txt ${word}\n` });
    const result = await mergeIn(repository, versions);
    expect(result.conflicts.map(({ path }) => path)).toEqual(['a.txt']);
    expect(filesOf(repository, result.tree)['a.txt']).toBe(OURS.trim());
  });

  test('a driver of the user’s is run, and those of a folder count there alone', async () => {
    using repository = makeRepository();
    repository.git('config', 'merge.ours.driver', 'true');
    repository.git('config', 'merge.stamp.driver', 'printf "%%s\\n" %P >> %A');
    const versions = makeVersions(repository, {
      base(r) {
        r.write('.gitattributes', '/keep merge=ours\n');
        r.write('é d/.gitattributes', 'keep merge=stamp\n');
        r.write('keep', text());
        r.write('é d/keep', text());
      },
      ours(r) {
        r.write('keep', OURS);
        r.write('é d/keep', OURS);
      },
      theirs(r) {
        r.write('keep', THEIRS);
        r.write('é d/keep', THEIRS);
      },
    });
    const result = await mergeIn(repository, versions);
    expect(result.conflicts).toEqual([]);
    expect(filesOf(repository, result.tree)).toMatchObject({
      keep: OURS.trim(),
      'é d/keep': `${OURS}é d/keep`,
    });
  });

  test('a driver that is set for one worktree alone', async () => {
    using repository = makeRepository();
    repository.git('config', 'extensions.worktreeConfig', 'true');
    repository.git('config', '--worktree', 'merge.mine.driver', 'true');
    const versions = makeClash(repository, { '.gitattributes': '*.txt merge=mine\n' });
    expect((await mergeIn(repository, versions)).conflicts).toEqual([]);
  });

  test('a driver that fails leaves a conflict', async () => {
    using repository = makeRepository();
    repository.git('config', 'merge.broken.driver', 'exit 1');
    const versions = makeClash(repository, { '.gitattributes': '*.txt merge=broken\n' });
    expect(await mergeIn(repository, versions)).toMatchObject({ isOpen: true });
    expect(await mergeIn(repository, { ...versions, favor: 'theirs' })).toMatchObject({
      isOpen: false,
    });
  });

  test('-text and line ends: bytes are merged as they are stored', async () => {
    using repository = makeRepository();
    const crlf = (changes: Record<number, string>) => text(changes).replaceAll('\n', '\r\n');
    const versions = makeVersions(repository, {
      base(r) {
        r.write('.gitattributes', '*.txt -text\n*.crlf text eol=crlf\n');
        r.write('a.txt', crlf({}));
        r.write('b.crlf', crlf({}));
      },
      ours(r) {
        r.write('a.txt', crlf({ 1: 'ONE' }));
        r.write('b.crlf', crlf({ 1: 'ONE' }));
      },
      theirs(r) {
        r.write('a.txt', crlf({ 9: 'NINE' }));
        r.write('b.crlf', crlf({ 9: 'NINE' }));
      },
    });
    const result = await mergeIn(repository, versions);
    expect(result.conflicts).toEqual([]);
    expect(filesOf(repository, result.tree)).toMatchObject({
      'a.txt': crlf({ 1: 'ONE', 9: 'NINE' }).replace(/\n$/, ''),
      'b.crlf': text({ 1: 'ONE', 9: 'NINE' }).trim(),
    });
  });
});

describe('whose they are', () => {
  test('those of the tip: not of the checkout, not of the base, not of the attempt', async () => {
    using repository = makeRepository();
    const { base, ours, theirs } = makeVersions(repository, {
      base(r) {
        r.write('.gitattributes', '*.txt merge=binary\n');
        r.write('a.txt', text());
      },
      ours(r) {
        r.write('.gitattributes', '*.txt merge=union\n');
        r.write('a.txt', OURS);
      },
      theirs: (r) => r.write('a.txt', THEIRS),
    });
    repository.write('.gitattributes', '*.txt merge=binary\n# dirty\n');
    expect((await mergeIn(repository, { base, ours, theirs })).conflicts).toEqual([]);
    const turned = await mergeIn(repository, { base, ours: theirs, theirs: ours });
    expect(turned.conflicts.map(({ path }) => path)).toEqual(['a.txt']);
  });

  test('none where the tip has none, whatever stands in the checkout', async () => {
    using repository = makeRepository();
    const versions = makeClash(repository, {});
    repository.write('.gitattributes', '*.txt merge=union\n');
    repository.git('add', '.gitattributes');
    expect(await mergeIn(repository, versions)).toMatchObject({ isOpen: true });
  });

  test('a link is no attributes file', async () => {
    using repository = makeRepository();
    const versions = makeVersions(repository, {
      base(r) {
        r.write('elsewhere', '*.txt merge=union\n');
        symlinkSync('elsewhere', r.path('.gitattributes'));
        r.write('a.txt', text());
      },
      ours: (r) => r.write('a.txt', OURS),
      theirs: (r) => r.write('a.txt', THEIRS),
    });
    expect(await mergeIn(repository, versions)).toMatchObject({ isOpen: true });
  });

  test('one port follows a tip whose attributes come, change, move and go', {
    timeout: 300_000,
  }, async () => {
    using repository = makeRepository();
    const port = await gitProgram.open(repository.top);
    const { base, ours, theirs } = makeClash(repository, {}, 'd/e/a.txt');
    const union = Buffer.from('a.txt merge=union\n');
    const tips: [Record<string, Uint8Array>, isUnion: boolean][] = [
      [{}, false],
      [{ 'd/e/.gitattributes': union }, true],
      [{ 'd/e/.gitattributes': union, other: Buffer.from('1') }, true],
      [{ 'd/e/.gitattributes': Buffer.from('# nothing\n') }, false],
      [{ 'd/.gitattributes': union }, true],
      [{ 'x/.gitattributes': union }, false],
    ];
    const trees: string[] = [];
    for (const [files] of tips) {
      trees.push(await port.treeWithFiles(`${ours}^{tree}`, new Map(Object.entries(files))));
    }
    const check = async () => {
      for (const [index, [, isUnion]] of tips.entries()) {
        const result = await port.mergeChanges({ base, ours: trees[index] ?? '', theirs });
        expect(result.isOpen, `tip ${index}`).toBe(!isUnion);
      }
    };
    await check();
    // Packed, they are read by git.
    for (const [index, tree] of trees.entries()) repository.git('tag', `tip-${index}`, tree);
    repository.git('gc', '-q', '--prune=now');
    await check();
  });
});
