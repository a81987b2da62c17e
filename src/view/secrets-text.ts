/** Places that look like secrets, for people: where, by which rule, and what to do about them. */
import { plural, stripControl } from '../base/text.ts';
import type { SecretPlace } from '../run/events.ts';

const NAMED_MAX = 5;

/** `deploy.env:3 (aws), keys/id.pem:1 (privatekey) and 2 others` */
export function secretsText(places: readonly SecretPlace[]): string {
  const named = places
    .slice(0, NAMED_MAX)
    .map(({ path, line, rule }) => `${stripControl(path)}:${line} (${stripControl(rule)})`)
    .join(', ');
  const more = places.length - NAMED_MAX;
  return more > 0 ? `${named} and ${plural(more, 'other')}` : named;
}

export const SECRET_REMEDY =
  'take it out, or put "secretlint-disable-line" into a comment of that line, or write secrets: warn';
