/**
 * Which files git would ignore: gitignore(5), on bytes.
 *
 * Written here because tree ids must be the same as git's: isomorphic-git's own check compares
 * without regard to case, and reads every .gitignore again for each file.
 */
import type { BytePath } from '../byte-paths.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly isNegated: boolean;
  readonly isForFolders: boolean;
  /** Matches the last part of a path only. */
  readonly isForNames: boolean;
}

/** The rules of one file, and where it lies: `` or `folder`. */
export interface IgnoreFile {
  readonly folder: BytePath;
  readonly rules: readonly Rule[];
}

/** @param text one character for each byte */
export function parseIgnoreFile(folder: BytePath, text: string): IgnoreFile {
  const lines = text.replace(/^\xef\xbb\xbf/, '').split('\n');
  return { folder, rules: lines.flatMap((line) => parseRule(line.replace(/\r$/, '')) ?? []) };
}

/**
 * Whether a path is ignored by itself; a folder above it that is ignored is the caller's business.
 * @param files from the top down; later ones win, and in a file later lines
 */
export function isIgnored(
  files: readonly IgnoreFile[],
  path: BytePath,
  isFolder: boolean,
): boolean {
  for (let i = files.length - 1; i >= 0; i -= 1) {
    const file = files[i];
    if (file === undefined) continue;
    const relative = file.folder === '' ? path : path.slice(file.folder.length + 1);
    const name = relative.slice(relative.lastIndexOf('/') + 1);
    const rule = file.rules.findLast(
      ({ pattern, isForFolders, isForNames }) =>
        (!isForFolders || isFolder) && pattern.test(isForNames ? name : relative),
    );
    if (rule !== undefined) return !rule.isNegated;
  }
  return false;
}

function parseRule(line: string): Rule | undefined {
  if (line.startsWith('#')) return undefined;
  let glob = trimUnescapedSpaces(line);
  const isNegated = glob.startsWith('!');
  if (isNegated) glob = glob.slice(1);
  const isForFolders = glob.endsWith('/');
  if (isForFolders) glob = glob.slice(0, -1);
  if (glob === '') return undefined;
  const isForNames = !glob.includes('/');
  if (glob.startsWith('/')) glob = glob.slice(1);
  const source = globToRegExp(glob);
  if (source === undefined) return undefined;
  return { pattern: new RegExp(`^${source}$`, 's'), isNegated, isForFolders, isForNames };
}

/** A space at the end counts only behind a backslash. */
function trimUnescapedSpaces(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === ' ' && line[end - 2] !== '\\') end -= 1;
  return line.slice(0, end);
}

/** wildmatch with WM_PATHNAME. @returns undefined for a pattern that can match nothing */
function globToRegExp(glob: string): string | undefined {
  let source = '';
  for (let i = 0; i < glob.length; ) {
    const rest = glob.slice(i);
    const isAtStart = i === 0 || glob[i - 1] === '/';
    if (isAtStart && rest.startsWith('**/')) {
      source += '(?:.*/)?';
      i += 3;
    } else if (isAtStart && rest === '**') {
      source += '.*';
      i += 2;
    } else if (rest[0] === '*') {
      source += '[^/]*';
      i += /^\*+/.exec(rest)?.[0].length ?? 1;
    } else if (rest[0] === '?') {
      source += '[^/]';
      i += 1;
    } else if (rest[0] === '[') {
      const set = parseSet(rest);
      if (set === undefined) return undefined;
      source += set.source;
      i += set.length;
    } else if (rest[0] === '\\') {
      if (rest.length === 1) return undefined;
      source += escapeCharacter(rest[1] ?? '');
      i += 2;
    } else {
      source += escapeCharacter(rest[0] ?? '');
      i += 1;
    }
  }
  return source;
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/** `[a-z]`, `[!x]`, `[^x]`, `[]x]`, `[[:digit:]]`; never matches a `/`. */
function parseSet(text: string): { readonly source: string; readonly length: number } | undefined {
  let i = 1;
  const isNegated = text[i] === '!' || text[i] === '^';
  if (isNegated) i += 1;
  let body = '';
  for (let isFirst = true; isFirst || text[i] !== ']'; isFirst = false) {
    if (i >= text.length) return undefined;
    const named = /^\[:([a-z]*):\]/.exec(text.slice(i));
    if (named !== null) {
      const members = CLASSES[named[1] ?? ''];
      if (members === undefined) return undefined;
      body += members;
      i += named[0].length;
      continue;
    }
    const from = readMember(text, i);
    const isRange =
      text[from.end] === '-' && text[from.end + 1] !== ']' && from.end + 1 < text.length;
    if (!isRange) {
      body += escapeCharacter(from.character);
      i = from.end;
      continue;
    }
    const to = readMember(text, from.end + 1);
    // A range that runs backwards has no members.
    if (from.character <= to.character) {
      body += `${escapeCharacter(from.character)}-${escapeCharacter(to.character)}`;
    }
    i = to.end;
  }
  const members = isNegated ? `[^${body}]` : body === '' ? '(?!)' : `[${body}]`;
  return { source: `(?!/)${members}`, length: i + 1 };
}

function readMember(
  text: string,
  at: number,
): { readonly character: string; readonly end: number } {
  const isEscaped = text[at] === '\\';
  const position = isEscaped ? at + 1 : at;
  return { character: text[position] ?? '', end: position + 1 };
}

const escapeCharacter = (character: string) =>
  /[\w]/.test(character)
    ? character
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
