/** What is refused is refused before anything changes, with what stands in the way and what to type. */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { discoverRepository } from '../../../src/adapters/git/discover-repository.ts';
import { openGit } from '../../../src/adapters/git/open-git.ts';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import { embedded, fill, snapshotOf } from './adapters.ts';

const isRoot = process.getuid?.() === 0;

describe('what git refuses is said with what to type', () => {
  test.for<{ name: string; code: string; fix: string; folder: (r: TestRepository) => string }>([
    {
      name: 'no repository',
      code: 'ORCH_NOT_A_REPOSITORY',
      fix: 'git init',
      folder: (r) => r.folder,
    },
    {
      name: 'no folder',
      code: 'ORCH_NOT_A_REPOSITORY',
      fix: 'cd ',
      folder: (r) => join(r.folder, 'none'),
    },
    {
      name: 'a bare repository',
      code: 'ORCH_BARE_REPOSITORY',
      fix: 'git clone ',
      folder: (r) => {
        r.git('init', '-q', '--bare', '../bare.git');
        return join(r.folder, 'bare.git');
      },
    },
    {
      name: 'inside .git',
      code: 'ORCH_INSIDE_GIT_DIR',
      fix: 'cd ',
      folder: (r) => r.path('.git/objects'),
    },
  ])('$name', async ({ code, fix, folder }) => {
    using repository = makeRepository();
    await expect(openGit(folder(repository))).rejects.toMatchObject({
      code,
      exitCode: 3,
      fix: expect.stringContaining(fix),
    });
  });

  test.skipIf(!isRoot)('a repository of another user', async () => {
    using repository = makeRepository();
    chownSync(repository.top, 12_345, 12_345);
    await expect(discoverRepository(repository.top)).rejects.toMatchObject({
      code: 'ORCH_GIT_UNSAFE',
      fix: `git config --global --add safe.directory '${repository.top.replaceAll("'", "'\\''")}'`,
    });
  });

  test('an old git', async () => {
    using repository = makeRepository();
    usePath(repository, '#!/bin/sh\necho git version 2.30.2\n');
    await expect(openGit(repository.top)).rejects.toMatchObject({
      code: 'ORCH_GIT_TOO_OLD',
      exitCode: 3,
    });
  });

  test('no git: the embedded one takes over, or names what stands in its way', async () => {
    using repository = makeRepository();
    fill(repository);
    const expected = (await snapshotOf(await openGit(repository.top))).tree;
    usePath(repository, undefined);
    const port = await openGit(repository.top);
    expect(port.kind).toBe('embedded');
    repository.remove('.git/orch');
    expect((await snapshotOf(port)).tree).toBe(expected);
    await expect(port.mergeTrees(expected, expected)).rejects.toMatchObject({
      code: 'ORCH_NEEDS_GIT',
      exitCode: 3,
    });
    repository.write(
      '.git/config',
      `${readFileSync(repository.path('.git/config'))}[core]\n\tautocrlf = true\n`,
    );
    await expect(openGit(repository.top)).rejects.toMatchObject({
      code: 'ORCH_NEEDS_GIT',
      what: expect.stringContaining('core.autocrlf is true'),
      fix: expect.stringContaining('install git'),
    });
  });

  test.skipIf(isRoot)('an unreadable file', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.write('secret', 'x', 0o000);
    await expect(snapshotOf(await openGit(repository.top))).rejects.toMatchObject({
      code: 'ORCH_WORK_FILE_UNREADABLE',
    });
  });

  test('a file that its filter cannot take is named', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.git('config', 'filter.broken.clean', 'false');
    repository.git('config', 'filter.broken.required', 'true');
    repository.write('.gitattributes', '*.b filter=broken\n');
    repository.write('dir/x.b', 'x');
    await expect(snapshotOf(await openGit(repository.top))).rejects.toThrow('dir/x.b');
  });
});

describe('the embedded git refuses what it would harm', () => {
  test.for<{ name: string; obstacle: string; prepare: (r: TestRepository) => string | undefined }>([
    {
      name: 'a linked worktree',
      obstacle: '.git is a file',
      prepare: (r) => {
        r.git('worktree', 'add', '-q', '../linked');
        return join(r.folder, 'linked');
      },
    },
    {
      name: 'a sparse checkout',
      obstacle: 'extensions.worktreeconfig',
      prepare: (r) => {
        r.git('sparse-checkout', 'set', 'src');
      },
    },
    {
      name: 'a split index',
      obstacle: 'split',
      prepare: (r) => {
        r.git('update-index', '--split-index');
      },
    },
    {
      name: 'an index of version 4',
      obstacle: 'version 4',
      prepare: (r) => {
        r.git('update-index', '--index-version', '4');
      },
    },
    {
      name: 'alternates',
      obstacle: 'alternates',
      prepare: (r) => {
        r.git('clone', '-q', '--shared', '.', '../shared');
        return join(r.folder, 'shared');
      },
    },
    {
      name: 'a filter',
      obstacle: '.gitattributes has the attribute filter=lfs',
      prepare: (r) => {
        r.write('src/.gitattributes', '*.bin filter=lfs -text\n');
      },
    },
    {
      name: 'line ends',
      obstacle: 'attribute text=auto',
      prepare: (r) => {
        r.write('.gitattributes', '* text=auto\n');
      },
    },
    {
      name: 'submodules',
      obstacle: 'submodules',
      prepare: (r) => {
        r.write('.gitmodules', '');
      },
    },
    {
      name: 'an excludes file',
      obstacle: 'core.excludesfile',
      prepare: (r) => {
        r.git('config', 'core.excludesFile', '~/.ignore');
      },
    },
    {
      name: 'settings that include others',
      obstacle: 'includes',
      prepare: (r) => {
        r.git('config', 'include.path', '/x');
      },
    },
  ])('$name', async ({ prepare, obstacle }) => {
    using repository = makeRepository();
    fill(repository);
    const folder = prepare(repository) ?? repository.top;
    const attempt = embedded.open(folder).then(snapshotOf);
    await expect(attempt).rejects.toMatchObject({
      code: 'ORCH_NEEDS_GIT',
      exitCode: 3,
      what: expect.stringContaining(obstacle),
    });
  });

  test('sha256', async () => {
    using repository = makeRepository({ init: ['--object-format=sha256'] });
    await expect(embedded.open(repository.top)).rejects.toMatchObject({ code: 'ORCH_NEEDS_GIT' });
  });
});

/** Puts a `git` of this content, or none at all, in the place of the real one for one test. */
function usePath(repository: TestRepository, script: string | undefined): void {
  const folder = join(repository.folder, 'bin');
  mkdirSync(folder);
  if (script !== undefined) writeFileSync(join(folder, 'git'), script, { mode: 0o755 });
  const old = process.env['PATH'];
  process.env['PATH'] = `${folder}:${script === undefined ? '' : dirname(process.execPath)}`;
  onTestFinished(() => {
    process.env['PATH'] = old;
  });
}
