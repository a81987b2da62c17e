/**
 * What this process has read of a repository's commits and trees. An object never changes, so what was
 * read once holds for as long as the process lives; whether it is still there is another question, and
 * not one for here.
 */
import type { Oid } from '../../ports/git.ts';
import type { GitObject, TreeChange } from './tree-edit.ts';

const MOST_BYTES = 4_000_000;
/** A folder of ten thousand files. */
const LARGEST_BYTES = 400_000;
const MOST_COMPARISONS = 32;
/** Of larger differences nothing is remembered. */
const MOST_CHANGES = 200;

export class ObjectMemory {
  readonly #objects = new Map<Oid, GitObject>();
  readonly #comparisons = new Map<string, readonly TreeChange[]>();
  #bytes = 0;

  object(oid: Oid): GitObject | undefined {
    return this.#objects.get(oid);
  }

  keepObject(object: GitObject): void {
    const { oid, type, content } = object;
    if (type === 'blob' || content.length > LARGEST_BYTES || this.#objects.has(oid)) return;
    // A copy: what was read may be a small part of a large answer, and would hold all of it.
    this.#objects.set(oid, { oid, type, content: Buffer.from(content) });
    this.#bytes += content.length;
    for (const [oldest, { content: left }] of this.#objects) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#objects.delete(oldest);
      this.#bytes -= left.length;
    }
  }

  comparison(from: Oid, to: Oid): readonly TreeChange[] | undefined {
    return this.#comparisons.get(`${from} ${to}`);
  }

  keepComparison(from: Oid, to: Oid, changes: readonly TreeChange[]): void {
    if (changes.length > MOST_CHANGES) return;
    this.#comparisons.set(`${from} ${to}`, changes);
    const [oldest] = this.#comparisons.keys();
    if (this.#comparisons.size > MOST_COMPARISONS && oldest !== undefined) {
      this.#comparisons.delete(oldest);
    }
  }
}
