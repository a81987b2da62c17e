/**
 * Laws of merges over random edits by two sides of a small tree: what does not meet is all there, what is
 * settled is nobody's invention, and nothing of the user's changes.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toText } from '../../../src/adapters/git/byte-paths.ts';
import { discoverRepository } from '../../../src/adapters/git/discover-repository.ts';
import { createGitCli } from '../../../src/adapters/git/git-cli.ts';
import type { GitContext } from '../../../src/adapters/git/git-program.ts';
import { readObjects } from '../../../src/adapters/git/read-objects.ts';
import { parseTree } from '../../../src/adapters/git/tree-edit.ts';
import type { MergeConflict } from '../../../src/ports/git.ts';
import { makeRepository, type TestRepository } from '../../rig/repository.ts';
import { userState } from './adapters.ts';
import { MARKER, text } from './merge-cases.ts';

type Files = Map<string, string>;

/** Undefined deletes; `-> x` is a symbolic link. */
type Edits = ReadonlyMap<string, string | undefined>;

const path = fc.constantFrom(
  'a',
  'b',
  'c',
  'd/a',
  'd/b',
  'd/e/a',
  'f',
  'f/a',
  'é "q"',
  'two\nlines',
);
const line = fc.integer({ min: 1, max: 9 });
const content = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(line, fc.constantFrom('X', 'Y')).map(([n, w]) => text({ [n]: w })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'small\n', 'no line end', '\0binary\0', '\0binary too'),
  },
  { weight: 1, arbitrary: fc.constantFrom('-> a', '-> d') },
);
const edits = fc
  .array(fc.tuple(path, fc.oneof({ weight: 3, arbitrary: content }, fc.constant(undefined))), {
    maxLength: 5,
  })
  .map((pairs): Edits => new Map(pairs));
const moves = fc.array(fc.tuple(path, path), { maxLength: 2 });
const base = fc
  .dictionary(path, content, { maxKeys: 7 })
  .map((files) => new Map(Object.entries(files)));

const isClash = (one: string, other: string) =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

/** A file makes room for a folder and a folder for a file, as on a disk. */
function put(files: Files, at: string, what: string | undefined): void {
  for (const each of [...files.keys()]) if (isClash(each, at)) files.delete(each);
  if (what !== undefined) files.set(at, what);
}

function applied(
  files: ReadonlyMap<string, string>,
  side: Edits,
  moved: [string, string][],
): Files {
  const result = new Map(files);
  for (const [from, to] of moved) {
    const what = result.get(from);
    if (what === undefined || from === to) continue;
    result.delete(from);
    put(result, to, what);
  }
  for (const [at, what] of side) {
    if (what !== undefined || result.has(at)) put(result, at, what);
  }
  return result;
}

function touched(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): string[] {
  return [...new Set([...from.keys(), ...to.keys()])].filter((at) => from.get(at) !== to.get(at));
}

