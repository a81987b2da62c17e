import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFiles } from '../../../src/adapters/files/files.ts';
import { bundleProgram } from '../../rig/child-program.ts';
import { makeFaultyFiles } from '../../rig/faulty-files.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

const files = createFiles();
const here = import.meta.dirname;

describe('reading', () => {
  test('what is not there is undefined or empty, also below a file', () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'file'), 'x');
    for (const path of [join(folder, 'gone'), join(folder, 'file', 'below')]) {
      expect(files.read(path)).toBeUndefined();
      expect(files.readText(path)).toBeUndefined();
      expect(files.exists(path)).toBe(false);
      expect(files.size(path)).toBeUndefined();
      expect(files.modifiedAtMs(path)).toBeUndefined();
      expect(files.list(path)).toEqual([]);
      expect(() => files.remove(path)).not.toThrow();
    }
  });

  test('a listing is sorted and leaves out what a crash left half-written', () => {
    const folder = makeTemporaryFolder();
    for (const name of ['b', 'a', '.orch-12-3.tmp', '.hidden'])
      writeFileSync(join(folder, name), '');
    expect(files.list(folder)).toEqual(['.hidden', 'a', 'b']);
  });
});

describe('replace', () => {
  test('gives back any bytes, keeps the permissions and leaves nothing else', () => {
    const folder = makeTemporaryFolder();
    const path = join(folder, 'state');
    files.replace(path, 'old');
    chmodSync(path, 0o640);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10_000 }), (bytes) => {
        files.replace(path, bytes);
        expect(files.read(path)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 20 },
    );
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['state']);
  });

  test('works for a name as long as a name can be', () => {
    const path = join(makeTemporaryFolder(), 'n'.repeat(255));
    files.replace(path, 'x');
    expect(files.readText(path)).toBe('x');
  });

  test('steps around a temporary file that an earlier process left', () => {
    const folder = makeTemporaryFolder();
    for (let n = 0; n < 200; n += 1)
      writeFileSync(join(folder, `.orch-${process.pid}-${n}.tmp`), 'theirs');
    files.replace(join(folder, 'state'), 'mine');
    expect(files.readText(join(folder, 'state'))).toBe('mine');
    expect(readdirSync(folder)).toHaveLength(201);
  });

  test('replaces a link and leaves alone what it points to', () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'target'), 'precious');
    symlinkSync('target', join(folder, 'link'));
    files.replace(join(folder, 'link'), 'new');
    expect(files.readText(join(folder, 'target'))).toBe('precious');
    expect(files.readText(join(folder, 'link'))).toBe('new');
  });

  test('that fails passes the error on and leaves no temporary file', () => {
    const folder = makeTemporaryFolder();
    mkdirSync(join(folder, 'state', 'below'), { recursive: true });
    expect(() => files.replace(join(folder, 'state'), 'x')).toThrow(/EISDIR|ENOTEMPTY/);
    expect(() => files.replace(join(folder, 'gone', 'state'), 'x')).toThrow(/ENOENT/);
    expect(readdirSync(folder)).toEqual(['state']);
  });
});

