import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type SystemWatch, watchFolder } from '../../../src/adapters/files/watch.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

const exhausted: SystemWatch = () => {
  throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), {
    code: 'ENOSPC',
  });
};

/** A watch that counts its calls; `next` makes a change and waits until it is noticed. */
function countChanges(folder: string, startWatch?: SystemWatch) {
  let count = 0;
  const watch = watchFolder(folder, () => (count += 1), startWatch);
  onTestFinished(() => watch[Symbol.dispose]());
  return {
    watch,
    count: () => count,
    async next(change: () => void): Promise<void> {
      const before = count;
      change();
      await vi.waitFor(() => expect(count).toBeGreaterThan(before), { timeout: 10_000 });
    },
  };
}

describe.for([
  { name: 'with the notification of the system', startWatch: undefined },
  { name: 'with the limit of watches reached, by polling', startWatch: exhausted },
])('$name', ({ startWatch }) => {
  test('a new file, a changed one, a replaced one and a removed one are noticed', async () => {
    const folder = makeTemporaryFolder();
    const changes = countChanges(folder, startWatch);
    const file = join(folder, 'file');
    await changes.next(() => writeFileSync(file, 'a'));
    await changes.next(() => writeFileSync(file, 'ab'));
    writeFileSync(`${folder}.new`, 'cd');
    await changes.next(() => renameSync(`${folder}.new`, file));
    await changes.next(() => rmSync(file));
  });

  test('a folder that comes later, goes and comes again is noticed', async () => {
    const folder = join(makeTemporaryFolder(), 'later');
    const changes = countChanges(folder, startWatch);
    mkdirSync(folder);
    await changes.next(() => writeFileSync(join(folder, 'one'), ''));
    await changes.next(() => rmSync(folder, { recursive: true }));
    mkdirSync(folder);
    await changes.next(() => writeFileSync(join(folder, 'two'), ''));
  });
});

test('a watched folder that is replaced by another of its name is still watched', async () => {
  const folder = join(makeTemporaryFolder(), 'watched');
  mkdirSync(folder);
  const changes = countChanges(folder);
  await changes.next(() => rmSync(folder, { recursive: true }));
  mkdirSync(folder);
  await changes.next(() => writeFileSync(join(folder, 'file'), ''));
});

test('nothing is called after the watch was disposed of', async () => {
  const folder = makeTemporaryFolder();
  const disposed = countChanges(folder);
  const witness = countChanges(folder);
  disposed.watch[Symbol.dispose]();
  await witness.next(() => writeFileSync(join(folder, 'file'), ''));
  expect(disposed.count()).toBe(0);
});