/** Commits of these files, all with one process. */
function writeCommits(
  repository: TestRepository,
  versions: Readonly<Record<string, ReadonlyMap<string, string>>>,
): void {
  const commands: string[] = [];
  const data = (what: string) => `data ${Buffer.byteLength(what)}\n${what}\n`;
  const quoted = (at: string) => `"${at.replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  for (const [name, files] of Object.entries(versions)) {
    commands.push(
      `commit refs/laws/${name}\ncommitter A <a@b.c> 0 +0000\n${data(name)}deleteall\n`,
    );
    for (const [at, what] of files) {
      const isLink = what.startsWith('-> ');
      commands.push(`M ${isLink ? '120000' : '100644'} inline ${quoted(at)}\n`);
      commands.push(data(isLink ? what.slice(3) : what));
    }
  }
  const result = spawnSync('git', ['fast-import', '--quiet', '--force', '--date-format=raw'], {
    cwd: repository.top,
    input: commands.join(''),
  });
  if (result.status !== 0) throw new Error(result.stderr.toString());
}

/** Read as files: a process for each would take most of the time. */
async function readTree(context: GitContext, tree: string, prefix = ''): Promise<Files> {
  const files: Files = new Map();
  const content = (await readObjects(context, [tree])).get(tree)?.content ?? Buffer.of();
  for (const [name, { mode, oid }] of parseTree(content, context.oidLength)) {
    const at = prefix + toText(name);
    if (mode === '40000') {
      for (const [below, what] of await readTree(context, oid, `${at}/`)) files.set(below, what);
    } else {
      const what = (await readObjects(context, [oid])).get(oid)?.content.toString() ?? '';
      files.set(at, mode === '120000' ? `-> ${what}` : what);
    }
  }
  return files;
}

const sides = fc.record({ base, ours: edits, theirs: edits, ourMoves: moves, theirMoves: moves });
const runs = { numRuns: process.env['ORCH_LONG_TESTS'] ? 400 : 25 };

/** The favoured side's files are there, and nothing that neither side nor the merge has written. */
function checkSettled(
  settled: Files,
  versions: { readonly base: Files; readonly favored: Files; readonly other: Files },
  merged: Files,
  conflicts: readonly MergeConflict[],
): void {
  const { base, favored, other } = versions;
  const known = new Set([merged, favored, other].flatMap((files) => [...files.values()]));
  const contents = new Set(settled.values());
  for (const [at, what] of settled) {
    expect(at).not.toMatch(/~(OURS|THEIRS)/);
    expect(what).not.toMatch(MARKER);
    expect(known).toContain(what);
  }
  for (const { path: at } of conflicts) {
    if (favored.has(at)) expect(settled.get(at)).toBe(favored.get(at));
  }
  // What it alone has written is there, at its path or where the other side has moved it. A new file can
  // be one that it has moved, and then holds what the other side has made of the old one.
  const others = new Set(touched(base, other));
  const mine = touched(base, favored);
  const hasMoved = mine.some((at) => !favored.has(at) && others.has(at) && other.has(at));
  for (const at of mine) {
    const own = favored.get(at);
    const isMoved = hasMoved && !base.has(at);
    if (own !== undefined && !others.has(at) && !isMoved) expect(contents).toContain(own);
  }
}

test('merges of random edits', { timeout: 1_200_000 }, async () => {
  using repository = makeRepository();
  repository.write('mine', '1');
  repository.commitAll('mine');
  repository.write('mine', 'dirty');
  const context = await discoverRepository(repository.top);
  const port = createGitCli(context);
  const state = () => `${userState(repository)}\n${repository.git('status', '--porcelain')}`;
  const before = state();
  await fc.assert(
    fc.asyncProperty(sides, async (chosen) => {
      const base: Files = new Map();
      for (const [at, what] of chosen.base) put(base, at, what);
      const ours = applied(base, chosen.ours, chosen.ourMoves);
      const theirs = applied(base, chosen.theirs, chosen.theirMoves);
      writeCommits(repository, { base, ours, theirs });
      const oidOf = (name: string) =>
        readFileSync(repository.path(`.git/refs/laws/${name}`), 'utf8').trim();
      const commits = { base: oidOf('base'), ours: oidOf('ours'), theirs: oidOf('theirs') };
      const result = await port.mergeChanges(commits);
      const merged = await readTree(context, result.tree);
      const [mine, others] = [touched(base, ours), touched(base, theirs)];
      if (!mine.some((one) => others.some((other) => isClash(one, other)))) {
        const expected = new Map(ours);
        for (const at of others) if (!theirs.has(at)) expected.delete(at);
        for (const at of others) if (theirs.has(at)) put(expected, at, theirs.get(at));
        expect(result.conflicts).toEqual([]);
        expect(merged).toEqual(expected);
      }
      expect(result.isOpen).toBe(result.conflicts.length > 0);
      if (!result.isOpen) return;
      for (const favor of ['ours', 'theirs'] as const) {
        const settled = await port.mergeChanges({ ...commits, favor });
        expect(settled).toMatchObject({ conflicts: result.conflicts, isOpen: false });
        const [favored, other] = favor === 'ours' ? [ours, theirs] : [theirs, ours];
        const files = await readTree(context, settled.tree);
        checkSettled(files, { base, favored, other }, merged, result.conflicts);
      }
    }),
    runs,
  );
  expect(state()).toBe(before);
});
