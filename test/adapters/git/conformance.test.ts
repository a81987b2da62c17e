/** One suite for both adapters: the same files give the same object ids, whoever stores them. */
import {
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { GitPort } from '../../../src/ports/git.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../../rig/repository.ts';
import {
  type Adapter,
  embedded,
  fill,
  gitProgram,
  oracleTree,
  privateIndex,
  snapshotOf,
  userState,
} from './adapters.ts';

describe.each<Adapter>([gitProgram, embedded])('$name', ({ open }) => {
  describe('snapshot', () => {
    test.for<{
      name: string;
      before?: (r: TestRepository) => void;
      edit: (r: TestRepository) => void;
    }>([
      { name: 'nothing changed', edit: () => {} },
      { name: 'an edit', edit: (r) => r.write('src/a.ts', 'two\n') },
      { name: 'an edit of the same length', edit: (r) => r.write('src/a.ts', 'won\n') },
      { name: 'a new file in a new folder', edit: (r) => r.write('x/y/z.ts', 'new\n') },
      { name: 'a deleted file, and its folder with it', edit: (r) => r.remove('src') },
      { name: 'an execute bit', edit: (r) => r.write('src/a.ts', 'one\n', 0o755) },
      { name: 'a symbolic link', edit: (r) => symlinkSync('src/a.ts', r.path('link')) },
      { name: 'a dangling symbolic link', edit: (r) => symlinkSync('nowhere', r.path('link')) },
      {
        name: 'a file that becomes a folder',
        edit: (r) => {
          r.remove('top.txt');
          r.write('top.txt/inner', 'x');
        },
      },
      {
        name: 'a folder that becomes a file',
        edit: (r) => {
          r.remove('src');
          r.write('src', 'x');
        },
      },
      {
        name: 'a folder that becomes a link to another folder',
        edit: (r) => {
          renameSync(r.path('src'), r.path('moved'));
          symlinkSync('moved', r.path('src'));
        },
      },
      {
        name: 'names with spaces, quotes, line breaks, other alphabets and a leading dash',
        edit: (r) => {
          for (const name of [
            'a b',
            `it's "so"`,
            'two\nlines',
            'hällo/日本',
            '-rf',
            '--help',
            ':(top)x',
            '*',
          ]) {
            r.write(name, name);
          }
        },
      },
      {
        name: 'a staged file that was edited again',
        edit: (r) => {
          r.write('s', '1');
          r.git('add', 's');
          r.write('s', '2');
        },
      },
      {
        name: 'a staged file that was deleted again',
        edit: (r) => {
          r.write('s', '1');
          r.git('add', 's');
          r.remove('s');
        },
      },
      {
        name: 'a file that is only intended to be added',
        edit: (r) => {
          r.write('i', '1');
          r.git('add', '-N', 'i');
        },
      },
      {
        name: 'an intended file that is gone',
        edit: (r) => {
          r.write('i', '1');
          r.git('add', '-N', 'i');
          r.remove('i');
        },
      },
      {
        name: 'a file staged for deletion that is still there',
        edit: (r) => r.git('rm', '-q', '--cached', 'top.txt'),
      },
      {
        name: 'ignored files stay out, but not when they were added by force',
        edit: (r) => {
          r.write('.gitignore', '*.log\nbuild/\n!keep.log\n');
          r.write('a.log', 'x');
          r.write('keep.log', 'x');
          r.write('build/out.js', 'x');
          r.write('build/forced.js', 'x');
          r.git('add', '-f', 'build/forced.js');
        },
      },
      {
        name: 'an empty folder',
        edit: (r) => {
          r.write('e/x', '');
          r.remove('e/x');
        },
      },
      { name: 'empty files', edit: (r) => r.write('empty', '') },
      { name: 'a conflict: the file on disk counts', edit: (r) => makeConflict(r) },
      {
        name: 'a conflict whose file was deleted',
        edit: (r) => {
          makeConflict(r);
          r.remove('top.txt');
        },
      },
    ])('$name', async ({ edit }) => {
      using repository = makeRepository();
      fill(repository);
      edit(repository);
      const before = userState(repository);
      const port = await open(repository.top);
      const snapshot = await snapshotOf(port);
      expect(snapshot.tree).toBe(oracleTree(repository));
      expect(userState(repository)).toBe(before);
    });

    test('each snapshot continues the one before it', async () => {
      using repository = makeRepository();
      fill(repository);
      const port = await open(repository.top);
      const first = await snapshotOf(port);
      repository.write('src/b.ts', 'b\n');
      await snapshotOf(port);
      repository.remove('src/b.ts');
      expect(await snapshotOf(port)).toEqual(first);
    });

    test('a repository without commits, and an empty one', async () => {
      using repository = makeRepository();
      const port = await open(repository.top);
      expect((await snapshotOf(port)).tree).toBe(await port.emptyTree());
      expect(await port.head()).toEqual({ oid: null, ref: 'refs/heads/main' });
      repository.write('a', '1');
      expect((await snapshotOf(port)).tree).toBe(oracleTree(repository));
    });

    test('an untracked file that is too large is left out and named, a tracked one is taken', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('large.bin', Buffer.alloc(2000));
      repository.write('src/a.ts', Buffer.alloc(3000));
      const port = await open(repository.top);
      const snapshot = await snapshotOf(port, { maxFileSizeBytes: 1000 });
      expect(snapshot.leftOut).toEqual([
        { path: 'large.bin', reason: 'too_large', sizeBytes: 2000 },
      ]);
      expect(snapshot.tree).toBe(oracleTree(repository, ['large.bin']));
    });

    test('what was ignored at the start is not taken unnoticed when a step edits .gitignore', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('.gitignore', 'secret.env\nbuild/\n*.o\n');
      repository.write('secret.env', 'password');
      repository.write('build/out.js', 'x');
      repository.write('objects/a.o', 'x');
      const port = await open(repository.top);
      expect((await snapshotOf(port)).leftOut).toEqual([]);
      repository.write('.gitignore', '');
      repository.write('objects/new.txt', 'never ignored');
      const snapshot = await snapshotOf(port);
      expect(snapshot.leftOut).toEqual([
        { path: 'build/out.js', reason: 'newly_unignored' },
        { path: 'objects/a.o', reason: 'newly_unignored' },
        { path: 'secret.env', reason: 'newly_unignored' },
      ]);
      expect(snapshot.tree).toBe(oracleTree(repository, ['build', 'objects/a.o', 'secret.env']));
    });

    test('what was left out when a run began stays out, whatever becomes of it', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('large.bin', Buffer.alloc(2000));
      repository.write('inner/file', 'x');
      openTestRepository(repository.path('inner'), repository.folder).git('init', '-q');
      const port = await open(repository.top);
      const { leftOut, tree } = await snapshotOf(port, { maxFileSizeBytes: 1000 });
      expect(leftOut.map(({ path }) => path)).toEqual(['inner', 'large.bin']);
      const request = { maxFileSizeBytes: 1000, keepOut: leftOut };
      expect(await snapshotOf(port, request)).toEqual({ leftOut, tree });
      repository.write('large.bin', 'small');
      repository.remove('inner/.git');
      repository.write('inner/other/file', 'x');
      expect(await snapshotOf(port, request)).toEqual({ leftOut, tree });
      repository.write('new.txt', 'taken');
      const snapshot = await snapshotOf(port, request);
      expect(snapshot.leftOut).toEqual(leftOut);
      expect(snapshot.tree).toBe(oracleTree(repository, ['large.bin', 'inner']));
    });

    test('excluded paths keep the state that they have in the index', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('.orch/runs/old/report.md', 'old');
      const head = repository.commitAll('with a run');
      const port = await open(repository.top);
      repository.write('.orch/runs/old/report.md', 'changed');
      repository.write('.orch/runs/new/report.md', 'new');
      const snapshot = await snapshotOf(port, { exclude: ['.orch/runs'] });
      expect(snapshot.tree).toBe(repository.git('rev-parse', `${head}^{tree}`));
    });
  });

  describe('objects and refs', () => {
    test('files are put into a tree and taken out of it', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      const tree = repository.git('rev-parse', `${head}^{tree}`);
      const files = new Map([
        ['.orch/runs/run-1/run.json', Buffer.from('{}\n')],
        ['src/new "file"\n', Buffer.from([0, 255, 10])],
        ['src/a.ts', null],
        ['top.txt/below', Buffer.from('a folder now')],
        ['not/there', null],
      ]);
      const edited = await port.treeWithFiles(tree, files);
      repository.git('read-tree', edited);
      expect(repository.git('write-tree')).toBe(edited);
      const names = (await port.listFiles(edited, '')).map(({ path }) => path);
      expect(names).toEqual(['.orch/runs/run-1/run.json', 'src/new "file"\n', 'top.txt/below']);
      expect(await port.readFile(edited, 'src/new "file"\n')).toEqual(Buffer.from([0, 255, 10]));
      expect(await port.readFile(edited, 'src/a.ts')).toBeNull();
      expect(await port.readFile(edited, 'src')).toBeNull();
      const below = await port.listFiles(edited, '.orch');
      expect(below.map(({ path, mode }) => [path, mode])).toEqual([
        ['.orch/runs/run-1/run.json', '100644'],
      ]);
      repository.git('fsck', '--strict', '--no-dangling');
    });

    test('an object that is there is put into a tree with its mode', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      const oid = repository.git('rev-parse', `${head}:top.txt`);
      const files = new Map([['src/tool.sh', { mode: '100755', oid }]]);
      const edited = await port.treeWithFiles(repository.git('rev-parse', `${head}^{tree}`), files);
      expect(repository.git('ls-tree', edited, 'src/tool.sh')).toBe(
        `100755 blob ${oid}\tsrc/tool.sh`,
      );
    });

    test('blobs are read together, without those that are too large or not there', async () => {
      using repository = makeRepository();
      const contents = ['', 'one\n', 'no line feed', '\n\n', '\0\xff\n', 'x'.repeat(200_000)];
      for (const [n, content] of contents.entries())
        repository.write(`${n}`, Buffer.from(content, 'latin1'));
      repository.write('large', 'y'.repeat(200_001));
      const head = repository.commitAll('first');
      const port = await open(repository.top);
      const oidOf = (path: string | number) => repository.git('rev-parse', `${head}:${path}`);
      const oids = [...contents.keys()].map(oidOf);
      const asked = [oidOf('large'), ...oids, 'f'.repeat(head.length), oids[1] ?? ''];
      const blobs = await port.readBlobs(asked, 200_000);
      expect([...blobs.keys()].sort()).toEqual([...oids].sort());
      for (const [n, oid] of oids.entries())
        expect(Buffer.from(blobs.get(oid) ?? []).toString('latin1')).toBe(contents[n]);
      expect(await port.readBlobs([], 10)).toEqual(new Map());
    });

    test('an emptied tree is the empty tree', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      const tree = repository.git('rev-parse', `${head}^{tree}`);
      const edited = await port.treeWithFiles(
        tree,
        new Map([
          ['top.txt', null],
          ['src/a.ts', null],
        ]),
      );
      expect(edited).toBe(await port.emptyTree());
    });

    test('a commit reads back as it was made, in the name of the user', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      const message = 'orch: wave 1/2 – größer\n\nOrch-Run: run-1\n';
      const tree = await port.emptyTree();
      const commit = await port.commit({ tree, parents: [head], message });
      const read = await port.readCommit(commit);
      expect(read).toMatchObject({ oid: commit, tree, parents: [head], message });
      expect(Math.abs(read.committedAt - Date.now() / 1000)).toBeLessThan(60);
      const who = repository.git(
        'log',
        '-1',
        '--format=%an <%ae>|%cn <%ce>|%(trailers:key=Orch-Run,valueonly)',
        commit,
      );
      expect(who.trim()).toBe(
        'Ada Lovelace <ada@example.org>|Ada Lovelace <ada@example.org>|run-1',
      );
      expect((await port.firstParents(commit, head)).map(({ oid }) => oid)).toEqual([commit]);
      expect((await port.firstParents(commit, null)).map(({ oid }) => oid)).toEqual([commit, head]);
      expect(await port.isAncestor(head, commit)).toBe(true);
      expect(await port.isAncestor(commit, head)).toBe(false);
      expect(await port.isComplete(commit, [head])).toBe(true);
    });

    test('without a configured user the commit is by orch', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      repository.git('config', '--unset', 'user.name');
      repository.git('config', '--unset', 'user.email');
      const port = await open(repository.top);
      const commit = await port.commit({
        tree: await port.emptyTree(),
        parents: [head],
        message: 'x',
      });
      expect(repository.git('log', '-1', '--format=%an <%ae>', commit)).toBe(
        'orch <orch@localhost>',
      );
    });

    test('refs change all together, or not at all', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      const ref = 'refs/heads/orch/run-1';
      await port.updateRefs([{ ref, to: head, from: null }]);
      expect(await port.listRefs('refs/heads/orch/')).toEqual([{ ref, oid: head }]);
      const next = await port.commit({
        tree: await port.emptyTree(),
        parents: [head],
        message: 'x',
      });
      const moves = [
        { ref: 'refs/orch/rescue/run-1/1', to: next },
        { ref, to: next, from: next },
      ];
      await expect(port.updateRefs(moves)).rejects.toMatchObject({
        code: 'ORCH_REF_MOVED',
        exitCode: 4,
      });
      await expect(port.updateRefs([{ ref, to: next, from: null }])).rejects.toMatchObject({
        code: 'ORCH_REF_MOVED',
      });
      await expect(port.updateRefs([{ ref, to: null, from: next }])).rejects.toMatchObject({
        code: 'ORCH_REF_MOVED',
      });
      expect(await port.listRefs('refs/orch')).toEqual([]);
      await port.updateRefs([
        { ref, to: next, from: head },
        { ref: 'refs/orch/sealed/run-1/1', to: next },
      ]);
      expect(await port.resolve(ref)).toBe(next);
      repository.git('pack-refs', '--all');
      expect(await port.listRefs('refs/orch')).toEqual([
        { ref: 'refs/orch/sealed/run-1/1', oid: next },
      ]);
      await port.updateRefs([
        { ref, to: null, from: next },
        { ref: 'refs/orch/never/was', to: null },
      ]);
      expect(await port.resolve(ref)).toBeNull();
      expect(repository.git('for-each-ref', 'refs/heads/orch')).toBe('');
    });

    test('a branch named orch is named as what blocks the way', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      repository.git('branch', 'orch');
      const port = await open(repository.top);
      const update = port.updateRefs([{ ref: 'refs/heads/orch/run-1', to: head, from: null }]);
      await expect(update).rejects.toMatchObject({
        code: 'ORCH_BRANCH_IN_THE_WAY',
        exitCode: 4,
        fix: expect.stringContaining('git branch -m orch '),
      });
    });

    test('what a revision names, as far as it is there', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      expect(await port.head()).toEqual({ oid: head, ref: 'refs/heads/main' });
      expect(await port.resolve('HEAD')).toBe(head);
      expect(await port.resolve('main')).toBe(head);
      expect(await port.resolve(head)).toBe(head);
      expect(await port.resolve('1'.repeat(40))).toBeNull();
      expect(await port.resolve('--help')).toBeNull();
      expect(await port.resolve('no-such-branch')).toBeNull();
      repository.git('checkout', '-q', '--detach');
      expect(await port.head()).toEqual({ oid: head, ref: null });
    });

    test('two trees differ by what was added, deleted and modified', async () => {
      using repository = makeRepository();
      const first = fill(repository);
      repository.write('src/a.ts', 'two\n', 0o755);
      repository.write('new', 'n');
      repository.remove('top.txt');
      const second = repository.commitAll('second');
      const port = await open(repository.top);
      const changes = await port.diffTrees(first, second);
      expect(changes.map(({ path, status }) => [path, status])).toEqual([
        ['new', 'added'],
        ['src/a.ts', 'modified'],
        ['top.txt', 'deleted'],
      ]);
      expect(changes[1]).toMatchObject({ oldMode: '100644', newMode: '100755' });
      expect(await port.diffTrees(first, first)).toEqual([]);
    });

    test('an object that is missing makes a commit incomplete', async () => {
      using repository = makeRepository();
      const head = fill(repository);
      const port = await open(repository.top);
      repository.write('lost', 'lost content');
      const { tree } = await snapshotOf(port);
      const commit = await port.commit({ tree, parents: [head], message: 'x' });
      expect(await port.isComplete(commit, [head])).toBe(true);
      const blob = repository.git('hash-object', 'lost');
      repository.remove(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`);
      expect(await port.isComplete(commit, [head])).toBe(false);
    });
  });

  describe('restoreWorkTree', () => {
    test('brings back the tree, and touches neither ignored files nor index nor HEAD', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('.gitignore', 'ignored/\n');
      repository.write('ignored/precious', 'p');
      symlinkSync('src', repository.path('link'));
      const port = await open(repository.top);
      const before = (await snapshotOf(port)).tree;
      const state = userState(repository);
      repository.remove('src');
      repository.write('src', 'a file now');
      repository.remove('link');
      repository.write('link/inner', 'a folder now');
      repository.write('deep/er/new', 'n');
      repository.write('top.txt', 'changed', 0o755);
      const after = (await snapshotOf(port)).tree;
      await port.restoreWorkTree(after, before, []);
      expect((await snapshotOf(port)).tree).toBe(before);
      expect(oracleTree(repository)).toBe(before);
      expect(existsSync(repository.path('deep'))).toBe(false);
      expect(readFileSync(repository.path('ignored/precious'), 'utf8')).toBe('p');
      expect(readlinkSync(repository.path('link'))).toBe('src');
      expect(userState(repository)).toBe(state);
      await port.restoreWorkTree(before, after, []);
      expect((await snapshotOf(port)).tree).toBe(after);
    });

    test('a file that was added by force is in the snapshot again after it was brought back', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('.gitignore', '*.log\n');
      repository.write('forced.log', 'x');
      repository.git('add', '-f', 'forced.log');
      const port = await open(repository.top);
      const before = await snapshotOf(port);
      repository.remove('forced.log');
      const after = await snapshotOf(port);
      await port.restoreWorkTree(after.tree, before.tree, [], privateIndex(port));
      expect(await snapshotOf(port)).toEqual(before);
    });

    test('files that a cached step produced make a tree of their own, ignored ones too', async () => {
      using repository = makeRepository();
      fill(repository);
      repository.write('.gitignore', 'dist/\n');
      repository.write('dist/out.js', 'x', 0o755);
      symlinkSync('out.js', repository.path('dist/link'));
      const port = await open(repository.top);
      const tree = await port.treeOfPaths(['dist/out.js', 'dist/link', 'top.txt']);
      const entries = (await port.listFiles(tree, '')).map(({ mode, path }) => `${mode} ${path}`);
      expect(entries).toEqual(['120000 dist/link', '100755 dist/out.js', '100644 top.txt']);
      repository.git('fsck', '--strict', '--no-dangling');
    });

    test('doing it twice is doing it once', async () => {
      using repository = makeRepository();
      const { port, before, after } = await twoStates(repository, open);
      await port.restoreWorkTree(after, before, []);
      await port.restoreWorkTree(after, before, []);
      expect((await snapshotOf(port)).tree).toBe(before);
    });

    test('a file that no tree holds is named, and nothing changes', async () => {
      using repository = makeRepository();
      fill(repository);
      const port = await open(repository.top);
      const before = (await snapshotOf(port)).tree;
      repository.remove('top.txt');
      repository.remove('src');
      repository.write('.gitignore', 'top.txt\nsrc\n');
      const after = (await snapshotOf(port)).tree;
      repository.write('top.txt', 'mine');
      repository.write('src', 'also mine');
      expect(await port.inTheWay(after, before, [])).toEqual(['src', 'top.txt']);
      await expect(port.restoreWorkTree(after, before, [])).rejects.toMatchObject({
        code: 'ORCH_FILES_IN_THE_WAY',
        exitCode: 4,
        what: expect.stringContaining('src, top.txt'),
      });
      expect(readFileSync(repository.path('top.txt'), 'utf8')).toBe('mine');
      expect(readFileSync(repository.path('.gitignore'), 'utf8')).toBe('top.txt\nsrc\n');
    });

    test('an ignored file below a folder that must become a file is in the way', async () => {
      using repository = makeRepository();
      fill(repository);
      const port = await open(repository.top);
      const before = (await snapshotOf(port)).tree;
      repository.remove('top.txt');
      repository.write('.gitignore', '*.key\n');
      repository.write('top.txt/tracked', 't');
      repository.write('top.txt/deep/secret.key', 's');
      const after = (await snapshotOf(port)).tree;
      expect(await port.inTheWay(after, before, [])).toEqual(['top.txt/deep/secret.key']);
      await expect(port.restoreWorkTree(after, before, [])).rejects.toThrow('secret.key');
      repository.remove('top.txt/deep/secret.key');
      await port.restoreWorkTree(after, before, []);
      expect(readFileSync(repository.path('top.txt'), 'utf8')).toBe('top\n');
    });

    test('nothing behind a symbolic link is written or deleted', async () => {
      using repository = makeRepository();
      fill(repository);
      const port = await open(repository.top);
      const before = (await snapshotOf(port)).tree;
      repository.write('../outside/a.ts', 'not ours');
      repository.remove('src');
      symlinkSync('../outside', repository.path('src'));
      const after = (await snapshotOf(port)).tree;
      await port.restoreWorkTree(after, before, []);
      expect(lstatSync(repository.path('src')).isDirectory()).toBe(true);
      expect(readFileSync(repository.path('../outside/a.ts'), 'utf8')).toBe('not ours');
      await port.restoreWorkTree(before, after, []);
      expect(readFileSync(repository.path('../outside/a.ts'), 'utf8')).toBe('not ours');
    });

    test('excluded paths are left alone', async () => {
      using repository = makeRepository();
      const { port, before, after } = await twoStates(repository, open);
      await port.restoreWorkTree(after, before, ['src']);
      expect(readFileSync(repository.path('src/a.ts'), 'utf8')).toBe('two\n');
      expect(existsSync(repository.path('new'))).toBe(false);
    });

    test('files below a path are checked out of a commit', async () => {
      using repository = makeRepository();
      fill(repository);
      const port = await open(repository.top);
      const files = new Map([['.orch/runs/run-1/report.md', Buffer.from('done\n')]]);
      const tree = await port.treeWithFiles(await port.emptyTree(), files);
      const commit = await port.commit({ tree, parents: [], message: 'x' });
      await port.checkOutPath(commit, '.orch/runs');
      expect(readFileSync(repository.path('.orch/runs/run-1/report.md'), 'utf8')).toBe('done\n');
    });
  });
});

function makeConflict(repository: TestRepository): void {
  repository.git('checkout', '-q', '-b', 'other');
  repository.write('top.txt', 'theirs\n');
  repository.commitAll('theirs');
  repository.git('checkout', '-q', 'main');
  repository.write('top.txt', 'ours\n');
  repository.commitAll('ours');
  expect(() => repository.git('merge', '-q', 'other')).toThrow();
}

async function twoStates(
  repository: TestRepository,
  open: Adapter['open'],
): Promise<{ port: GitPort; before: string; after: string }> {
  fill(repository);
  const port = await open(repository.top);
  const before = (await snapshotOf(port)).tree;
  repository.write('src/a.ts', 'two\n');
  repository.write('new', 'n');
  repository.remove('top.txt');
  return { port, before, after: (await snapshotOf(port)).tree };
}
