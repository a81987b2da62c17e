/** What a revision names, and what git's settings say: without git it must be what git itself says. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  addSettings,
  isFalse,
  isTrue,
  readSettings,
} from '../../../src/adapters/git/embedded/config-file.ts';
import { makeRepository } from '../../rig/repository.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { type Adapter, embedded, gitProgram } from './adapters.ts';

/** A merge, an annotated tag, a remote branch and a branch that has the name of a tag. */
function makeHistory() {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('a', '1\n');
  const first = repository.commitAll('first');
  repository.git('checkout', '-q', '-b', 'side/way');
  repository.write('b', '2\n');
  repository.commitAll('side');
  repository.git('checkout', '-q', 'main');
  repository.write('c', '3\n');
  repository.commitAll('second');
  repository.git('merge', '-q', '--no-ff', '-m', 'merge', 'side/way');
  repository.git('tag', 'light', first);
  repository.git('branch', 'light', 'HEAD~1');
  repository.git('update-ref', 'refs/remotes/origin/main', first);
  repository.git('update-ref', 'refs/orch/rescue/x/1', first);
  const blob = repository.git('rev-parse', 'HEAD:a');
  const tree = repository.git('rev-parse', 'HEAD^{tree}');
  return { repository, first, blob, tree };
}

describe.each<Adapter>([gitProgram, embedded])('$name', ({ open }) => {
  test('resolves a revision to what git rev-parse says, or to nothing', async () => {
    const { repository, first, blob, tree } = makeHistory();
    const port = await open(repository.top);
    const names = [
      ...['HEAD', '@', 'main', 'heads/main', 'refs/heads/main', 'side/way', 'origin/main'],
      ...[
        'light',
        'tags/light',
        'orch/rescue/x/1',
        'refs/orch/rescue/x/1',
        'nowhere',
        'refs/nowhere',
      ],
      ...[first, first.slice(0, 7), first.slice(0, 12), blob, tree, '0'.repeat(40), 'abcdef1234'],
    ];
    const suffixes = [
      ...['', '~', '~0', '~1', '~2', '~9', '^', '^0', '^1', '^2', '^3', '^2~1', '~1^', '^^'],
      ...['^{tree}', '^{commit}', '^{object}', '~1^{tree}', '^{tree}^{tree}', '^2^{commit}'],
    ];
    const oracle = (revision: string) => {
      const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', revision];
      const { status, stdout } = spawnSync('git', args, { cwd: repository.top, encoding: 'utf8' });
      const oid = stdout.trim().split('\n').at(-1) ?? '';
      // An id that is written out in full is believed by git without a look.
      const isThere = spawnSync('git', ['cat-file', '-e', oid], { cwd: repository.top });
      return status === 0 && isThere.status === 0 ? oid : null;
    };
    const said: string[] = [];
    const expected: string[] = [];
    for (const name of names) {
      for (const suffix of suffixes) {
        said.push(`${name}${suffix} ${await port.resolve(`${name}${suffix}`)}`);
        expected.push(`${name}${suffix} ${oracle(`${name}${suffix}`)}`);
      }
    }
    expect(said).toEqual(expected);
  }, 120_000);

  test('takes nothing for a revision that could be an option or a range', async () => {
    const { repository } = makeHistory();
    const port = await open(repository.top);
    for (const text of ['', '-q', '--all', 'main..HEAD', 'a b', 'ma*n', 'x^{blob}', '~', '^'])
      expect([text, await port.resolve(text)]).toEqual([text, null]);
  });
});

describe('settings read without git', () => {
  const TEXT = `
; a comment
[core]
\tautocrlf = input # behind it
\tEditor = "vi \\"x\\" # not a comment" ; one
\teol
[Remote "a b\\"c"]
\turl = one\\
two
\tfetch = +refs/heads/*:refs/remotes/a/*
[branch "Main"] merge = refs/heads/main
[user]
\tname = "  Ada  "
\temail = ada@example.org\\t
[user]
\tname = Grace
[empty]
\tvalue =
 not an entry
`;

  test('are those that git lists, the last one of each', () => {
    const file = join(makeTemporaryFolder(), 'config');
    writeFileSync(file, TEXT.replace(' not an entry\n', ''));
    const { stdout, status } = spawnSync('git', ['config', '-z', '--file', file, '--list']);
    expect(status).toBe(0);
    const listed = new Map<string, string>();
    for (const entry of stdout.toString().split('\0').filter(Boolean)) {
      const line = entry.indexOf('\n');
      if (line === -1) listed.set(entry, 'true');
      else listed.set(entry.slice(0, line), entry.slice(line + 1));
    }
    const settings = new Map<string, string>();
    addSettings(settings, TEXT);
    expect(settings).toEqual(listed);
  });

  test('of the repository win over those of the user, those over the system', () => {
    const folder = makeTemporaryFolder();
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write('system', '[a]\nx = system\ny = system\nz = system\n');
    write('user', '[a]\nx = user\ny = user\n');
    write('config', '[a]\nx = repository\n');
    const before = { ...process.env };
    onTestFinished(() => {
      process.env = before;
    });
    process.env['GIT_CONFIG_SYSTEM'] = join(folder, 'system');
    process.env['GIT_CONFIG_GLOBAL'] = join(folder, 'user');
    delete process.env['GIT_CONFIG_NOSYSTEM'];
    expect(Object.fromEntries(readSettings(folder))).toEqual({
      'a.x': 'repository',
      'a.y': 'user',
      'a.z': 'system',
    });
    process.env['GIT_CONFIG_NOSYSTEM'] = '1';
    process.env['GIT_CONFIG_GLOBAL'] = join(folder, 'missing');
    expect(Object.fromEntries(readSettings(folder))).toEqual({ 'a.x': 'repository' });
  });

  test('have the truths that git knows', () => {
    for (const text of ['true', 'Yes', 'on', '1', '17'])
      expect([isTrue(text), isFalse(text)]).toEqual([true, false]);
    for (const text of ['false', 'No', 'off', '0', ''])
      expect([isTrue(text), isFalse(text)]).toEqual([false, true]);
    expect([isTrue('input'), isFalse('input'), isTrue(undefined), isFalse(undefined)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});
