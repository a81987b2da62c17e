/**
 * The `.gitattributes` files of a revision, for a merge that must not read those of the user's checkout.
 *
 * Listing 50,000 files takes as long as several merges, so it is done once: from then on only what
 * differs from the revision that was asked for last is looked at, which in a chain of merges is little.
 */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type BytePath, splitNul } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { parseRawDiff } from './read-history.ts';

/** Content by path. */
export type AttributeFiles = ReadonlyMap<BytePath, Uint8Array>;

/** The object of each file. */
type Found = ReadonlyMap<BytePath, Oid>;

/** @returns a function from a commit or tree to the attribute files there */
export function createAttributeReader(
  context: GitContext,
): (revision: Oid) => Promise<AttributeFiles> {
  let last: { readonly revision: Oid; readonly files: Found } | undefined;
  let contents: ReadonlyMap<Oid, Uint8Array> = new Map();
  return async (revision) => {
    const files =
      last?.revision === revision
        ? last.files
        : ((last && (await carryOver(context, last.revision, last.files, revision))) ??
          (await listAttributeFiles(context, revision)));
    last = { revision, files };
    const oids = [...new Set(files.values())];
    const known = contents;
    const missing = oids.filter((oid) => !known.has(oid));
    const read = missing.length === 0 ? known : await readBlobs(context, missing);
    const result = new Map(oids.map((oid) => [oid, known.get(oid) ?? read.get(oid) ?? NOTHING]));
    contents = result;
    return new Map([...files].map(([path, oid]) => [path, result.get(oid) ?? NOTHING]));
  };
}

const NOTHING = new Uint8Array();

/** Undefined when the older revision is not there any more: trees that nothing holds are pruned. */
async function carryOver(
  context: GitContext,
  from: Oid,
  files: Found,
  to: Oid,
): Promise<Found | undefined> {
  const { code, stdout } = await runGit(context, {
    args: ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from, to, '--'],
    okCodes: [0, 128],
  });
  if (code !== 0) return undefined;
  const result = new Map(files);
  const fields = splitNul(stdout);
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const { path, newMode, newOid } = parseRawDiff(fields[i] ?? '', fields[i + 1] ?? '');
    if (isAttributeFile(path, newMode)) result.set(path, newOid);
    else result.delete(path);
  }
  return result;
}

async function listAttributeFiles(context: GitContext, revision: Oid): Promise<Found> {
  const { stdout } = await runGit(context, {
    args: ['ls-tree', '-r', '-z', '--full-tree', '--end-of-options', revision],
  });
  const found = new Map<BytePath, Oid>();
  for (const line of splitNul(stdout)) {
    if (!line.endsWith('.gitattributes')) continue;
    const tab = line.indexOf('\t');
    const [mode = '', , oid = ''] = line.slice(0, tab).split(' ');
    const path = line.slice(tab + 1);
    if (isAttributeFile(path, mode)) found.set(path, oid);
  }
  return found;
}

/** Symbolic links do not count for git either; and no path may lead out of the folder it is written to. */
function isAttributeFile(path: BytePath, mode: string): boolean {
  const parts = path.split('/');
  return (
    parts.at(-1) === '.gitattributes' &&
    mode.startsWith('100') &&
    !parts.some((part) => part === '' || part === '.' || part === '..')
  );
}

async function readBlobs(
  context: GitContext,
  oids: readonly Oid[],
): Promise<ReadonlyMap<Oid, Uint8Array>> {
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch'],
    input: oids.map((oid) => `${oid}\n`).join(''),
  });
  const blobs = new Map<Oid, Uint8Array>();
  let at = 0;
  for (const oid of oids) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const [, type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'blob') {
      throw new OrchError('ORCH_REPOSITORY_DAMAGED', `there is no file ${oid}`, {
        fix: 'git fsck',
      });
    }
    const end = lineEnd + 1 + Number(size);
    blobs.set(oid, stdout.subarray(lineEnd + 1, end));
    at = end + 1;
  }
  return blobs;
}
