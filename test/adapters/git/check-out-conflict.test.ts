/** A conflict that is shown in a worktree: git and its tools see what they see after `git merge`. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createWorkTree } from '../../../src/adapters/work-tree.ts';
import type { GitPort, MergeResult } from '../../../src/ports/git.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../../rig/repository.ts';
import { embedded, fill, gitProgram, snapshotOf, userState } from './adapters.ts';
import { type Edit, makeVersions, text } from './merge-cases.ts';

interface Shown {
  readonly worktree: TestRepository;
  readonly port: GitPort;
  readonly ours: string;
  readonly result: MergeResult;
}

/** Merges, and shows the result in a linked worktree that stands at `ours`. */
async function show(
  repository: TestRepository,
  edits: { readonly base: Edit; readonly ours: Edit; readonly theirs: Edit },
): Promise<Shown> {
  const versions = makeVersions(repository, edits);
  const top = join(repository.folder, 'linked tree');
  repository.git('worktree', 'add', '-q', '--detach', top, versions.ours);
  const worktree = openTestRepository(top, repository.folder);
  const port = await gitProgram.open(top);
  const result = await port.mergeChanges(versions);
  await port.checkOutConflict({ ours: versions.ours, result });
  return { worktree, port, ours: versions.ours, result };
}

const clash = {
  base(r: TestRepository) {
    r.write('a.txt', text());
    r.write('dir/é', text());
    r.write('gone', text());
    r.write('same', 'same\n');
  },
  ours(r: TestRepository) {
    r.write('a.txt', text({ 2: 'ours' }));
    r.write('dir/é', text({ 2: 'ours' }));
    r.remove('gone');
    r.write('mine', 'x\n');
  },
  theirs(r: TestRepository) {
    r.write('a.txt', text({ 2: 'theirs' }));
    r.write('dir/é', text({ 8: 'theirs' }));
    r.write('gone', text({ 2: 'theirs' }));
    r.write('new/file', 'new\n', 0o755);
  },
};

