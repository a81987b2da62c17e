/**
 * What the documents name is there: files, links, scripts, commands and their options. And the house
 * on paper is the house that the border check holds.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { describeProgram } from '../../scripts/docs-source.ts';
import type { CommandShape } from '../../src/cli/command-tree.ts';

const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/guide.md',
  '.orch/project.md',
];

/** Made by a command, and perhaps not yet. */
const WRITTEN_BY_COMMANDS = ['bench/RESULTS.md'];

function read(page: string): string {
  return readFileSync(join(projectRoot, page), 'utf8');
}

/** What stands between single backticks, outside of code blocks. */
function codeIn(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** Lines that are typed at a prompt or begin with the name of a program. */
function commandLinesIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const typed = blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/^\$ /, ''));
  return [...typed, ...codeIn(text)]
    .map((line) => line.replace(/\s+#.*$/, ''))
    .flatMap((line) => line.split(/ && | & | \| |; /))
    .map((line) => line.trim());
}

describe.each(PAGES)('%s', (page) => {
  const text = read(page);

  test('names files and folders that exist', () => {
    const paths = codeIn(text).filter((code) =>
      /^(src|test|scripts|bench|bin|docs|templates|\.ci)\/[\w./-]*$/.test(code),
    );
    const missing = paths.filter((path) => !existsSync(join(projectRoot, path)));
    expect(missing.filter((path) => !WRITTEN_BY_COMMANDS.includes(path))).toEqual([]);
  });

  test('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
    const local = links.filter((link) => !/^https?:/.test(link));
    const from = dirname(join(projectRoot, page));
    expect(local.filter((link) => !existsSync(join(from, link)))).toEqual([]);
  });

  test('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = commandLinesIn(text).flatMap((line) => {
      const script = /^npm (?:run )?(?:--?\w+ )*(test|(?<=run )[\w:-]+)/.exec(line)?.[1];
      return script === undefined ? [] : [script];
    });
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  test('names commands and options that orch has', () => {
    expect(commandLinesIn(text).filter((line) => !isKnown(line))).toEqual([]);
  });
});

const program = describeProgram();
const globalOptions = flagsOf(program);

function flagsOf(command: CommandShape): string[] {
  return command.options.flatMap(({ flags }) => flags.match(/--?[\w-]+/g) ?? []);
}

/** True for everything that does not begin with `orch <command>`. */
function isKnown(line: string): boolean {
  const [name, ...words] = line.split(/\s+/);
  const [first = ''] = words;
  if (name !== 'orch' || !/^[a-z]/.test(first)) return true;
  if (first === 'help') return true;
  const command = program.commands.find(({ path }) => path === first);
  if (command === undefined) return false;
  const known = [...globalOptions, ...flagsOf(command), '--help'];
  return words.filter((word) => /^--?[a-z]/i.test(word)).every((word) => known.includes(word));
}

test('an unknown command or option is seen', () => {
  expect(isKnown('orch run check --no-cache')).toBe(true);
  expect(isKnown('orch ran check')).toBe(false);
  expect(isKnown('orch run check --caches')).toBe(false);
});

describe('ARCHITECTURE.md', () => {
  const page = read('ARCHITECTURE.md');
  const rooms = [...page.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, room = '']) => room);
  const planned = codeIn(/^Four rooms come .*$/m.exec(page)?.[0] ?? '');
  const isThere = (room: string) => existsSync(join(projectRoot, 'src', room));
  const { forbidden } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
    forbidden: { name: string }[];
  };
  const held = forbidden.flatMap(({ name }) => /^(?:order|apart)-(\w+)$/.exec(name)?.[1] ?? []);

  test('lists the rooms that there are, in the order that the border check holds', () => {
    const folders = readdirSync(join(projectRoot, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect([...rooms].sort()).toEqual(folders.sort());
    expect(rooms).toEqual(held.filter(isThere));
  });

  test('names the rooms to come, and only them, as such', () => {
    const missing = held.filter((room) => !isThere(room));
    expect(missing).toHaveLength(4);
    expect(missing.filter((room) => !planned.includes(room))).toEqual([]);
  });
});

test.each(['events.md', 'keys.md'])('docs/reference/%s says of everything what it is', (page) => {
  const rows = read(`docs/reference/${page}`).match(/^\| `.*$/gm) ?? [];
  // Of keys the fourth of five cells, of events the last of three.
  const whats = rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  expect(rows.length).toBeGreaterThan(80);
  expect(whats.filter((cells) => cells[page === 'keys.md' ? 4 : 3] === '')).toEqual([]);
});
