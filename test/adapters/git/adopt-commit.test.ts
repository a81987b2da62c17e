/** Moving the user's branch and index: the one place where they are touched. */
import { readdirSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeRepository } from '../../rig/repository.ts';
import { embedded, fill, gitProgram, snapshotOf, userState } from './adapters.ts';

describe.each([gitProgram, embedded])('adoptCommit by $name', ({ open }) => {
  test('moves branch and index, and leaves the files', async () => {
    using repository = makeRepository();
    const head = fill(repository);
    repository.write('src/a.ts', 'two\n');
    repository.write('new', 'n');
    repository.write('staged', 's');
    repository.git('add', 'staged');
    const port = await open(repository.top);
    const { tree } = await snapshotOf(port);
    const commit = await port.commit({ tree, parents: [head], message: 'x' });
    const before = statSync(repository.path('src/a.ts')).mtimeMs;
    await port.adoptCommit(commit, head);
    expect(repository.git('status', '--porcelain')).toBe('');
    expect(repository.git('symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    expect(repository.git('rev-parse', 'HEAD')).toBe(commit);
    expect(statSync(repository.path('src/a.ts')).mtimeMs).toBe(before);
    await port.adoptCommit(commit, head);
    expect(
      readdirSync(repository.path('.git')).filter((name) => /lock|index\.orch/.test(name)),
    ).toEqual([]);
  });

  test('the first commit of a repository, and a detached HEAD', async () => {
    using repository = makeRepository();
    repository.write('a', '1');
    const port = await open(repository.top);
    const { tree } = await snapshotOf(port);
    const commit = await port.commit({ tree, parents: [], message: 'x' });
    await port.adoptCommit(commit, null);
    expect(repository.git('status', '--porcelain', '--branch')).toBe('## main');
    repository.git('checkout', '-q', '--detach');
    const next = await port.commit({ tree, parents: [commit], message: 'y' });
    await port.adoptCommit(next, commit);
    expect(repository.git('rev-parse', 'HEAD')).toBe(next);
    expect(repository.git('rev-parse', 'main')).toBe(commit);
  });

  test('a HEAD that moved, or an index that another git holds, changes nothing', async () => {
    using repository = makeRepository();
    const head = fill(repository);
    const port = await open(repository.top);
    const commit = await port.commit({
      tree: await port.emptyTree(),
      parents: [head],
      message: 'x',
    });
    const moved = repository.commitAll('moved');
    const before = userState(repository);
    await expect(port.adoptCommit(commit, head)).rejects.toMatchObject({ code: 'ORCH_REF_MOVED' });
    repository.write('.git/index.lock', '');
    await expect(port.adoptCommit(commit, moved)).rejects.toMatchObject({
      code: 'ORCH_INDEX_LOCKED',
      exitCode: 4,
      fix: expect.stringContaining('index.lock'),
    });
    repository.remove('.git/index.lock');
    expect(userState(repository)).toBe(before);
  });
});
