/** The decisions around a rollback and an accept: pure, so every case is a line. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { choosePathsToWrite } from '../../src/checkpoint/accept.ts';
import { editedSince, namePaths, type PathChange } from '../../src/checkpoint/rollback.ts';

type Files = Readonly<Record<string, string>>;

/** As git would tell the difference of two trees; content stands for the object id. */
function diff(from: Files, to: Files): PathChange[] {
  const paths = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return paths
    .filter((path) => from[path] !== to[path])
    .map((path) => ({
      path,
      oldMode: path in from ? '100644' : '000000',
      newMode: path in to ? '100644' : '000000',
      oldOid: from[path] ?? '0',
      newOid: to[path] ?? '0',
    }));
}

describe('editedSince', () => {
  const from = { same: 's', changed: 'old', deleted: 'd' };
  const to = { same: 's', changed: 'new', added: 'a' };
  const edited = (now: Files) => editedSince(diff(from, to), diff(now, to));

  test.for<{ name: string; now: Files; paths: string[] }>([
    { name: 'nothing was restored yet', now: from, paths: [] },
    { name: 'all was restored', now: to, paths: [] },
    { name: 'half was restored', now: { same: 's', changed: 'new', deleted: 'd' }, paths: [] },
    { name: 'a file of neither tree', now: { ...from, mine: 'm' }, paths: ['mine'] },
    { name: 'an edit', now: { ...from, changed: 'mine' }, paths: ['changed'] },
    { name: 'an edit of what did not differ', now: { ...from, same: 'mine' }, paths: ['same'] },
    { name: 'a deletion', now: { changed: 'old', deleted: 'd' }, paths: ['same'] },
    { name: 'the record of a run', now: { ...from, '.orch/runs/x/run.json': 'r' }, paths: [] },
  ])('$name', ({ now, paths }) => {
    expect(edited(now)).toEqual(paths);
  });

  const files = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2', '3'));
  test('any mix of the two trees is a restore half done, and nothing else is', () => {
    fc.assert(
      fc.property(files, files, files, (before, target, now) => {
        const all = ['a', 'b', 'c', 'd'];
        const foreign = all.filter(
          (path) => now[path] !== before[path] && now[path] !== target[path],
        );
        expect(editedSince(diff(before, target), diff(now, target))).toEqual(foreign);
      }),
    );
  });
});

describe('choosePathsToWrite', () => {
  const base = { kept: '0', gone: 'g' };
  const stand = { kept: '1', made: 'm' };
  const choose = (head: Files, commit: Files, workTree: Files) =>
    [
      ...choosePathsToWrite({
        headToCommit: diff(head, commit),
        workTreeToCommit: diff(workTree, commit),
        workTreeToHead: diff(workTree, head),
        workTreeToCheckpoint: diff(workTree, stand),
      }),
    ].sort();

  test.for<{ name: string; head: Files; commit: Files; workTree: Files; paths: string[] }>([
    { name: 'as the run left it', head: base, commit: stand, workTree: stand, paths: [] },
    {
      name: 'edited since: left as it is',
      head: base,
      commit: stand,
      workTree: { kept: 'mine', made: 'm', new: 'n' },
      paths: [],
    },
    {
      name: 'one change taken back by hand: left as it is',
      head: base,
      commit: stand,
      workTree: { kept: '0', made: 'm' },
      paths: [],
    },
    {
      name: 'without any change of the run: all of them are written',
      head: base,
      commit: stand,
      workTree: { ...base, new: 'n' },
      paths: ['gone', 'kept', 'made'],
    },
    {
      name: 'HEAD has moved without its files: those nobody touched are written',
      head: { ...base, other: 'h' },
      commit: { ...stand, other: 'h' },
      workTree: stand,
      paths: ['other'],
    },
    {
      name: 'HEAD has moved with its files: they are there',
      head: { ...base, other: 'h' },
      commit: { ...stand, other: 'h' },
      workTree: { ...stand, other: 'h' },
      paths: [],
    },
    {
      name: 'HEAD has the result already, and more',
      head: { ...stand, more: 'h' },
      commit: { ...stand, more: 'h' },
      workTree: { ...stand, more: 'mine' },
      paths: [],
    },
  ])('$name', ({ head, commit, workTree, paths }) => {
    expect(choose(head, commit, workTree)).toEqual(paths);
  });

  const files = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2', '3'));
  test('what is written was in HEAD or in the checkpoint, so an edit is never written over', () => {
    fc.assert(
      fc.property(files, files, files, files, (head, commit, workTree, checkpoint) => {
        const chosen = choosePathsToWrite({
          headToCommit: diff(head, commit),
          workTreeToCommit: diff(workTree, commit),
          workTreeToHead: diff(workTree, head),
          workTreeToCheckpoint: diff(workTree, checkpoint),
        });
        for (const path of chosen) {
          const was = workTree[path];
          expect([head[path], checkpoint[path]]).toContain(was);
        }
      }),
    );
  });
});

test('names a few paths, harmlessly, and counts the rest', () => {
  expect(namePaths(['a', 'b\u001b[31m'], 5)).toBe('a, b\ufffd[31m');
  expect(namePaths(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
});
