/** Which files a pattern of `reads` and `produces` names, symbolic links above all, and when their digest changes. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createWorkTree } from '../../src/adapters/work-tree.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

let folder: string;
const inTree = (path: string) => join(folder, 'top', path);

function write(path: string, content = path): void {
  mkdirSync(dirname(inTree(path)), { recursive: true });
  writeFileSync(inTree(path), content);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(inTree(path)), { recursive: true });
  rmSync(inTree(path), { force: true });
  symlinkSync(target, inTree(path));
}

beforeEach(() => {
  folder = makeTemporaryFolder();
  write('../outside/secret.txt');
  write('src/a.txt');
  write('src/deep/b.txt');
  write('lib/c.txt');
  write('.git/HEAD');
  link('src/file', 'a.txt');
  link('src/folder', '../lib');
  link('src/dangling', 'nowhere');
  link('src/out', '../../outside');
  link('src/round', '.');
  link('way', 'lib');
  link('git', '.git');
});

const tree = () => createWorkTree(inTree('.'));

describe('glob', () => {
  test.for<[string, readonly string[], readonly string[]]>([
    [
      'lists links as files, and walks through none',
      ['src/**'],
      [
        'src/a.txt',
        'src/dangling',
        'src/deep/b.txt',
        'src/file',
        'src/folder',
        'src/out',
        'src/round',
      ],
    ],
    ['finds a link by its name', ['way', 'src/dangling'], ['src/dangling', 'way']],
    ['leaves out what is negated', ['src/*', '!src/*o*', '!src/da*'], ['src/a.txt', 'src/file']],
    ['goes through a link that a pattern names, to the real path', ['way/c.txt'], ['lib/c.txt']],
    ['and that only once', ['way/*.txt', 'lib/*', 'src/folder/*.txt'], ['lib/c.txt']],
    ['never out of the root', ['src/out/*.txt', 'src/out/secret.txt'], []],
    ['never into .git', ['git/HEAD', '.git/HEAD', '**/HEAD'], []],
    ['finds nothing where there is nothing', ['no/such/*', '!src'], []],
  ])('%s', async ([, patterns, found]) => {
    expect(await tree().glob(patterns)).toEqual(found);
  });
});

describe('digest', () => {
  test('of a link changes with where it leads, and with the file there', async () => {
    const digest = () => tree().digest('src/file');
    const first = await digest();
    write('src/copy.txt', 'src/a.txt');
    link('src/file', 'copy.txt');
    const turned = await digest();
    expect(turned).not.toBe(first);
    write('src/copy.txt', 'another');
    expect(await digest()).not.toBe(turned);
    link('src/file', 'a.txt');
    expect(await digest()).toBe(first);
  });

  test('of a link to nowhere, to a folder and to the outside is that of the link alone', async () => {
    const paths = ['src/dangling', 'src/folder', 'src/out', 'src/secret'];
    link('src/secret', '../../outside/secret.txt');
    const digests = await Promise.all(paths.map((path) => tree().digest(path)));
    expect(new Set(digests).size).toBe(paths.length);
    write('../outside/secret.txt', 'another');
    write('lib/c.txt', 'another');
    expect(await Promise.all(paths.map((path) => tree().digest(path)))).toEqual(digests);
  });

  test('of what is not there is none', async () => {
    expect(await tree().digest('src/none')).toBeUndefined();
  });
});
