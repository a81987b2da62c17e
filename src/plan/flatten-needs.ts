/**
 * Needs spelled out leaf by leaf, for people and JSON: a need of a matrix becomes its instances, a
 * need of a nested workflow its last steps, and the first steps of a nested workflow get what it
 * needs. Planning itself never does this, because two matrices in a row multiply.
 */
import { childrenOf, isLeaf } from './graph.ts';
import type { Plan, PlanNode } from './plan.ts';

type Flattened = Pick<PlanNode, 'index' | 'id' | 'kind' | 'needs' | 'parent'>;

/** Leaf id -> ids of the leaves it waits for, in the order of the file; leaves in the same order. */
export function flattenNeeds({ nodes }: Pick<Plan, 'nodes'>): Map<string, readonly string[]> {
  const flattener = new Flattener(nodes);
  const needs = new Map<string, readonly string[]>();
  for (const node of nodes) {
    if (isLeaf(node)) needs.set(node.id, flattener.idsBefore(node));
  }
  return needs;
}

class Flattener {
  readonly #nodes: readonly Flattened[];
  readonly #children: readonly (readonly number[])[];
  /** Nodes that another one in the same nested workflow (or both at the top) needs. */
  readonly #neededBeside = new Set<number>();
  readonly #endings = new Map<number, readonly number[]>();
  /** All instances of a matrix share one list of needs, and so one result. */
  readonly #before = new Map<string, readonly string[]>();

  constructor(nodes: readonly Flattened[]) {
    this.#nodes = nodes;
    this.#children = childrenOf(nodes);
    for (const { needs, parent } of nodes) {
      for (const need of needs) {
        if (nodes[need]?.parent === parent) this.#neededBeside.add(need);
      }
    }
  }

  idsBefore(node: Flattened): readonly string[] {
    const key = `${node.parent ?? ''}:${node.needs.join()}`;
    const known = this.#before.get(key);
    if (known !== undefined) return known;
    const ids = this.#leavesBefore(node).map((leaf) => this.#nodes[leaf]?.id ?? '');
    this.#before.set(key, ids);
    return ids;
  }

  /** Leaves that must end before a node starts. */
  #leavesBefore(node: Flattened): number[] {
    const leaves = new Set(node.needs.flatMap((need) => this.#endingOf(need)));
    const parent = node.parent === undefined ? undefined : this.#nodes[node.parent];
    const isFirst = !node.needs.some((need) => this.#nodes[need]?.parent === node.parent);
    if (parent !== undefined && (isFirst || leaves.size === 0)) {
      for (const leaf of this.#leavesBefore(parent)) leaves.add(leaf);
    }
    return [...leaves].sort((left, right) => left - right);
  }

  /** Leaves with whose end a node has ended. */
  #endingOf(index: number): readonly number[] {
    const known = this.#endings.get(index);
    if (known !== undefined) return known;
    const ending = this.#findEnding(index);
    this.#endings.set(index, ending);
    return ending;
  }

  #findEnding(index: number): readonly number[] {
    const node = this.#nodes[index];
    if (node === undefined) return [];
    if (isLeaf(node)) return [index];
    const parts =
      node.kind === 'matrix'
        ? node.needs
        : (this.#children[index] ?? []).filter((child) => !this.#neededBeside.has(child));
    const leaves = parts.flatMap((part) => this.#endingOf(part));
    // One without any parts ends when it starts.
    return leaves.length > 0 ? [...new Set(leaves)] : this.#leavesBefore(node);
  }
}
