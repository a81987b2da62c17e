/** How a command is told to speak: colours, quiet, the folder, and text that cannot harm a terminal. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createContext, type GlobalOptions } from '../../src/cli/context.ts';
import { terminalSafe } from '../../src/cli/output.ts';
import { makeRecorder, makeWorld } from '../rig/world.ts';

interface Given {
  readonly tty?: boolean;
  readonly env?: Record<string, string>;
  readonly options?: GlobalOptions;
}

function contextOf({ tty = false, env = {}, options = {} }: Given) {
  const world = makeWorld({ env, stdout: makeRecorder(tty) });
  return { world, context: createContext(world, options) };
}

describe('colours', () => {
  test.for<Given & { name: string; color: boolean }>([
    { name: 'a terminal has them', tty: true, color: true },
    { name: 'a pipe has none', color: false },
    { name: 'NO_COLOR takes them away', tty: true, env: { NO_COLOR: '1' }, color: false },
    { name: 'an empty NO_COLOR says nothing', tty: true, env: { NO_COLOR: '' }, color: true },
    { name: 'FORCE_COLOR gives them to a pipe', env: { FORCE_COLOR: '1' }, color: true },
    { name: 'FORCE_COLOR=0 takes them', tty: true, env: { FORCE_COLOR: '0' }, color: false },
    {
      name: 'FORCE_COLOR is heard before NO_COLOR',
      env: { FORCE_COLOR: '1', NO_COLOR: '1' },
      color: true,
    },
    { name: 'a dumb terminal has none', tty: true, env: { TERM: 'dumb' }, color: false },
    {
      name: '--no-color has the last word',
      tty: true,
      env: { FORCE_COLOR: '1' },
      options: { color: false },
      color: false,
    },
    { name: 'JSON never has any', tty: true, options: { json: true }, color: false },
  ])('$name', ({ color, ...given }) => {
    expect(contextOf(given).context.color).toBe(color);
  });
});

describe('live progress', () => {
  test.for<Given & { name: string; live: boolean }>([
    { name: 'on a terminal', tty: true, live: true },
    { name: 'not into a pipe', live: false },
    { name: 'not into the log of a CI', tty: true, env: { CI: 'true' }, live: false },
    { name: 'CI=false is no CI', tty: true, env: { CI: 'false' }, live: true },
    { name: 'not with --quiet', tty: true, options: { quiet: true }, live: false },
    { name: 'not with --json', tty: true, options: { json: true }, live: false },
  ])('$name', ({ live, ...given }) => {
    expect(contextOf(given).context.live).toBe(live);
  });
});

describe('what goes where', () => {
  test('a result is text for people, and a document with --json', () => {
    const people = contextOf({});
    people.context.printResult(
      () => ({ steps: 2 }),
      () => '2 steps',
    );
    expect(people.world.stdout.text).toBe('2 steps\n');
    const script = contextOf({ options: { json: true } });
    script.context.printResult(
      () => ({ steps: 2 }),
      () => '2 steps',
    );
    expect(JSON.parse(script.world.stdout.text)).toEqual({ steps: 2 });
  });

  test('with --json, other text leaves stdout alone', () => {
    const { world, context } = contextOf({ options: { json: true } });
    context.print('wave 1 begins');
    context.printLine({ type: 'wave.started' });
    context.note('hint');
    expect(world.stdout.text).toBe('{"type":"wave.started"}\n');
    expect(world.stderr.text).toBe('wave 1 begins\nhint\n');
  });

  test('--quiet drops notes and keeps results', () => {
    const { world, context } = contextOf({ options: { quiet: true } });
    context.note('hint');
    context.print('done');
    expect([world.stdout.text, world.stderr.text]).toEqual(['done\n', '']);
  });

  test('-C counts from where orch was called', () => {
    const { context } = contextOf({});
    context.settle({ C: 'src/base' });
    expect(context.cwd).toMatch(/\/src\/base$/);
  });
});

describe('terminalSafe', () => {
  const harmful = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

  test('nothing is left that moves, asks or hides, whatever comes', () => {
    const nasty = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\x1b', '[', ']', '0', ';', 'm', '\x07', '\r', '\n', '\x9b', '\u202e'),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(nasty, (text) => {
        expect(terminalSafe(text, false)).not.toMatch(harmful);
        const styled = terminalSafe(text, true).replace(/\x1b\[[0-9;]*m/g, '');
        expect(styled).not.toMatch(harmful);
      }),
    );
  });

  test('words, lines, tabs and allowed styles stay as they are', () => {
    const text = 'a\tb\n\x1b[1;31mred\x1b[0m 日本語\n';
    expect(terminalSafe(text, true)).toBe(text);
    expect(terminalSafe(text, false)).toBe('a\tb\nred 日本語\n');
  });
});
