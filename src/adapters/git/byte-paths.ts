/**
 * Paths as git has them: bytes, not text.
 *
 * A file name need not be UTF-8, and decoding one that is not loses it. So inside the git adapters a
 * path is a string with one character for each byte (latin1), which compares, hashes and goes back to
 * git unharmed. Only what is shown to people or handed to other rooms is decoded.
 */

/** Relative to the top of the work tree, `/` between parts, one character for each byte. */
export type BytePath = string;

export function toBytePath(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** For people and for other rooms; bytes that are not UTF-8 become U+FFFD. */
export function toText(path: BytePath): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/** The answer of a `-z` command. */
export function splitNul(output: Buffer): BytePath[] {
  const parts = output.toString('latin1').split('\0');
  parts.pop();
  return parts;
}

/** The input of a `-z` command. */
export function joinNul(parts: readonly string[]): Buffer {
  return Buffer.from(parts.map((part) => `${part}\0`).join(''), 'latin1');
}

/** An absolute path that node:fs takes as it is. */
export function absolutePath(top: string, path: BytePath): Buffer {
  return Buffer.concat([Buffer.from(`${top}/`, 'utf8'), Buffer.from(path, 'latin1')]);
}

/** `a/b/c` -> `a/b`, `a` */
export function* parentFolders(path: BytePath): Generator<BytePath> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    yield path.slice(0, end);
  }
}

const NOT_UTF_8 = '\u{fffd}';

/**
 * A text in which bytes have become U+FFFD matches every path that reads like it: such paths are
 * those to be left alone, and one too many is harmless where one too few is overwritten.
 * @param paths files or folders as text @returns whether a path is one of them or below one
 */
export function matchPaths(paths: readonly string[]): (path: BytePath) => boolean {
  const texts = paths.map((path) => path.replace(/\/+$/, ''));
  const set = new Set(texts.map(toBytePath));
  if (set.size === 0) return () => false;
  const lossy = new Set(texts.filter((text) => text.includes(NOT_UTF_8)));
  const has = (path: BytePath) => set.has(path) || (lossy.size > 0 && lossy.has(toText(path)));
  return (path) => {
    if (has(path.endsWith('/') ? path.slice(0, -1) : path)) return true;
    for (const parent of parentFolders(path)) if (has(parent)) return true;
    return false;
  };
}