describe('createExclusive', () => {
  test('is false for a taken name, and changes nothing', () => {
    const folder = makeTemporaryFolder();
    expect(files.createExclusive(join(folder, 'lock'), 'first')).toBe(true);
    expect(files.createExclusive(join(folder, 'lock'), 'second')).toBe(false);
    expect(files.readText(join(folder, 'lock'))).toBe('first');
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  test('of four processes racing for each of 100 names, exactly one gets it, whole', async () => {
    const folder = makeTemporaryFolder();
    const locks = join(folder, 'locks');
    mkdirSync(locks);
    const program = bundleProgram(join(here, 'race-program.ts'), folder);
    const racers = Array.from({ length: 4 }, (_, n) =>
      spawn(process.execPath, [program, locks, `racer ${n}`], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(racers.map((racer) => once(racer.stdout, 'data')));
    for (const racer of racers) racer.stdin.write('go\n');
    const wins = await Promise.all(
      racers.map(async (racer) => JSON.parse(String((await once(racer.stdout, 'data'))[0]))),
    );
    expect(wins.flat().sort()).toEqual(Array.from({ length: 100 }, (_, n) => `lock.${n}`).sort());
    wins.forEach((names: string[], n) => {
      for (const name of names) expect(files.readText(join(locks, name))).toBe(`racer ${n}`);
    });
    expect(readdirSync(locks)).toHaveLength(100);
  });
});

describe('append and truncate', () => {
  test('what is appended stands behind what was there, across opens', () => {
    const path = join(makeTemporaryFolder(), 'journal');
    for (const line of ['one\n', 'two\n']) {
      const file = files.openAppend(path);
      file.append(Buffer.from(line));
      file.close();
    }
    expect(files.readText(path)).toBe('one\ntwo\n');
    files.truncate(path, 4);
    expect(files.readText(path)).toBe('one\n');
  });

  test('an open file appends at the new end after a cut', () => {
    const path = join(makeTemporaryFolder(), 'journal');
    const file = files.openAppend(path);
    file.append(Buffer.from('torn'));
    files.truncate(path, 0);
    file.append(Buffer.from('whole'));
    file.close();
    expect(files.readText(path)).toBe('whole');
  });
});

describe('folders', () => {
  test('makes all levels, twice without harm, and removes them with all they hold', () => {
    const top = makeTemporaryFolder();
    files.makeFolder(join(top, 'a', 'b', 'c'));
    files.makeFolder(join(top, 'a', 'b', 'c'));
    files.replace(join(top, 'a', 'b', 'c', 'file'), 'x');
    files.remove(join(top, 'a'));
    expect(files.list(top)).toEqual([]);
  });

  test('removing a link leaves what it points to', () => {
    const top = makeTemporaryFolder();
    mkdirSync(join(top, 'kept'));
    symlinkSync('kept', join(top, 'link'));
    symlinkSync('nowhere', join(top, 'dangling'));
    files.remove(join(top, 'link'));
    files.remove(join(top, 'dangling'));
    expect(files.list(top)).toEqual(['kept']);
  });
});

test('on a full disk the old content stays, the errors pass through and no temporary file is left', (context) => {
  const folder = makeTemporaryFolder();
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const program = bundleProgram(join(here, 'full-disk-program.ts'), folder);
  const script = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1"';
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['-Urm', 'sh', '-c', script, 'sh', disk, process.execPath, program],
    { encoding: 'utf8' },
  );
  if (stdout === undefined || stdout === '')
    context.skip(`no small disk can be mounted here: ${stderr}`);
  expect(JSON.parse(stdout)).toEqual({
    failures: ['ENOSPC', 'ENOSPC', 'ENOSPC'],
    state: 'old',
    names: ['journal', 'state'],
    journalBytes: expect.any(Number),
  });
});

describe('crash points', () => {
  test('stand on both sides of every effect, and of nothing that was not needed', () => {
    const folder = makeTemporaryFolder();
    const program = bundleProgram(join(here, 'effects-program.ts'), folder);
    const record = join(folder, 'record');
    spawnSync(process.execPath, [program, join(folder, 'work')], {
      env: { ...process.env, ORCH_CRASH_RECORD: record },
      stdio: 'inherit',
    });
    const effects = [
      'folder make',
      'file replace',
      'file create',
      'file create',
      'journal append',
      'file truncate',
      'file remove',
    ];
    expect(files.readText(record)?.trimEnd().split('\n')).toEqual(
      effects.flatMap((effect) => [`${effect}:before`, `${effect}:after`]),
    );
  });
});

describe('the file system with faults', () => {
  test('counts changes, fails the one it was told to and works again', () => {
    const path = join(makeTemporaryFolder(), 'journal');
    const faulty = makeFaultyFiles(files, { call: 3, errno: 'ENOSPC', moment: 'short' });
    const file = faulty.openAppend(path);
    file.append(Buffer.from('one\n'));
    expect(() => file.append(Buffer.from('second\n'))).toThrow(
      expect.objectContaining({ code: 'ENOSPC' }),
    );
    expect(files.readText(path)).toBe('one\nsec');
    faulty.truncate(path, 4);
    file.close();
    expect(faulty.calls).toEqual([
      'open journal',
      'append journal',
      'append journal',
      'truncate journal',
    ]);
  });
});
