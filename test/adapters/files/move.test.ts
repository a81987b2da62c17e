/** A move across file systems, which is a copy and a deletion, and can be killed between any two steps. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { move, moveByCopy } from '../../../src/adapters/files/move.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

function makeTree(folder: string): void {
  mkdirSync(join(folder, 'deep/er'), { recursive: true });
  writeFileSync(join(folder, '.first'), 'first');
  writeFileSync(join(folder, 'deep/er/last'), 'last');
  symlinkSync('nowhere', join(folder, 'link'));
}

test('a copy takes the place of what it was made of, links as links', () => {
  const folder = makeTemporaryFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  makeTree(from);
  moveByCopy(from, to);
  expect(existsSync(from)).toBe(false);
  expect(readFileSync(join(to, 'deep/er/last'), 'utf8')).toBe('last');
  expect(readlinkSync(join(to, 'link'))).toBe('nowhere');
});

test('killed while the source is deleted, the whole copy stays', () => {
  const folder = makeTemporaryFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  makeTree(to);
  // What is left of the source has lost its first names already.
  mkdirSync(`${from}.orch-old/deep/er`, { recursive: true });
  move(from, to);
  expect(readFileSync(join(to, '.first'), 'utf8')).toBe('first');
  expect(existsSync(`${from}.orch-old`)).toBe(false);
});

test('killed while it copied, it begins anew from the source, which is whole', () => {
  const folder = makeTemporaryFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  makeTree(from);
  mkdirSync(`${to}.orch-part/stale`, { recursive: true });
  moveByCopy(from, to);
  expect(existsSync(join(to, 'stale'))).toBe(false);
  expect(readFileSync(join(to, '.first'), 'utf8')).toBe('first');
  expect(existsSync(`${to}.orch-part`)).toBe(false);
});
