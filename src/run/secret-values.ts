/**
 * Which values are secrets that everybody knows to be some: those of variables whose name says so, in
 * every form in which a program is likely to print them.
 */
import { createRedactor, type Redactor } from '../base/redact.ts';
import type { Workflow } from '../workflow/workflow.ts';

type Variables = Readonly<Record<string, string>>;

/** Shorter ones would be taken out of words that have nothing to do with them. */
const MIN_CHARS = 8;

const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...['token', 'tokens', 'secret', 'secrets', 'password', 'passwords', 'passwd', 'passphrase'],
  ...['apikey', 'credential', 'credentials', 'auth'],
]);
/** Two words in a row. */
const SECRET_PAIRS: ReadonlySet<string> = new Set(['api key', 'access key', 'private key']);

/** `GITHUB_TOKEN`, `dbPassword`, `npm_config__auth`; not `AUTHOR`, `TOKENIZER` or `KEYBOARD`. */
export function hasSecretName(variable: string): boolean {
  const words = variable
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  return words.some(
    (word, at) => SECRET_WORDS.has(word) || SECRET_PAIRS.has(`${word} ${words[at + 1]}`),
  );
}

/** What a variable with a secret's name may hold all the same, and what could be anything. */
function isPlain(value: string): boolean {
  const isNumber = /^[+-]?\d+([.,]\d+)*$/.test(value);
  return isPath(value) || isNumber || /^(true|false)$/i.test(value);
}

/** Base64 may begin with a slash too; it mixes letters and digits as no name does. */
function isPath(value: string): boolean {
  if (!/^(~|\.{1,2})?(\/[\w.@ -]+)+\/?$/.test(value)) return false;
  const isMixed = (part: string) => /[A-Z]/.test(part) && /[a-z]/.test(part) && /\d/.test(part);
  return !value.split('/').some((part) => part.length >= 16 && isMixed(part));
}

/** @returns the values to be taken out, each in all its forms */
export function secretValues(variables: readonly (readonly [string, string])[]): string[] {
  const forms = new Set<string>();
  for (const [name, value] of variables) {
    if (!hasSecretName(name)) continue;
    const parts = value.includes('\n') ? [value, ...value.split(/\r?\n/)] : [value];
    for (const part of parts) {
      if (part.trim().length < MIN_CHARS || isPlain(part.trim())) continue;
      for (const form of formsOf(part)) forms.add(form);
    }
  }
  return [...forms];
}

function formsOf(value: string): string[] {
  const trimmed = value.trim();
  const bytes = Buffer.from(trimmed);
  return [
    trimmed,
    ...(trimmed === value ? [] : [Buffer.from(value).toString('base64')]),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    urlEncoded(trimmed),
    new URLSearchParams([['', trimmed]]).toString().slice(1), // As a form has it: a blank is a plus.
    JSON.stringify(trimmed).slice(1, -1),
  ];
}

/** encodeURIComponent, but a half of a surrogate pair is no error. */
function urlEncoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

/**
 * For what a run prints and records.
 * @param environment of the process that writes or reads
 */
export function redactorFor(
  environment: Variables,
  { env, steps, gates }: Pick<Workflow, 'env' | 'steps' | 'gates'>,
): Redactor {
  const written = [env, ...steps.map((step) => step.env), ...gates.map((gate) => gate.env)];
  // What holds an expression is no value yet; what it takes from the environment is known by there.
  const values = written
    .flatMap((each) => Object.entries(each))
    .filter(([, v]) => !v.includes('${{'));
  return createRedactor(secretValues([...Object.entries(environment), ...values]));
}
