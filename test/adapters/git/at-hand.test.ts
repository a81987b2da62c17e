/** What orch reads and writes of git's objects without a git process, held to what git itself says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareTrees } from '../../../src/adapters/git/compare-trees.ts';
import { discoverRepository } from '../../../src/adapters/git/discover-repository.ts';
import { createGitCli } from '../../../src/adapters/git/git-cli.ts';
import type { GitContext } from '../../../src/adapters/git/git-program.ts';
import { hasOnlyWatchedEntries } from '../../../src/adapters/git/index-flags.ts';
import { readLooseRef } from '../../../src/adapters/git/loose-refs.ts';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';

/** Every object except what git keeps within itself. */
function objectsOf(repository: TestRepository, ...revisions: string[]): string[] {
  return repository
    .git('rev-list', '--objects', ...revisions)
    .split('\n')
    .map((line) => line.slice(0, 40));
}

/** As `git diff-tree -r -t` has it, one line a change. */
function asGitSays(repository: TestRepository, from: string, to: string): string[] {
  const fields = repository
    .git('diff-tree', '-r', '-t', '-z', '--raw', '--no-renames', '--no-abbrev', from, to)
    .split('\0');
  const lines: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2)
    lines.push(`${fields[i]?.slice(1, -2)} ${fields[i + 1]}`);
  return lines.sort();
}

async function asCompared(context: GitContext, from: string, to: string): Promise<string[]> {
  const changes = await compareTrees(context, from, to);
  return changes
    .map(
      ({ oldMode, newMode, oldOid, newOid, path }) =>
        `${oldMode} ${newMode} ${oldOid} ${newOid} ${path}`,
    )
    .sort();
}

const names = fc.constantFrom('a', 'a-b', 'a.b', 'b', 'c');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const entries = fc.record({
  path: paths,
  mode: fc.constantFrom('100644', '100755', '120000', '160000'),
  content: fc.constantFrom('one', 'two', 'three'),
});

/** A tree of these files, of two in each other's way the later one; with an index that is gone afterwards. */
function writeTree(
  repository: TestRepository,
  files: readonly { path: string; mode: string; content: string }[],
): string {
  const env = { GIT_INDEX_FILE: join(repository.folder, 'index') };
  rmSync(env.GIT_INDEX_FILE, { force: true });
  for (const { path, mode, content } of files) {
    writeFileSync(join(repository.folder, 'content'), content);
    const oid =
      mode === '160000'
        ? content.length.toString(16).padStart(40, '1')
        : repository.git('hash-object', '-w', join(repository.folder, 'content'));
    repository.gitWith(env, 'update-index', '--add', '--replace', '--cacheinfo', mode, oid, path);
  }
  return repository.gitWith(env, 'write-tree');
}

