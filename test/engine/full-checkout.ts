/** A checkout with everything in it that a checkout can hold, and a step that touches all of it. */
import { chmodSync, symlinkSync, unlinkSync } from 'node:fs';
import { makeRepository, type TestRepository } from '../rig/repository.ts';

/** Touches every kind of file that the checkout holds, and makes new ones. */
export const CHANGE_ALL = `
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
export function makeFullCheckout(workspace = 'in-place'): TestRepository {
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
  const script = CHANGE_ALL.trim().split('\n').join('\n      ');
  repository.write(
    '.orch/workflows/change.yaml',
    `name: change\nworkspace: ${workspace}\nsteps:\n  all:\n    run: |\n      ${script}\n`,
  );
  return repository;
}

/** As people would look: what git says of the checkout. */
export const statusOf = (repository: TestRepository) =>
  repository.git('status', '--porcelain=v2', '-z', '--untracked-files=all');
