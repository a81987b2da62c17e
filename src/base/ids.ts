/**
 * Names of things: git object ids, run ids, and step ids where they become part of a ref or a path.
 * Chance and time are arguments.
 */

/** 40 (sha1) or 64 (sha256) hex digits. */
export type Oid = string;

const ID_ALPHABET = '23456789abcdefghjkmnpqrstvwxyz'; // No 0/o, 1/l/i, u: ids are read aloud and typed.

/** @param random gives numbers in [0, 1) */
export function randomId(length: number, random: () => number): string {
  let id = '';
  for (let i = 0; i < length; i++) id += ID_ALPHABET[Math.floor(random() * ID_ALPHABET.length)];
  return id;
}

/**
 * A run's id reads well: `add-search-261121-k3f9`.
 * @param nowMs wall clock, milliseconds since 1970; the date is taken in UTC
 */
export function makeRunId(workflow: string, nowMs: number, random: () => number): string {
  const day = new Date(nowMs).toISOString().slice(2, 10).replaceAll('-', '');
  const slug = workflow
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return `${slug || 'run'}-${day}-${randomId(4, random)}`;
}

/** True for what makeRunId gives: what may stand in a path or a ref without a second thought. */
export function isRunId(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,80}$/.test(text);
}

/**
 * A step id as one part of a ref or path: letters, digits, `-` and `_` stay, every other byte
 * becomes %XX (`outer/inner` -> `outer%2Finner`). A name too long for a file system is cut and
 * stays unique by the caller's digest.
 */
export function encodeIdPart(id: string): string {
  let encoded = '';
  for (const byte of new TextEncoder().encode(id)) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
