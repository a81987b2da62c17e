/** The text of a new commit object: who, when, what. */
import type { CommitRequest } from '../../../ports/git.ts';
import { FALLBACK_IDENTITY } from '../write-commit.ts';
import type { Settings } from './config-file.ts';

export function formatCommit(request: CommitRequest, settings: Settings, now: Date): Buffer {
  const stamp = formatStamp(now);
  const lines = [
    `tree ${request.tree}`,
    ...request.parents.map((parent) => `parent ${parent}`),
    `author ${formatIdentity('author', settings)} ${stamp}`,
    `committer ${formatIdentity('committer', settings)} ${stamp}`,
  ];
  const message = request.message.endsWith('\n') ? request.message : `${request.message}\n`;
  return Buffer.from(`${lines.join('\n')}\n\n${message}`);
}

/** In the order in which git looks: environment, the role's setting, the user's setting. */
function formatIdentity(role: 'author' | 'committer', settings: Settings): string {
  const find = (field: 'name' | 'email') =>
    process.env[`GIT_${role.toUpperCase()}_${field.toUpperCase()}`] ||
    settings.get(`${role}.${field}`) ||
    settings.get(`user.${field}`) ||
    (field === 'email' ? process.env['EMAIL'] : undefined) ||
    FALLBACK_IDENTITY[field];
  // These characters would end the field.
  const clean = (text: string) => text.replace(/[<>\n\0]/g, '').trim();
  return `${clean(find('name'))} <${clean(find('email'))}>`;
}

/** Seconds since 1970 and the offset of the time zone, as in `1700000000 +0130`. */
function formatStamp(now: Date): string {
  const minutes = -now.getTimezoneOffset();
  const size = Math.abs(minutes);
  const digits = (value: number) => String(value).padStart(2, '0');
  const offset = `${digits(Math.floor(size / 60))}${digits(size % 60)}`;
  return `${Math.floor(now.getTime() / 1000)} ${minutes < 0 ? '-' : '+'}${offset}`;
}
