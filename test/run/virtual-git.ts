/**
 * What an isolated run needs of git, as maps in memory: commits, merges of whole files over a base,
 * the run's tip, and a pool of numbered worktrees. All of it outlives orch.
 */
import { createHash } from 'node:crypto';
import type { ConflictFile } from '../../src/run/events.ts';

/** Content by path. */
export type Files = ReadonlyMap<string, string>;

interface Commit {
  readonly tree: string;
  readonly parents: readonly string[];
}

export interface Merge {
  readonly files: Files;
  /** Paths that both sides changed, each in its own way. */
  readonly conflicts: readonly string[];
}

export class VirtualGit {
  /** Where the run's tip is. */
  tip: string | undefined;
  readonly #trees = new Map<string, Files>();
  readonly #commits = new Map<string, Commit>();
  readonly #claims = new Set<number>();

  tree(files: Files): string {
    const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
    const oid = oidOf(JSON.stringify(sorted));
    this.#trees.set(oid, new Map(sorted));
    return oid;
  }

  /** @param about makes it another commit than one with the same tree and parents */
  commit(files: Files, parents: readonly string[], about: string): string {
    const tree = this.tree(files);
    const oid = oidOf(JSON.stringify([tree, parents, about]));
    this.#commits.set(oid, { tree, parents });
    return oid;
  }

  treeOf(commit: string): string {
    return this.#commit(commit).tree;
  }

  /** @param oid of a commit or a tree */
  files(oid: string): Files {
    const tree = this.#commits.get(oid)?.tree ?? oid;
    const files = this.#trees.get(tree);
    if (files === undefined) throw new Error(`there is no ${oid}`);
    return files;
  }

  merge(base: string, ours: string, theirs: string, favor?: 'ours' | 'theirs'): Merge {
    const before = this.files(base);
    const mine = this.files(ours);
    const yours = this.files(theirs);
    const files = new Map(mine);
    const conflicts: string[] = [];
    for (const path of new Set([...before.keys(), ...yours.keys()])) {
      const wanted = yours.get(path);
      if (wanted === before.get(path) || wanted === mine.get(path)) continue;
      const isContested = mine.get(path) !== before.get(path);
      if (isContested) conflicts.push(path);
      if (isContested && favor === 'ours') continue;
      if (wanted === undefined) files.delete(path);
      else files.set(path, wanted);
    }
    return { files, conflicts };
  }

  /** As moveTip in src/engine/perform-merge.ts. */
  moveTip(from: string, files: Files, parents: readonly string[], about: string): string {
    const found = this.tip;
    if (found !== undefined && found !== from) {
      const { tree, parents: before } = this.#commit(found);
      if (tree === this.tree(files) && before.join() === parents.join()) return found;
      if (before[0] !== from) throw new Error(`the tip is ${found}, not ${from}`);
    }
    this.tip = this.commit(files, parents, about);
    return this.tip;
  }

  claim(): number {
    let number = 1;
    while (this.#claims.has(number)) number += 1;
    this.#claims.add(number);
    return number;
  }

  release(number: number): void {
    this.#claims.delete(number);
  }

  releaseOthers(used: readonly number[]): void {
    for (const number of this.#claims) if (!used.includes(number)) this.#claims.delete(number);
  }

  get claims(): ReadonlySet<number> {
    return this.#claims;
  }

  #commit(oid: string): Commit {
    const commit = this.#commits.get(oid);
    if (commit === undefined) throw new Error(`there is no commit ${oid}`);
    return commit;
  }
}

export function conflictFile(path: string): ConflictFile {
  return { path, base: null, ours: null, theirs: null, message: 'content' };
}

function oidOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
