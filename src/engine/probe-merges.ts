/**
 * An early look at work that is still under way: would it merge as it stands? Two agents that edit the
 * same lines hear of it now, and not when both have finished. Only a warning: what counts is the merge.
 *
 * Only work whose paths overlap is merged for a try, and looking takes a small part of the time at most.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { MergeProbe } from '../run/events.ts';
import { stepStateOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import type { Place } from './places.ts';

/** Short steps are over before anybody could act on a warning. */
const FIRST_MS = 5_000;
const LEAST_PAUSE_MS = 10_000;
/** A pause is so many times as long as the look before it. */
const PAUSE_PER_LOOK = 20;
/** Of more than these the pairs are too many to be merged for a try. */
const MOST_AT_ONCE = 16;

/** What a step has in its worktree right now. */
interface Unfinished {
  readonly node: PlanNode;
  readonly attempt: number;
  readonly base: Oid;
  readonly tree: Oid;
  readonly paths: ReadonlySet<string>;
}

type Warning = Pick<MergeProbe, 'other' | 'files'> & Pick<Unfinished, 'node' | 'attempt'>;

export class MergeProbes implements Disposable {
  readonly #run: LiveRun;
  /** By index of the step. */
  readonly #places = new Map<number, Place>();
  readonly #told = new Set<string>();
  #timer: Disposable | undefined;

  constructor(run: LiveRun) {
    this.#run = run;
  }

  /** A step works in a worktree from now on. */
  watch(node: PlanNode, place: Place): void {
    this.#places.set(node.index, place);
    if (this.#places.size > 1) this.#timer ??= this.#later(FIRST_MS);
  }

  forget(node: PlanNode): void {
    this.#places.delete(node.index);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #later(delayMs: number): Disposable {
    return this.#run.later(delayMs, () => {
      this.#timer = undefined;
      if (this.#places.size === 0) return;
      const { clock } = this.#run.parts.ports;
      const startedMs = clock.monotonic();
      this.#run.task('probe', async () => {
        const warnings = await this.#look().catch(nothingSeen);
        return () => {
          for (const warning of warnings) this.#tell(warning);
          const pauseMs = (clock.monotonic() - startedMs) * PAUSE_PER_LOOK;
          if (this.#places.size > 0) this.#timer = this.#later(Math.max(LEAST_PAUSE_MS, pauseMs));
        };
      });
    });
  }

  /** Once for each pair; the step may have ended meanwhile. */
  #tell({ node, attempt, other, files }: Warning): void {
    const key = `${node.id} ${attempt} ${other}`;
    if (this.#told.has(key) || !this.#places.has(node.index)) return;
    this.#told.add(key);
    const { wave, id: step } = node;
    this.#run.record({ type: 'merge.probe', wave, step, attempt, other, files });
  }

  async #look(): Promise<Warning[]> {
    const { tip } = this.#run.state;
    if (tip === undefined) return [];
    const unfinished: Unfinished[] = [];
    for (const [index, place] of [...this.#places].slice(0, MOST_AT_ONCE)) {
      const found = await this.#unfinished(index, place);
      if (found !== undefined && found.paths.size > 0) unfinished.push(found);
    }
    const warnings: Warning[] = [];
    for (const [nth, one] of unfinished.entries()) {
      const { node, attempt } = one;
      const files = await this.#clash(one, tip.commit);
      if (files.length > 0) warnings.push({ node, attempt, other: null, files });
      for (const other of unfinished.slice(0, nth)) {
        const clashing = await this.#clashOf(one, other);
        if (clashing.length > 0)
          warnings.push({ node, attempt, other: other.node.id, files: clashing });
      }
    }
    return warnings;
  }

  async #unfinished(index: number, { git }: Place): Promise<Unfinished | undefined> {
    const node = this.#run.state.nodes[index] as PlanNode;
    const attempt = stepStateOf(this.#run.state, index).attempts.at(-1);
    if (attempt?.base === undefined) return undefined;
    const { n, base } = attempt;
    const { tree } = await git.snapshot({
      index: `${git.repository.gitDir}/orch-probe-index`,
      exclude: ['.orch'],
      maxFileSizeBytes: this.#run.state.workflow.checkpoint.maxFileSizeBytes,
    });
    const changes = await git.diffTrees(base, tree);
    return { node, attempt: n, base, tree, paths: new Set(changes.map(({ path }) => path)) };
  }

  /** Paths that do not go together with what was merged since the step began. */
  async #clash({ base, tree, paths }: Unfinished, tip: Oid): Promise<string[]> {
    const { git } = this.#run.parts;
    if (base === tip) return [];
    const since = await git.diffTrees(base, tip);
    if (!since.some(({ path }) => paths.has(path))) return [];
    const merged = await git.mergeChanges({ base, ours: tip, theirs: tree });
    return merged.conflicts.map(({ path }) => path);
  }

  /** Paths that two unfinished steps do not change in a way that goes together. */
  async #clashOf(one: Unfinished, other: Unfinished): Promise<string[]> {
    if (![...one.paths].some((path) => other.paths.has(path))) return [];
    const { git } = this.#run.parts;
    // Brought to where the other began: what both may have in common is no clash.
    const moved = await git.mergeChanges({ base: one.base, ours: other.base, theirs: one.tree });
    if (moved.isOpen) return [];
    const merged = await git.mergeChanges({
      base: other.base,
      ours: other.tree,
      theirs: moved.tree,
    });
    return merged.conflicts.map(({ path }) => path);
  }
}

/** Files and objects come and go while steps work; the next look may have more luck. */
function nothingSeen(error: unknown): Warning[] {
  if (error instanceof OrchError) return [];
  throw error;
}
