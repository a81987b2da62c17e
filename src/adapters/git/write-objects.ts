/**
 * Stores many new objects of any type with one git process: as a pack that `unpack-objects` turns
 * into loose objects, synced together. `hash-object` would need one process for each type.
 *
 * Format: gitformat-pack(5); objects are stored whole, never as deltas.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { FileContent, Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readFolders } from './read-folders.ts';
import {
  type Edits,
  editsOf,
  editTree,
  foldersToRead,
  type GitObject,
  type ObjectType,
} from './tree-edit.ts';

const PACK_TYPE: Record<ObjectType, number> = { commit: 1, tree: 2, blob: 3 };

/** @see GitPort.treeWithFiles: two small processes, and the big index is not read */
export async function writeTreeWithFiles(
  context: GitContext,
  tree: Oid,
  files: ReadonlyMap<string, FileContent>,
): Promise<Oid> {
  return await writeEditedTree(context, tree, editsOf(files));
}

/** The same tree with some paths changed. */
export async function writeEditedTree(context: GitContext, tree: Oid, edits: Edits): Promise<Oid> {
  const folders = await readFolders(context, tree, foldersToRead(edits));
  const objects = editTree((folder) => folders.get(folder), edits, context.oidLength);
  const root = objects.at(-1);
  if (root === undefined) throw new Error('an edited tree has a root');
  if (root.oid !== tree) await writeObjects(context, objects);
  return root.oid;
}

async function writeObjects(context: GitContext, objects: readonly GitObject[]): Promise<void> {
  const unique = new Map(objects.map((object) => [object.oid, object]));
  await runGit(context, {
    args: ['unpack-objects', '-q'],
    input: formatPack([...unique.values()], context.oidLength),
  });
}

function formatPack(objects: readonly GitObject[], oidLength: number): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects.length, 8);
  const body = objects.flatMap(({ type, content }) => [
    packEntryHeader(PACK_TYPE[type], content.length),
    deflateSync(content, { level: 1 }),
  ]);
  const pack = Buffer.concat([header, ...body]);
  const digest = createHash(oidLength === 64 ? 'sha256' : 'sha1')
    .update(pack)
    .digest();
  return Buffer.concat([pack, digest]);
}

/** Type in bits 4 to 6 of the first byte; the size 4 bits there, then 7 bits a byte, lowest first. */
function packEntryHeader(type: number, sizeBytes: number): Buffer {
  const bytes: number[] = [];
  let byte = (type << 4) | (sizeBytes & 0x0f);
  for (let rest = Math.floor(sizeBytes / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  bytes.push(byte);
  return Buffer.from(bytes);
}
