/** The help of every command: what it says of options, and what of the program's insides it must not. */
import { expect, test } from 'vitest';
import { createContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';

const silent = { write: () => {}, isTty: false, columns: undefined };
const program = buildProgram(
  createContext({
    cwd: '/',
    env: {},
    stdout: silent,
    stderr: silent,
    packageRoot: '/',
    version: () => '',
    endWithoutReader: () => {},
    loadPorts: () => Promise.reject(new Error('help needs no ports')),
  }),
  () => {},
);
/** Lines are wrapped: what is looked for is in one piece again. */
const helpOf = (name: string) =>
  program.commands
    .find((command) => command.name() === name)
    ?.helpInformation()
    .replaceAll(/\s+/g, ' ') ?? '';

test.for(program.commands.map((command) => command.name()))('of %s', (name) => {
  const help = helpOf(name);
  expect(help).toContain('-h, --help show this help');
  expect(help).not.toMatch(/default: (\{\}|\[\])|help for a command/);
});

test.for(['run', 'plan'])('of %s lists what its options can be', (name) => {
  expect(helpOf(name)).toContain('(choices: "in-place", "isolated")');
  expect(helpOf(name)).toContain('(choices: "auto", "progressive", ');
  expect(helpOf(name)).toContain(`Usage: orch ${name} [options] <workflow>`);
});

test('of init says what --yes is for', () => {
  expect(helpOf('init')).toContain('-y, --yes accepted for scripts; init never asks');
});
