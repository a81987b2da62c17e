/**
 * Reads what `git merge-tree --write-tree -z` prints: the tree, then the entries that did not merge, then
 * messages, each with the paths that it is about. A merge without conflicts prints the tree alone.
 */
import type { ConflictSide, MergeConflict, Oid } from '../../ports/git.ts';
import { type BytePath, splitNul, toText } from './byte-paths.ts';

/** A conflict whose path is still bytes. */
export interface ByteConflict extends MergeConflict {
  readonly path: BytePath;
}

export interface MergeOutput {
  readonly tree: Oid;
  readonly conflicts: readonly ByteConflict[];
}

interface Message {
  readonly paths: readonly BytePath[];
  readonly type: string;
  readonly text: string;
}

export function parseMergeOutput(output: Buffer): MergeOutput {
  const [tree = '', ...fields] = splitNul(output);
  const separator = fields.indexOf('');
  const end = separator < 0 ? fields.length : separator;
  const messages = parseMessages(fields.slice(end + 1));
  const byPath = new Map<BytePath, ConflictSide[]>();
  for (const field of fields.slice(0, end)) {
    const tab = field.indexOf('\t');
    const [mode = '', oid = '', stage] = field.slice(0, tab).split(' ');
    const path = field.slice(tab + 1);
    const sides = byPath.get(path) ?? [];
    sides[Number(stage)] = { mode, oid };
    byPath.set(path, sides);
  }
  const conflicts = [...byPath].map(([path, [, base = null, ours = null, theirs = null]]) => {
    const texts = messages.filter(({ paths }) => paths.includes(path)).map(({ text }) => text);
    // Some are told in two messages, of which the first says only why: "Cannot merge binary files".
    const text = texts.find((each) => each.startsWith('CONFLICT')) ?? texts[0];
    return { path, base, ours, theirs, message: text ?? `CONFLICT in ${toText(path)}` };
  });
  return { tree, conflicts: [...conflicts, ...conflictsWithoutEntries(messages, byPath)] };
}

/**
 * Git can call a merge unclean because of a path of which there is nothing to choose from. But it also
 * says that a file has to make room for a folder where the file then turns out to be deleted.
 */
function conflictsWithoutEntries(
  messages: readonly Message[],
  entries: ReadonlyMap<BytePath, unknown>,
): ByteConflict[] {
  return messages
    .filter(({ type }) => type !== 'CONFLICT (file/directory)')
    .filter(({ paths }) => !paths.some((path) => entries.has(path)))
    .map(({ paths: [path = ''], text }) => {
      return { path, base: null, ours: null, theirs: null, message: text };
    });
}

/** `<number of paths>`, the paths, a type, the text; only those of conflicts are kept. */
function parseMessages(fields: readonly string[]): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < fields.length; ) {
    const first = at + 1;
    const last = first + Number(fields[at]);
    const [type = '', text = ''] = fields.slice(last, last + 2);
    if (type.startsWith('CONFLICT')) {
      const line = toText(text)
        .trim()
        .replace(/\s*\n\s*/g, ' ');
      messages.push({ paths: fields.slice(first, last), type, text: line });
    }
    at = last + 2;
  }
  return messages;
}
