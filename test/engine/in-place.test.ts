/**
 * A run in the user's own checkout, with everything in it that a checkout can hold: whatever the steps
 * do to the files, HEAD, branch, index and stash stay byte for byte as they were, and a rollback brings
 * the files back as they were before, with the state in between kept.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';
import { listing, userState, workTreeListing } from './history-stage.ts';

/** Touches every kind of file that the checkout holds, and makes new ones. */
const STEP = `
set -e
echo by-step > staged.txt
echo by-step >> unstaged.txt
echo by-step > both.txt
rm untracked.txt tracked.txt
echo back > deleted.txt
echo back > staged-deletion.txt
chmod 644 executable.sh
chmod 755 plain.sh
ln -sfn elsewhere link
rm to-link && ln -s tracked-dir to-link
rm -r tracked-dir && echo "now a file" > tracked-dir
rm "sp ace 'quote'
line" && mkdir "sp ace 'quote'
line" && echo deep > "sp ace 'quote'
line/ünï"
echo by-step > intended.txt
echo by-step > new.txt
mkdir -p new/folder && echo deep > new/folder/file
echo more >> forced.log
echo more >> ignored/secret
`;

/** Staged, unstaged, both, untracked, deleted, modes, links, ignored, intent-to-add, a stash. */
function makeCheckout(): TestRepository {
  const repository = makeRepository();
  repository.write('.gitignore', 'ignored/\n*.log\n');
  for (const name of ['staged', 'unstaged', 'both', 'tracked', 'deleted', 'staged-deletion'])
    repository.write(`${name}.txt`, `${name}\n`);
  repository.write('executable.sh', '#!/bin/sh\n', 0o755);
  repository.write('plain.sh', '#!/bin/sh\n', 0o644);
  repository.write('tracked-dir/inner.txt', 'inner\n');
  repository.write('to-link', 'a file\n');
  repository.write("sp ace 'quote'\nline", 'odd\n');
  symlinkSync('tracked.txt', repository.path('link'));
  repository.write('forced.log', 'forced\n');
  repository.git('add', '-f', 'forced.log');
  repository.commitAll('first');
  repository.write('stashed.txt', 'in the stash\n');
  repository.git('stash', '-q', '--include-untracked');
  repository.write('staged.txt', 'staged\n');
  repository.write('both.txt', 'staged part\n');
  repository.git('add', 'staged.txt', 'both.txt');
  repository.git('rm', '-q', 'staged-deletion.txt');
  repository.write('both.txt', 'staged part\nunstaged part\n');
  repository.write('unstaged.txt', 'unstaged edit\n');
  repository.write('untracked.txt', 'untracked\n');
  repository.remove('deleted.txt');
  chmodSync(repository.path('plain.sh'), 0o755);
  unlinkSync(repository.path('link'));
  symlinkSync('staged.txt', repository.path('link'));
  repository.write('intended.txt', 'intended\n');
  repository.git('add', '-N', 'intended.txt');
  repository.write('ignored/secret', 'secret\n');
  repository.write('.git/info/exclude', '.orch/\n');
  const script = STEP.trim().split('\n').join('\n      ');
  repository.write(
    '.orch/workflows/change.yaml',
    `name: change\nsteps:\n  all:\n    run: |\n      ${script}\n`,
  );
  return repository;
}

/** As people would look: what git says of the checkout. */
const statusOf = (repository: TestRepository) =>
  repository.git('status', '--porcelain=v2', '-z', '--untracked-files=all');

describe('a run in a checkout with uncommitted changes of every kind', () => {
  test('leaves HEAD, branch, index and stash alone, and a rollback brings the files back', async () => {
    using repository = makeCheckout();
    const files = workTreeListing(repository);
    const status = statusOf(repository);
    const before = userState(repository);

    const { code, run, stderr } = await runToEnd(repository, 'run', 'change');
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect(userState(repository)).toBe(before);
    const changed = workTreeListing(repository);
    expect(changed).not.toBe(files);

    // Wave 0 is what plain git would have added, and the last checkpoint what is there now.
    expect(listing(repository, `orch/${run}~1`)).toBe(files);
    expect(listing(repository, `orch/${run}`)).toBe(changed);

    const { document } = await runOrchJson(['rollback', '--to', '0'], { cwd: repository.top });
    const { rescue, tree } = document as { rescue: string; tree: string };
    expect(userState(repository)).toBe(before);
    expect(workTreeListing(repository)).toBe(files);
    expect(statusOf(repository)).toBe(status);
    expect(listing(repository, tree)).toBe(files);
    expect(listing(repository, rescue)).toBe(changed);

    expect(readFileSync(repository.path('ignored/secret'), 'utf8')).toBe('secret\nmore\n');
    expect(lstatSync(repository.path('plain.sh')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(repository.path('link'))).toBe('staged.txt');
    expect(existsSync(repository.path('new'))).toBe(false);
    expect(repository.git('stash', 'list')).not.toBe('');
    expect(repository.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  test('the tree id of wave 0 is that of the files after the rollback, and forward again', async () => {
    using repository = makeCheckout();
    const { run } = await runToEnd(repository, 'run', 'change');
    const changed = workTreeListing(repository);
    const before = userState(repository);
    const back = await runOrchJson(['rollback', run, '--to', '0'], { cwd: repository.top });
    // What the next rollback pins is the work tree as orch sees it: the same tree, to the bit.
    const forward = await runOrchJson(['rollback', run, '--to', '1'], { cwd: repository.top });
    const [{ tree }, { rescue }] = [back.document, forward.document] as [
      { tree: string },
      { rescue: string },
    ];
    expect(repository.git('rev-parse', `${rescue}^{tree}`)).toBe(tree);
    expect(workTreeListing(repository)).toBe(changed);
    expect(userState(repository)).toBe(before);
  });

  test('a failing run leaves them alone too', async () => {
    using repository = makeCheckout();
    repository.write(
      '.orch/workflows/change.yaml',
      'name: change\nsteps:\n  all: { run: "rm -r *; exit 1" }\n',
    );
    const files = workTreeListing(repository);
    const before = userState(repository);
    expect((await runOrch(['run', 'change'], { cwd: repository.top })).code).toBe(1);
    expect(userState(repository)).toBe(before);
    expect(workTreeListing(repository)).not.toBe(files);
    await runOrch(['rollback', '--to', '0'], { cwd: repository.top });
    expect(workTreeListing(repository)).toBe(files);
    expect(userState(repository)).toBe(before);
  });
});
