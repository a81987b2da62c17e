/**
 * A run in the user's own checkout, with everything in it that a checkout can hold: whatever the steps
 * do to the files, HEAD, branch, index and stash stay byte for byte as they were, and a rollback brings
 * the files back as they were before, with the state in between kept.
 */
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { runToEnd } from '../rig/runs.ts';
import { makeFullCheckout, statusOf } from './full-checkout.ts';
import { listing, userState, workTreeListing } from './history-stage.ts';

describe('a run in a checkout with uncommitted changes of every kind', () => {
  test('leaves HEAD, branch, index and stash alone, and a rollback brings the files back', async () => {
    using repository = makeFullCheckout();
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
    using repository = makeFullCheckout();
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
    using repository = makeFullCheckout();
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
