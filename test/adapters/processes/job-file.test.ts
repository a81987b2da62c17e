import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatHandover,
  formatJobFile,
  quoteForShell,
} from '../../../src/adapters/processes/job-file.ts';
import { OrchError } from '../../../src/base/errors.ts';
import { findShells } from '../../rig/shells.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

/** Any text a program can be given: all of Unicode but NUL, with what shells find special more often. */
const anyText = fc
  .string({
    unit: fc.oneof(
      { weight: 3, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(...'\'"\\$`!*?[~#&|;<>() \n\t\r{}=-%', 'ぁ', '\u0081'),
      },
    ),
    maxLength: 60,
  })
  .filter((text) => !text.includes('\0'));
const anyName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/).map((name) => `V_${name}`);

describe.for(findShells())('read by $name', ({ command }) => {
  const run = (text: string, env: Record<string, string> = {}): Buffer => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'job'), text);
    const [shell = '', ...args] = command;
    const script = '. "$1/job"';
    const { stdout, stderr } = spawnSync(shell, [...args, '-c', script, 'sh', folder], { env });
    expect(String(stderr)).toBe('');
    return stdout;
  };

  test('every environment and every script arrives byte for byte', () => {
    fc.assert(
      fc.property(
        fc.dictionary(anyName, anyText, { maxKeys: 4, noNullPrototype: true }),
        anyText,
        (env, argument) => {
          const script = `cat /proc/self/environ; printf %s ${quoteForShell(argument)}`;
          const output = run(formatJobFile({ cwd: '/', env, script })).toString();
          for (const [name, value] of Object.entries(env)) {
            expect(`\0${output}`).toContain(`\0${name}=${value}\0`);
          }
          expect(output.slice(output.lastIndexOf('\0') + 1)).toBe(argument);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('names that a shell keeps for itself do not stop the job', () => {
    const names = ['UID', 'EUID', 'PPID', 'OPTIND', 'SECONDS', 'IFS', 'BASHOPTS', 'SHELLOPTS', '_'];
    const env = Object.fromEntries(names.map((name) => [name, '7']));
    expect(run(formatJobFile({ cwd: '/', env, script: 'echo ran' })).toString()).toBe('ran\n');
  });

  test('a job does not get what is unset, unless it is set anew', () => {
    const job = {
      cwd: '/',
      unset: ['HOME', 'LANG', 'NOT_SET', 'no name'],
      env: { LANG: 'C' },
      script: 'echo "$LANG ${HOME-unset} $KEPT"',
    };
    const inherited = { HOME: '/root', LANG: 'de_DE', KEPT: 'kept' };
    expect(run(formatJobFile(job), inherited).toString()).toBe('C unset kept\n');
  });

  test('the handover of every directory is undone by printf %b', () => {
    const [shell = '', ...args] = command;
    fc.assert(
      fc.property(anyText, (directory) => {
        const line = formatHandover('key', `/${directory}`);
        expect(line).toMatch(/^key [\x21-\x7e]+\n$/);
        const script = `IFS=' ' read -r key dir; dir=$(printf '%b.' "$dir"); dir=\${dir%.}; printf %s "$dir"`;
        const { stdout } = spawnSync(shell, [...args, '-c', script], { input: line });
        expect(stdout.toString()).toBe(`/${directory}`);
      }),
      { numRuns: 60 },
    );
  });
});

test.for(['', '1A', 'A B', 'A-B', 'A=B', 'A\n', '$(reboot)', 'é'])(
  'the environment name %j is refused with the way out',
  (name) => {
    expect(() => formatJobFile({ cwd: '/', env: { [name]: 'x' }, script: ':' })).toThrow(
      expect.objectContaining({
        code: 'ORCH_INVALID_JOB',
        fix: expect.stringContaining('letters'),
      }),
    );
  },
);

test('a NUL character anywhere is refused, because nothing could carry it', () => {
  const good = { cwd: '/', env: { A: 'x' }, script: ':' };
  for (const bad of [{ cwd: '/\0' }, { env: { A: '\0' } }, { script: '\0' }]) {
    expect(() => formatJobFile({ ...good, ...bad })).toThrow(OrchError);
  }
});

test('a key of more than one word is a bug, and stops here', () => {
  for (const key of ['', 'a b', 'a\n']) expect(() => formatHandover(key, '/')).toThrow(/one word/);
});

test.for([
  { script: '/bin/true', plain: true },
  { script: './report.sh --all src/a.ts\n', plain: true },
  { script: 'node_modules/.bin/tsc -p .', plain: true },
  { script: 'echo hello', plain: false }, // echo is the shell's own.
  { script: 'A=1 ./report.sh', plain: false },
  { script: './report.sh *.ts', plain: false },
  { script: './report.sh "$HOME"', plain: false },
  { script: './a.sh; ./b.sh', plain: false },
  { script: './a.sh\n./b.sh', plain: false },
  { script: '~/bin/x', plain: false },
])(
  'a program given by its path is started without a shell: $script ($plain)',
  ({ script, plain }) => {
    const text = formatJobFile({ cwd: '/', env: {}, script });
    expect(text.includes("exec /bin/sh -c '")).toBe(!plain);
    if (plain) expect(text).toContain(`exec ${script.trim()}\n`);
  },
);