describe('what differs between two trees', () => {
  test('is what git says, whatever becomes of files, links, folders and submodules', async () => {
    using repository = makeRepository();
    const trees = fc.array(entries, { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(trees, trees, async (before, after) => {
        const [from, to] = [writeTree(repository, before), writeTree(repository, after)];
        const context = await discoverRepository(repository.top);
        expect(await asCompared(context, from, to)).toEqual(asGitSays(repository, from, to));
      }),
      { numRuns: 25 },
    );
  });

  test('is the same when the trees are packed, and when only one side is', async () => {
    using repository = makeRepository();
    repository.write('deep/er/a', 'one');
    repository.write('other/b', 'two');
    const first = repository.commitAll('first');
    repository.git('repack', '-adq');
    repository.git('prune-packed');
    repository.write('deep/er/a', 'changed');
    const second = repository.commitAll('second');
    const context = await discoverRepository(repository.top);
    const expected = asGitSays(repository, first, second);
    expect(expected).toHaveLength(3);
    expect(await asCompared(context, first, second)).toEqual(expected);
    // And from memory.
    expect(await asCompared(context, first, second)).toEqual(expected);
  });

  test('a permission that git does not keep is no difference', async () => {
    using repository = makeRepository();
    repository.write('a', 'one');
    const tree = repository.git('rev-parse', `${repository.commitAll('first')}^{tree}`);
    const text = repository.git('ls-tree', tree).replace('100644', '100664');
    const file = join(repository.folder, 'tree');
    writeFileSync(
      file,
      Buffer.concat([Buffer.from('100664 a\0'), Buffer.from(text.split(/\s+/)[2] ?? '', 'hex')]),
    );
    const loose = repository.git('hash-object', '-t', 'tree', '-w', '--literally', file);
    expect(loose).not.toBe(tree);
    expect(await asCompared(await discoverRepository(repository.top), tree, loose)).toEqual([]);
  });
});

describe('isComplete', () => {
  test('is false for each object that a commit adds, when that one is gone', async () => {
    using repository = makeRepository();
    repository.write('kept/a', 'kept');
    const head = repository.commitAll('first');
    repository.write('new/er/b', 'new');
    repository.write('kept/a', 'changed');
    const commit = repository.commitAll('second');
    const added = [...new Set(objectsOf(repository, commit, `^${head}`))];
    expect(added).toHaveLength(7);
    const read = async () => {
      const port = createGitCli(await discoverRepository(repository.top));
      return await port.isComplete(commit, [head]);
    };
    expect(await read()).toBe(true);
    // One port sees all of them come and go: what it remembers proves nothing.
    const port = createGitCli(await discoverRepository(repository.top));
    for (const oid of added) {
      const path = `.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`;
      const away = join(repository.folder, 'away');
      repository.git('cat-file', '-e', oid);
      renameSync(repository.path(path), away);
      expect(await read(), oid).toBe(false);
      expect(await port.isComplete(commit, [head]), oid).toBe(false);
      renameSync(away, repository.path(path));
      expect(await port.isComplete(commit, [head]), oid).toBe(true);
    }
  });
});

describe('commits', () => {
  test.for(['sha1', 'sha256'])(
    'the later ones of a process are as git makes them (%s)',
    async (format) => {
      using repository = makeRepository({ init: [`--object-format=${format}`] });
      repository.git('config', 'user.name', '  Ada "the first" Łovelace. ');
      repository.git('config', 'author.email', 'author@example.org');
      repository.write('a', 'one');
      const head = repository.commitAll('first');
      const tree = repository.git('rev-parse', `${head}^{tree}`);
      const port = createGitCli(await discoverRepository(repository.top));
      const message = 'orch: größer\n\nOrch-Run: x\n';
      await port.commit({ tree, parents: [head], message: 'settles who the author is' });
      const commit = await port.commit({ tree, parents: [head, head], message });
      const text = repository.git('cat-file', 'commit', commit);
      const dates = [...text.matchAll(/> (\d+ [+-]\d{4})$/gm)].map(([, date]) => date ?? '');
      const env = { GIT_AUTHOR_DATE: dates[0] ?? '', GIT_COMMITTER_DATE: dates[1] ?? '' };
      writeFileSync(join(repository.folder, 'message'), message);
      const wanted = repository.gitWith(
        env,
        'commit-tree',
        tree,
        '-p',
        head,
        '-F',
        join(repository.folder, 'message'),
      );
      expect(commit).toBe(wanted);
      expect(text).toContain('Ada "the first" Łovelace');
      repository.git('update-ref', 'refs/heads/made', commit);
      repository.git('fsck', '--strict');
      if (format === 'sha256') return;
      const path = repository.path(`.git/objects/${commit.slice(0, 2)}/${commit.slice(2)}`);
      expect(statSync(path).mode & 0o777).toBe(0o444);
    },
  );

  test('are written although somebody prunes all the time', async () => {
    using repository = makeRepository();
    repository.write('a', 'one');
    const tree = repository.git('rev-parse', `${repository.commitAll('first')}^{tree}`);
    const port = createGitCli(await discoverRepository(repository.top));
    await port.commit({ tree, parents: [], message: 'settles who the author is' });
    const loop = 'while test ! -e ../stop; do git prune --expire=now; echo >> ../rounds; done';
    const pruner = spawn('sh', ['-c', loop], { cwd: repository.top, stdio: 'ignore' });
    const ended = once(pruner, 'close');
    const rounds = () =>
      existsSync(join(repository.folder, 'rounds'))
        ? statSync(join(repository.folder, 'rounds')).size
        : 0;
    try {
      for (let nth = 0; rounds() < 20; nth += 1) {
        await port.commit({ tree, parents: [], message: `commit ${nth}` });
      }
    } finally {
      writeFileSync(join(repository.folder, 'stop'), '');
      await ended;
    }
  });

  test('in a repository of many users all are made by git, which knows what others may do', async () => {
    using repository = makeRepository();
    repository.git('config', 'core.sharedRepository', 'group');
    repository.write('a', 'one');
    const tree = repository.git('rev-parse', `${repository.commitAll('first')}^{tree}`);
    const port = createGitCli(await discoverRepository(repository.top));
    for (const message of ['one', 'two', 'three', 'four', 'five']) {
      const oid = await port.commit({ tree, parents: [], message });
      const folder = statSync(repository.path(`.git/objects/${oid.slice(0, 2)}`));
      // The group may add objects there, and what it adds is of the same group.
      expect(folder.mode & 0o7777).toBe(0o2775);
    }
  });
});

describe('refs', () => {
  test('one that is a file is read; one that is packed, gone, or of one worktree is left to git', async () => {
    using repository = makeRepository();
    repository.write('a', 'one');
    const head = repository.commitAll('first');
    const context = await discoverRepository(repository.top);
    expect(readLooseRef(context, 'HEAD')).toBe(head);
    expect(readLooseRef(context, 'refs/heads/main')).toBe(head);
    for (const name of [
      'main',
      'refs/heads/none',
      'refs/heads',
      'refs/../HEAD',
      'refs/bisect/bad',
      '@',
    ]) {
      expect(readLooseRef(context, name), name).toBeUndefined();
    }
    repository.git('pack-refs', '--all');
    expect(readLooseRef(context, 'HEAD')).toBeUndefined();
    const port = createGitCli(context);
    expect(await port.resolve('HEAD')).toBe(head);
    expect(await port.resolve('refs/heads/main')).toBe(head);
  });

  test('a ref to an object that is gone resolves to nothing', async () => {
    using repository = makeRepository();
    repository.write('a', 'one');
    const head = repository.commitAll('first');
    rmSync(repository.path(`.git/objects/${head.slice(0, 2)}/${head.slice(2)}`));
    const port = createGitCli(await discoverRepository(repository.top));
    expect(await port.resolve('refs/heads/main')).toBeNull();
  });
});

describe('entries that git was told not to look at', () => {
  const flagged = (repository: TestRepository) =>
    repository
      .git('ls-files', '-v')
      .split('\n')
      .some((line) => !line.startsWith('H '));

  test.for<{
    name: string;
    options?: string[];
    mayAsk?: true;
    prepare: (repository: TestRepository) => void;
  }>([
    { name: 'none', prepare: () => {} },
    { name: 'none, sha256', options: ['--object-format=sha256'], prepare: () => {} },
    {
      name: 'none, though something is staged to be added',
      mayAsk: true,
      prepare: (repository) => {
        repository.write('later', 'x');
        repository.git('add', '-N', 'later');
      },
    },
    {
      name: 'one assumed unchanged',
      prepare: (repository) => void repository.git('update-index', '--assume-unchanged', 'b/c'),
    },
    {
      name: 'one not in the work tree',
      prepare: (repository) => void repository.git('update-index', '--skip-worktree', 'a'),
    },
    {
      name: 'one in the other half of a split index',
      prepare(repository) {
        repository.git('update-index', '--assume-unchanged', 'a');
        repository.git('update-index', '--split-index');
        repository.write('new', 'x');
        repository.git('add', 'new');
      },
    },
    {
      name: 'one in an index with compressed paths',
      prepare(repository) {
        repository.git('update-index', '--assume-unchanged', 'a');
        repository.git('update-index', '--index-version', '4');
      },
    },
  ])('$name', ({ options = [], mayAsk, prepare }) => {
    using repository = makeRepository({ init: options });
    for (const path of [
      'a',
      'b/c',
      'name of eight or more',
      `${'x'.repeat(200)}/${'y'.repeat(200)}`,
    ])
      repository.write(path, path);
    repository.commitAll('first');
    prepare(repository);
    const oidLength = repository.git('rev-parse', 'HEAD').length;
    const hasNone = hasOnlyWatchedEntries(repository.path('.git/index'), oidLength);
    // It may leave the answer to git, and must never say that there is none where there is one.
    if (flagged(repository)) expect(hasNone).toBeUndefined();
    else if (hasNone === undefined) expect(mayAsk).toBe(true);
  });
});

describe('the one git that reads objects', () => {
  test('answers many at once, large ones too, and says what is not there', async () => {
    using repository = makeRepository();
    repository.write('small', 'small');
    repository.write('empty', '');
    repository.write('large', Buffer.alloc(3_000_000, 'large'));
    repository.commitAll('first');
    const { reader } = await discoverRepository(repository.top);
    const [small, empty, large] = ['small', 'empty', 'large'].map((path) =>
      repository.git('rev-parse', `HEAD:${path}`),
    );
    const wanted = [small, '1'.repeat(40), large, empty, small];
    const found = await Promise.all(wanted.map((oid) => reader.ask(oid ?? '')));
    expect(found.map((one) => one?.content.length)).toEqual([5, undefined, 3_000_000, 0, 5]);
    expect(found[0]).toEqual({ type: 'blob', content: Buffer.from('small') });
  });

  test('is started again when it was killed, and ends when nobody asks', async () => {
    using repository = makeRepository();
    repository.write('small', 'small');
    const head = repository.commitAll('first');
    const { reader } = await discoverRepository(repository.top);
    const children = () =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .filter((pid) => {
          try {
            return (
              readlinkSync(`/proc/${pid}/cwd`) === repository.top &&
              readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('cat-file')
            );
          } catch {
            return false; // It has ended meanwhile.
          }
        })
        .map(Number);
    expect((await reader.ask(head))?.type).toBe('commit');
    const [pid = 0] = children();
    expect(pid).toBeGreaterThan(0);
    process.kill(pid, 'SIGSTOP');
    const lost = reader.ask(head);
    process.kill(pid, 'SIGKILL');
    await expect(lost).rejects.toThrow('SIGKILL');
    expect((await reader.ask(head))?.type).toBe('commit');
    await expect.poll(children, { timeout: 10_000 }).toEqual([]);
    expect((await reader.ask(head))?.type).toBe('commit');
  });
});
