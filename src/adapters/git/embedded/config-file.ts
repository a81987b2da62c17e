/**
 * Git's settings without git: enough of gitconfig(5) to see whether the embedded git may be used, and
 * whose name commits carry. Included files are not read; whoever sees `include` refuses.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hasErrno } from '../../../base/errors.ts';

/** `core.autocrlf` in lower case (a subsection keeps its own) to the last value that was set. */
export type Settings = ReadonlyMap<string, string>;

/** Later files win, as in git: system, user, repository. */
export function readSettings(gitDir: string): Settings {
  const settings = new Map<string, string>();
  for (const file of settingsFiles(gitDir)) {
    const text = readIfThere(file);
    if (text !== undefined) addSettings(settings, text);
  }
  return settings;
}

function settingsFiles(gitDir: string): string[] {
  const { env } = process;
  const system = env['GIT_CONFIG_NOSYSTEM'] ? [] : [env['GIT_CONFIG_SYSTEM'] ?? '/etc/gitconfig'];
  const global = env['GIT_CONFIG_GLOBAL'];
  const user =
    global !== undefined ? [global] : [join(userFolder(), 'config'), join(homedir(), '.gitconfig')];
  return [...system, ...user, join(gitDir, 'config')];
}

/** Where git looks for `config`, `ignore` and `attributes` of the user. */
export function userFolder(): string {
  return join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'git');
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}

/** Reads what git writes and people usually write; values may be quoted and continued by `\`. */
export function addSettings(settings: Map<string, string>, text: string): void {
  let section = '';
  for (const raw of text.replace(/\\\r?\n/g, '').split(/\r?\n/)) {
    let line = raw.trim();
    const header = /^\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (header !== null) {
      const subsection = header[2] === undefined ? '' : `.${header[2].replace(/\\(.)/g, '$1')}`;
      section = `${(header[1] ?? '').toLowerCase()}${subsection}`;
      line = line.slice(header[0].length).trim();
    }
    const entry = /^([A-Za-z][\w-]*)\s*(?:=\s*(.*))?$/.exec(line);
    if (entry === null) continue;
    const name = `${section}.${(entry[1] ?? '').toLowerCase()}`;
    // A name alone means true.
    settings.set(name, entry[2] === undefined ? 'true' : parseValue(entry[2]));
  }
}

function parseValue(text: string): string {
  let value = '';
  /** Blanks at the end do not count, unless they are quoted or escaped. */
  let length = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i] ?? '';
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\') {
      i += 1;
      value += { n: '\n', t: '\t', b: '\b' }[text[i] ?? ''] ?? text[i] ?? '';
      length = value.length;
    } else if (!isQuoted && (character === '#' || character === ';')) break;
    else {
      value += character;
      if (isQuoted || !/\s/.test(character)) length = value.length;
    }
  }
  return value.slice(0, length);
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(true|yes|on|[1-9]\d*)$/i.test(value);
}

export function isFalse(value: string | undefined): boolean {
  return value !== undefined && /^(false|no|off|0|)$/i.test(value);
}
