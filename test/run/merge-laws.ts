/**
 * What must never happen to the work of isolated steps, told from events and from what commits hold:
 * merges come one at a time, in order and on the newest tip; a tip holds what was merged and not taken
 * back, and nothing else; nobody shares a worktree. Like laws.ts it knows nothing of the fold.
 *
 * It relies on what simulate.ts lets attempts write: `<step>#<attempt>` into `own/<step>` and into
 * files that others change too; who settles a conflict adds `~<round>`.
 */
import type {
  CheckpointStarted,
  MergeFinished,
  MergeStarted,
  RunEvent,
  StepFinished,
  WaveInvalidated,
} from '../../src/run/events.ts';
import type { Files } from './virtual-git.ts';

interface Work {
  readonly commit: string;
  readonly base: string;
  readonly mark: string;
}

export class MergeLaws {
  readonly #filesOf: (oid: string) => Files;
  #tip = { commit: '', files: new Map() as Files };
  #lastWasTakenBack = false;
  readonly #begun = new Map<string, { readonly base: string; readonly attempt: number }>();
  /** In the order in which it was done. */
  #queue: (Work & { readonly step: string })[] = [];
  #open: (MergeStarted & Work) | undefined;
  /** By step, what is to be settled. */
  readonly #conflicts = new Map<string, { readonly onto: string; readonly mark: string }>();
  readonly #settling = new Set<string>();
  /** By step, the mark of its work that is in the tip. */
  readonly #merged = new Map<string, string>();
  /** Marks whose work was merged and is not taken back. */
  readonly #alive = new Set<string>();
  /** By event of a seal: what the wave was then. */
  readonly #seals = new Map<number, { readonly wave: number; readonly tree: string }>();
  readonly #sealedTree = new Map<number, string>();
  readonly #sealedCommit = new Map<number, string>();
  /** By number, who works there. */
  readonly #worktrees = new Map<number, string>();
  #standingTree = '';
  #rollbackTarget = '';

  constructor(filesOf: (oid: string) => Files) {
    this.#filesOf = filesOf;
  }

