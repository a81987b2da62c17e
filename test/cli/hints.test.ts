/**
 * What messages tell people to type exists: every `orch <command> --option` in a text of the sources is
 * held against the tree of commands. Found by reading the sources, so that no message is forgotten.
 */
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { describeCommand, flattenCommands } from '../../src/cli/command-tree.ts';
import { createContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { makeWorld } from '../rig/world.ts';

const SHAPE = describeCommand(buildProgram(createContext(makeWorld()), () => {}));
/** The program itself stands under the empty name: its options are everyone's. */
const OPTIONS = new Map(
  flattenCommands(SHAPE).map(({ path, options }) => [path, options.flatMap(({ names }) => names)]),
);

interface Text {
  readonly where: string;
  readonly text: string;
  /** It is what an error or a finding says to type. */
  readonly isFix: boolean;
}

/** Stands for what a template fills in. */
const FILLED = '\u0000';
const FIX_NAMES = /^(fix|next|goOn|back|keep)$/;

function sources(): string[] {
  const names = readdirSync('src', { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => `src/${name}`);
}

function textsOf(path: string): Text[] {
  const content = readFileSync(path, 'utf8');
  if (!/\borch [a-z]/.test(content)) return [];
  const source = ts.createSourceFile(path, content, ts.ScriptTarget.Latest, true);
  const found: Text[] = [];
  const visit = (node: ts.Node, isFix: boolean): void => {
    const named = ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node);
    const inFix = isFix || (named && FIX_NAMES.test(node.name.getText()));
    const text = textOf(node);
    if (text !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push({ where: `${path}:${line + 1}`, text, isFix: inFix });
    }
    ts.forEachChild(node, (child) => visit(child, inFix));
  };
  visit(source, false);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head, ...node.templateSpans.map(({ literal }) => literal)]
    .map(({ text }) => text)
    .join(FILLED);
}

/** What is wrong with the commands that a text names; empty when they can be typed. */
function mistakesIn({ text, isFix, where }: Text): string[] {
  // "run orch in a container" and "that orch is started with" are not commands.
  const calls = text.matchAll(/(?<!run |that |which no )\borch ([a-z][a-z-]*)([^,;:|&>()`'\n]*)/g);
  return [...calls].flatMap(([call, name = '', rest = '']) => {
    // Of `orch persona add x` the first two words are the command.
    const [, second = ''] = /^ ([a-z][a-z-]*)/.exec(rest) ?? [];
    const known = OPTIONS.get(`${name} ${second}`) ?? OPTIONS.get(name);
    if (known === undefined) return isFix ? [`${where}: "${call}": no such command`] : [];
    const [line = ''] = rest.split(/ {2,}| orch /); // Examples have a text behind two spaces.
    const options = line.split(' ').filter((word) => /^--?[A-Za-z]/.test(word));
    return options
      .map((option) => option.replace(/[.=].*$/, ''))
      .filter((option) => !option.includes(FILLED))
      .filter((option) => !known.includes(option) && !OPTIONS.get('')?.includes(option))
      .map((option) => `${where}: "${call.trim()}": no option ${option}`);
  });
}

describe('commands that messages name', () => {
  test('exist, with the options they are named with', () => {
    const texts = sources().flatMap(textsOf);
    const named = texts.filter(({ text, isFix }) => isFix && /\borch [a-z]/.test(text));
    expect(named.length).toBeGreaterThan(40);
    expect(texts.flatMap(mistakesIn)).toEqual([]);
  });

  test.for([
    { name: 'an unknown option', text: 'or start anew with `orch run --since`; nothing' },
    { name: 'an unknown command', text: 'first: orch repair' },
    { name: 'the second of two', text: 'orch resume x, then: orch accept x --squeeze' },
  ])('would not be: $name', ({ text }) => {
    expect(mistakesIn({ text, isFix: true, where: 'x' })).toHaveLength(1);
  });
});
