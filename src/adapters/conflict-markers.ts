/** Which files still hold the markers that git leaves around the two sides of a conflict. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { hasErrno } from '../base/errors.ts';

/** As far as git looks to tell text from other files, in which it leaves no markers. */
const PROBE_BYTES = 8_000;

/** @see WorkTreePort.unsettled */
export async function findConflictMarkers(
  root: string,
  paths: readonly string[],
): Promise<string[]> {
  const unsettled: string[] = [];
  for (const path of paths) if (await holdsMarkers(root, path)) unsettled.push(path);
  return unsettled;
}

async function holdsMarkers(root: string, path: string): Promise<boolean> {
  try {
    const file = await locate(root, path);
    if (!(await lstat(file)).isFile()) return false;
    const content = await readFile(file);
    return !content.subarray(0, PROBE_BYTES).includes(0) && hasMarkers(content.toString('latin1'));
  } catch (error) {
    // A file that was deleted is a way to settle it.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * All three in their order, each at the begin of a line: a line of `=` alone is a heading elsewhere. An
 * attribute can make them longer than seven.
 */
function hasMarkers(text: string): boolean {
  const expected = [/^<{7,} /, /^={7,}\r?$/, /^>{7,} /];
  let seen = 0;
  for (const line of text.split('\n')) {
    if (expected[0]?.test(line)) seen = 1;
    else if (seen > 0 && expected[seen]?.test(line)) seen += 1;
    if (seen === expected.length) return true;
  }
  return false;
}

/** The absolute path in bytes: a name that is not UTF-8 is looked for in its folder. */
async function locate(root: string, path: string): Promise<Buffer> {
  let at = Buffer.from(root);
  for (const name of path.split('/')) {
    const names = name.includes('\u{fffd}') ? await readdir(at, { encoding: 'buffer' }) : [];
    const bytes = names.find((each) => each.toString() === name) ?? Buffer.from(name);
    at = Buffer.concat([at, Buffer.from('/'), bytes]);
  }
  return at;
}