describe('checkOutConflict', () => {
  test('files, index and status are those of a merge that stopped', async () => {
    using repository = makeRepository();
    const { worktree, result, ours } = await show(repository, clash);
    const status = worktree.git('-c', 'core.quotePath=false', 'status', '--porcelain').split('\n');
    expect(status).toEqual(['UU a.txt', 'M  dir/é', 'DU gone', 'A  new/file']);
    expect(worktree.git('status')).toMatch(/both modified:\s+a\.txt/);
    expect(worktree.git('rev-parse', 'HEAD')).toBe(ours);
    expect(readFileSync(worktree.path('a.txt'), 'utf8')).toContain('<<<<<<< OURS\nours\n=======\n');
    expect(readFileSync(worktree.path('dir/é'), 'utf8')).toBe(text({ 2: 'ours', 8: 'theirs' }));
    const stages = worktree.git('ls-files', '-u', '--', 'a.txt').split('\n');
    const [conflict] = result.conflicts;
    expect(stages).toEqual(
      [conflict?.base, conflict?.ours, conflict?.theirs].map(
        (side, index) => `100644 ${side?.oid} ${index + 1}\ta.txt`,
      ),
    );
    expect(worktree.git('diff', '--', 'a.txt')).toMatch(/^diff --cc a\.txt/);
  });

  test('it is settled with git’s own tools, and a snapshot then holds the settled files', async () => {
    using repository = makeRepository();
    const { worktree, port } = await show(repository, clash);
    worktree.git('checkout', '--theirs', '--', 'a.txt');
    expect(readFileSync(worktree.path('a.txt'), 'utf8')).toBe(text({ 2: 'theirs' }));
    worktree.git('checkout', '--merge', '--', 'a.txt');
    worktree.git('config', 'mergetool.mine.cmd', 'cp "$LOCAL" "$MERGED"');
    worktree.git('config', 'mergetool.mine.trustExitCode', 'true');
    worktree.git('mergetool', '--no-prompt', '--tool=mine', 'a.txt');
    worktree.git('add', 'gone');
    expect(worktree.git('ls-files', '-u')).toBe('');
    const { tree } = await snapshotOf(port);
    expect(worktree.git('show', `${tree}:a.txt`)).toBe(text({ 2: 'ours' }).trim());
  });

  test('a snapshot takes files that were edited and never added', async () => {
    using repository = makeRepository();
    const { worktree, port } = await show(repository, clash);
    worktree.write('a.txt', 'settled\n');
    worktree.remove('gone');
    const { tree } = await snapshotOf(port);
    expect(worktree.git('ls-tree', '-r', '--name-only', '-z', tree).split('\0')).toEqual([
      'a.txt',
      'dir/é',
      'mine',
      'new/file',
      'same',
      '',
    ]);
    expect(worktree.git('show', `${tree}:a.txt`)).toBe('settled');
  });

  test('again, it is the same; the user’s checkout has seen nothing of it', async () => {
    using repository = makeRepository();
    const { worktree, port, ours, result } = await show(repository, clash);
    const state = () => [worktree.git('status', '--porcelain'), worktree.git('ls-files', '-s')];
    const before = [...state(), userState(repository), repository.git('status', '--porcelain')];
    worktree.write('a.txt', 'half');
    worktree.remove('new');
    await port.checkOutConflict({ ours, result });
    expect([...state(), userState(repository), repository.git('status', '--porcelain')]).toEqual(
      before,
    );
    expect(readFileSync(worktree.path('a.txt'), 'utf8')).toContain('>>>>>>> THEIRS');
  });

  test('a file in the way of a folder, and a name that is not UTF-8', async () => {
    using repository = makeRepository();
    const name = Buffer.from('caf\xe9', 'latin1');
    const writeIn = (r: TestRepository, content: string) =>
      writeFileSync(Buffer.concat([Buffer.from(`${r.top}/`), name]), content);
    const { worktree, result } = await show(repository, {
      base: (r) => writeIn(r, text()),
      ours(r) {
        writeIn(r, text({ 2: 'ours' }));
        r.write('f', 'file\n');
      },
      theirs(r) {
        writeIn(r, text({ 2: 'theirs' }));
        r.write('f/x', 'x\n');
      },
    });
    expect(result.conflicts.map(({ path }) => path).sort()).toEqual(['caf\u{fffd}', 'f~OURS']);
    expect(worktree.git('status', '--porcelain').split('\n')).toEqual([
      'UU "caf\\351"',
      'D  f',
      'A  f/x',
      'AU f~OURS',
    ]);
    expect(existsSync(worktree.path('f/x'))).toBe(true);
    const workTree = createWorkTree(worktree.top);
    expect(await workTree.unsettled(result.conflicts.map(({ path }) => path))).toEqual([
      'caf\u{fffd}',
    ]);
  });

  test('without git it is refused', async () => {
    using repository = makeRepository();
    const ours = fill(repository);
    const port = await embedded.open(repository.top);
    const result = { tree: ours, conflicts: [], isOpen: false };
    await expect(port.checkOutConflict({ ours, result })).rejects.toMatchObject({
      code: 'ORCH_NEEDS_GIT',
    });
  });
});

describe('unsettled', () => {
  const marked = '<<<<<<< OURS\na\n=======\nb\n>>>>>>> THEIRS\n';
  test.for([
    { name: 'markers', content: `x\n${marked}y\n`, left: true },
    {
      name: 'markers with Windows line ends',
      content: marked.replaceAll('\n', '\r\n'),
      left: true,
    },
    {
      name: 'markers with the base between',
      content: marked.replace('====', '||||||| base\nz\n===='),
      left: true,
    },
    { name: 'longer markers', content: marked.replaceAll(/[<=>]{7}/g, '$&$&'), left: true },
    { name: 'one of two settled', content: `settled\n${marked}`, left: true },
    { name: 'a heading', content: 'Title\n=======\n', left: false },
    { name: 'markers that are quoted', content: marked.replaceAll(/^/gm, '> '), left: false },
    { name: 'a begin without an end', content: '<<<<<<< OURS\na\n=======\n', left: false },
    { name: 'an end without a begin', content: '=======\n>>>>>>> THEIRS\n', left: false },
    { name: 'a binary file', content: `\0${marked}`, left: false },
    { name: 'an empty file', content: '', left: false },
  ])('$name', async ({ content, left }) => {
    using repository = makeRepository();
    repository.write('dir/file', content);
    const found = await createWorkTree(repository.top).unsettled(['dir/file']);
    expect(found).toEqual(left ? ['dir/file'] : []);
  });

  test('what is gone, a folder or a link holds none', async () => {
    using repository = makeRepository();
    repository.write('file', marked);
    symlinkSync('file', repository.path('link'));
    const paths = ['gone', 'file/below', 'link', '.git', 'file'];
    expect(await createWorkTree(repository.top).unsettled(paths)).toEqual(['file']);
  });
});
