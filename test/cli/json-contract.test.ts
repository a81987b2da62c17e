/**
 * The contract with scripts: with --json, stdout holds exactly one document (or one a line) whatever
 * happens; without it, people read on stderr what went wrong and what to type next. Both end with the
 * exit code of the error, and neither shows a stack without --debug.
 */
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { InvalidFileError, OrchError } from '../../src/base/errors.ts';
import { createContext } from '../../src/cli/context.ts';
import { reportError } from '../../src/cli/errors.ts';
import { runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { makeWorld } from '../rig/world.ts';

describe('a wrong command line', () => {
  test.for([
    { name: 'no command', args: [], message: 'orch needs a command', fix: 'orch --help' },
    {
      name: 'a misspelt command',
      args: ['complition'],
      message: "unknown command 'complition'",
      fix: 'did you mean "completion"?',
    },
    {
      name: 'an unknown command',
      args: ['xyzzy'],
      message: "unknown command 'xyzzy'",
      fix: 'orch --help',
    },
    {
      name: 'help for a misspelt command',
      args: ['help', 'complition'],
      message: "unknown command 'complition'",
      fix: 'did you mean "completion"?',
    },
    {
      name: 'an unknown command that asks for help',
      args: ['xyzzy', '--help'],
      message: "unknown command 'xyzzy'",
      fix: 'orch --help',
    },
    {
      name: 'a misspelt option',
      args: ['completion', 'bash', '--quite'],
      message: "unknown option '--quite'",
      fix: 'did you mean "--quiet"?',
    },
    {
      name: 'a missing argument',
      args: ['completion'],
      message: "missing required argument 'shell'",
      fix: 'orch completion --help',
    },
    {
      name: 'a value that is not among the choices',
      args: ['completion', 'tcsh'],
      message: "value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish",
      fix: 'orch completion --help',
    },
    {
      name: 'too many arguments',
      args: ['completion', 'bash', 'zsh'],
      message: "too many arguments for 'completion'. Expected 1 argument but got 2",
      fix: 'orch completion --help',
    },
    {
      name: 'a folder that is not there',
      args: ['-C', 'no/such', 'completion', 'bash'],
      message: '-C: there is no folder "no/such"',
      fix: 'give -C the path of an existing folder',
    },
  ])('$name ends with 2 and one JSON document', async ({ args, message, fix }) => {
    const { code, document, stderr } = await runOrchJson(args);
    const nowhere = { file: null, line: null, column: null };
    expect(document).toEqual({ error: { code: 'ORCH_USAGE', message, fix, ...nowhere } });
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  });

  test('people read it on stderr, with what to type next', async () => {
    const { code, stdout, stderr } = await runOrch(['complition']);
    expect(stderr).toBe(
      'orch: unknown command \'complition\'\n  fix: did you mean "completion"? [ORCH_USAGE]\n',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('called with nothing, it shows its help to people, and still ends with 2', async () => {
    const { code, stdout, stderr } = await runOrch([]);
    expect(stderr).toMatch(/^Usage: orch \[options\] <command>/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('global options', () => {
  test.for([
    [['--json', 'completion', 'bash']],
    [['completion', '--json', 'bash']],
    [['completion', 'bash', '--json']],
  ] as const)('--json is heard anywhere: %j', async ([args]) => {
    const { code, stdout } = await runOrch(args);
    expect(JSON.parse(stdout)).toHaveProperty('shell', 'bash');
    expect(code).toBe(0);
  });

  test.for([
    { args: ['--version'], key: 'version' },
    { args: ['--help'], key: 'help' },
    { args: ['completion', '--help'], key: 'help' },
  ])('$args is a document too', async ({ args, key }) => {
    const { code, document } = await runOrchJson(args);
    expect(document).toHaveProperty(key);
    expect(code).toBe(0);
  });
});

describe('telling an error', () => {
  const spot = { file: 'ci.yml', line: 7, column: 5 };
  const diagnostic = { code: 'ORCH_USAGE', what: 'no such step', fix: 'name one', spot } as const;
  const second = { ...diagnostic, what: 'no such gate', spot: { ...spot, line: 9 } };
  const invalid = new InvalidFileError([diagnostic, second], 'both, drawn with carets');

  /** What a command leaves behind when it throws. */
  function told(error: unknown, options: { json?: boolean; debug?: boolean }) {
    const world = makeWorld();
    const code = reportError(error, createContext(world, options));
    return { code, stdout: world.stdout.text, stderr: world.stderr.text };
  }

  test('a file with mistakes shows the drawn text to people, and every place to scripts', () => {
    expect(told(invalid, {})).toEqual({ code: 2, stdout: '', stderr: 'both, drawn with carets\n' });
    const { stdout } = told(invalid, { json: true });
    const fields = { code: 'ORCH_USAGE', fix: 'name one', file: 'ci.yml', column: 5 };
    expect(JSON.parse(stdout)).toEqual({
      error: { ...fields, message: 'no such step', line: 7 },
      errors: [
        { ...fields, message: 'no such step', line: 7 },
        { ...fields, message: 'no such gate', line: 9 },
      ],
    });
  });

  test('a bug is named as one, without a stack', () => {
    const { code, stderr } = told(new TypeError('x is not a function'), {});
    expect(code).toBe(1);
    expect(stderr).toContain('this is a bug in orch: x is not a function');
    expect(stderr).toContain('--debug');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('--debug shows the stack of what came first', () => {
    const cause = new RangeError('deep down');
    const error = new OrchError('ORCH_USAGE', 'on top', { fix: 'look below', cause });
    expect(told(error, { debug: true }).stderr).toMatch(/RangeError: deep down\n\s+at /);
    const { stdout } = told(error, { debug: true, json: true });
    expect(JSON.parse(stdout)).toHaveProperty('error.stack');
  });

  test('a thrown value that is no error is told as well', () => {
    expect(told('just text', {}).stderr).toContain('this is a bug in orch: just text');
  });

  test.for(['ENOSPC', 'EROFS', 'EACCES', 'EMFILE'])('%s is the system, not a bug', (errno) => {
    const error = Object.assign(new Error(`${errno}: no`), { code: errno });
    const { code, stdout } = told(error, { json: true });
    expect(JSON.parse(stdout)).toHaveProperty('error.code', 'ORCH_SYSTEM');
    expect(code).toBe(3);
  });

  test('an error cannot drive the terminal', () => {
    const error = new OrchError('ORCH_USAGE', 'step "\x1b]0;owned\x07\x1b[2J"', {
      fix: 'rename\r',
    });
    expect(told(error, {}).stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  });
});

test('a reader that goes away early ends it quietly', async () => {
  const child = startOrch(['completion', 'bash']);
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
});
