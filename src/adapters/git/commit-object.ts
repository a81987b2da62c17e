/** The text of a commit object, read and written without a git program. */
import type { Commit, Oid } from '../../ports/git.ts';

/**
 * @param content headers, an empty line, the message; a header line that begins with a space
 *   continues the one before it (signatures), and is not needed here
 */
export function parseCommit(oid: Oid, content: Buffer): Commit {
  const headEnd = content.indexOf('\n\n');
  const head = content.toString('utf8', 0, headEnd < 0 ? content.length : headEnd);
  const headers = head.split('\n').map((line) => {
    const space = line.indexOf(' ');
    return [line.slice(0, space), line.slice(space + 1)] as const;
  });
  const first = (name: string) => headers.find(([key]) => key === name)?.[1] ?? '';
  return {
    oid,
    tree: first('tree'),
    parents: headers.filter(([key]) => key === 'parent').map(([, value]) => value),
    message: decodeMessage(headEnd < 0 ? Buffer.of() : content.subarray(headEnd + 2), first),
    // `Name <mail> 1700000000 +0100`
    committedAt: Number(/> (-?\d+) [+-]\d+$/.exec(first('committer'))?.[1] ?? 0),
  };
}

function decodeMessage(bytes: Buffer, header: (name: string) => string): string {
  const encoding = header('encoding');
  if (encoding === '') return bytes.toString('utf8');
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    // Git keeps any word as an encoding; with one that nobody knows, UTF-8 is the best guess.
    return bytes.toString('utf8');
  }
}