  see(event: RunEvent): void {
    if (event.type !== 'wave.invalidated') this.#lastWasTakenBack = false;
    switch (event.type) {
      case 'step.started':
        if (event.worktree === undefined || event.base === undefined) return; // Never had a process.
        if (event.base !== this.#tip.commit) fail(`${event.step} begins on ${event.base}`);
        this.#enter(event.worktree, event.step);
        this.#begun.set(event.step, { base: event.base, attempt: event.attempt });
        return;
      case 'step.finished':
        return this.#stepFinished(event);
      case 'merge.started':
        return this.#mergeStarted(event);
      case 'merge.finished':
        return this.#mergeFinished(event);
      case 'resolve.started': {
        const conflict = this.#conflicts.get(event.step);
        if (conflict === undefined) fail(`${event.step} has no conflict`);
        if (conflict?.onto !== event.onto) fail(`${event.step} is settled on ${event.onto}`);
        if (event.by === 'command') this.#settling.add(event.step);
        return this.#enter(event.worktree, event.step);
      }
      case 'resolve.finished': {
        const { step, attempt, status, commit, failure } = event;
        this.#leave(step);
        this.#settling.delete(step);
        const conflict = this.#conflicts.get(step);
        if (failure?.kind === 'interrupted') return;
        this.#forget(step);
        if (status !== 'passed') return;
        if (!conflict || commit === undefined) return fail(`nothing was settled of ${step}`);
        this.#queue.push({ step, commit, base: conflict.onto, mark: markOf(step, attempt) });
        return;
      }
      case 'gate.started':
        if (event.worktree === undefined) fail(`gate ${event.gate} has no worktree`);
        return this.#enter(event.worktree ?? 0, `gate ${event.wave}/${event.gate}`);
      case 'gate.finished':
        return this.#leave(`gate ${event.wave}/${event.gate}`);
      case 'wave.sealed': {
        const { wave, commit, tree, seq } = event;
        if (this.#open) fail(`wave ${wave} is sealed while ${this.#open.step} is merged`);
        if (wave === 0) this.#tip = { commit, files: this.#filesOf(tree) };
        if (commit !== this.#tip.commit) fail(`wave ${wave} is sealed, and is not the tip`);
        this.#sealedTree.set(wave, tree);
        this.#sealedCommit.set(wave, commit);
        this.#seals.set(seq, { wave, tree });
        return this.#checkTip();
      }
      case 'checkpoint.started':
        return this.#checkpointStarted(event);
      case 'wave.invalidated':
        return this.#invalidated(event);
      case 'rollback.started':
        this.#rollbackTarget = event.target;
        return;
      case 'rollback.done':
        this.#standingTree = this.#rollbackTarget;
        if (event.tip === undefined) return fail('a rollback left the tip where it was');
        this.#moveTip(event.tip, this.#rollbackTarget);
        // Going forward again brings back what was taken back.
        for (const mark of this.#tip.files.values()) this.#alive.add(attemptOf(mark));
        return;
      case 'run.interrupted':
      case 'run.waiting':
        if (this.#open) fail(`${event.type} while ${this.#open.step} is merged`);
        return;
      default:
        return;
    }
  }

  /** @param need a step that has ended: what it merged is in what `step` begins on */
  checkHas(step: string, need: string): void {
    const mark = this.#merged.get(need);
    const base = this.#begun.get(step)?.base;
    if (mark === undefined || base === undefined) return;
    if (this.#filesOf(base).get(`own/${need}`) !== mark) fail(`${step} begins without ${need}`);
  }

  settling(): number {
    return this.#settling.size;
  }

  /** A step is to be done again. */
  takeBack(step: string): void {
    this.#leave(step);
    this.#settling.delete(step);
    this.#forget(step);
    if (this.#open?.step === step) this.#open = undefined;
    const { attempt = 0 } = this.#begun.get(step) ?? {};
    this.#merged.delete(step);
    // What an earlier checkpoint holds may stay, as when the run went forward to it again.
    const held = new Set([...this.#tip.files.values()].map(attemptOf));
    for (let nth = 1; nth <= attempt; nth++)
      if (!held.has(markOf(step, nth))) this.#alive.delete(markOf(step, nth));
  }

  /** The run is over. */
  checkEnd(): void {
    if (this.#open) fail(`the run ends while ${this.#open.step} is merged`);
    if (this.#queue.length > 0) fail(`the run ends, and ${this.#queue[0]?.step} is not merged`);
    if (this.#conflicts.size > 0) fail('the run ends with a conflict');
    for (const [number, holder] of this.#worktrees)
      fail(`the run ends, and worktree ${number} is that of ${holder}`);
  }

  #stepFinished({ step, attempt, status, commit, failure }: StepFinished): void {
    this.#leave(step);
    if (status !== 'passed' || failure || !commit) return;
    const { base } = this.#begun.get(step) ?? fail(`${step} began on nothing`);
    this.#queue.push({ step, commit, base, mark: markOf(step, attempt) });
  }

  #mergeStarted(event: MergeStarted): void {
    if (this.#open) fail(`${event.step} is merged beside ${this.#open.step}`);
    const first = this.#queue.shift();
    if (first?.step !== event.step) fail(`${event.step} is merged before ${first?.step}`);
    if (first?.commit !== event.commit) fail(`something else of ${event.step} is merged`);
    if (first?.base !== event.base) fail(`${event.step} is merged over ${event.base}`);
    if (event.onto !== this.#tip.commit) fail(`${event.step} is merged onto ${event.onto}`);
    this.#checkTip();
    this.#open = { ...event, mark: first?.mark ?? '' };
  }

  #mergeFinished({ step, status, commit, tree, files, settled, failure }: MergeFinished): void {
    const open = this.#open;
    if (open?.step !== step) return fail(`the merge of ${step} is not open`);
    this.#open = undefined;
    const { applied, contested } = this.#apply(open, settled);
    const told = (files ?? []).map(({ path }) => path);
    if (told.sort().join() !== contested.sort().join())
      fail(`${step} conflicts in ${contested.join()}, and ${told.join()} is told`);
    if (status === 'conflict') {
      if (contested.length === 0) fail(`${step} does not conflict`);
      if (!failure) this.#conflicts.set(step, { onto: open.onto, mark: open.mark });
      return;
    }
    if (contested.length > 0 && !settled) fail(`${step} is merged in spite of ${contested.join()}`);
    if (commit === undefined || tree === undefined) return fail(`${step} has no merge`);
    if (!isEqual(this.#filesOf(tree), applied))
      fail(`the merge of ${step} is not what it should be`);
    this.#moveTip(commit, tree);
    this.#merged.set(step, open.mark);
    this.#alive.add(open.mark);
  }

  /** What the attempt changed, done once more to what was merged before. */
  #apply({ base, commit }: Work, settled: 'ours' | 'theirs' | undefined) {
    const before = this.#filesOf(base);
    const after = this.#filesOf(commit);
    const applied = new Map(this.#tip.files);
    const contested: string[] = [];
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      const [was, is, now] = [before.get(path), after.get(path), applied.get(path)];
      if (was === is || is === now) continue;
      if (now !== was) contested.push(path);
      if (now !== was && settled === 'ours') continue;
      if (is === undefined) applied.delete(path);
      else applied.set(path, is);
    }
    return { applied, contested };
  }

  #checkpointStarted({ wave, tree, closing }: CheckpointStarted): void {
    const wanted = closing ? this.#standingTree : this.#sealedTree.get(wave);
    if (tree !== wanted) fail(`checkpoint ${wave} is not what was sealed`);
    this.#standingTree = tree;
    if (!closing) this.#checkMarks(tree);
  }

  #invalidated({ kept_until, tip, tree, gate, wave }: WaveInvalidated): void {
    const sealed = this.#seals.get(kept_until ?? 0) ?? fail('nothing was sealed then');
    for (const holder of [...this.#worktrees.values()])
      if (holder.startsWith(`gate ${wave}/`)) this.#leave(holder);
    if (gate === undefined || this.#lastWasTakenBack) return;
    this.#lastWasTakenBack = true;
    if (tip === undefined || tree === undefined) return fail('it is taken back to nothing');
    if (tree !== sealed.tree) fail(`it is taken back to something else than wave ${sealed.wave}`);
    this.#moveTip(tip, tree);
  }

  #moveTip(commit: string, tree: string): void {
    this.#tip = { commit, files: this.#filesOf(tree) };
    if (!isEqual(this.#filesOf(commit), this.#tip.files)) fail(`${commit} does not hold ${tree}`);
  }

  /** Everything that was merged is there, and nothing else. */
  #checkTip(): void {
    for (const [step, mark] of this.#merged)
      if (this.#tip.files.get(`own/${step}`) !== mark) fail(`the tip has lost ${mark}`);
    this.#checkMarks(this.#tip.commit);
  }

  #checkMarks(oid: string): void {
    for (const [path, mark] of this.#filesOf(oid))
      if (mark !== 'old' && !this.#alive.has(attemptOf(mark)))
        fail(`${path} holds ${mark}, which is not merged`);
  }

  #forget(step: string): void {
    this.#conflicts.delete(step);
    this.#queue = this.#queue.filter((work) => work.step !== step);
  }

  #enter(number: number, holder: string): void {
    const other = this.#worktrees.get(number);
    if (other !== undefined) fail(`worktree ${number} is that of ${other} and of ${holder}`);
    this.#worktrees.set(number, holder);
  }

  #leave(holder: string): void {
    for (const [number, who] of this.#worktrees) if (who === holder) this.#worktrees.delete(number);
  }
}

function markOf(step: string, attempt: number): string {
  return `${step}#${attempt}`;
}

function attemptOf(mark: string): string {
  return mark.split('~')[0] ?? mark;
}

function isEqual(a: Files, b: Files): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
}

function fail(message: string): never {
  throw new Error(message);
}
