/**
 * Every order in which several synchronous programs can reach a shared world, one call at a time.
 *
 * A program cannot be stopped in the middle of a call, so it is run again from its start for each
 * step: calls that it has made give the results they gave, the next one is made for real, and the
 * one after that suspends it. States that were seen before are not gone into again.
 */

/** One program's way to the world; `call` may be interleaved with calls of the others. */
export type Calls = <T>(perform: () => T) => T;

export interface Player {
  /** Runs until it ends or throws; everything it does and learns goes through `calls`. */
  readonly play: (calls: Calls) => void;
}

export interface Stage<W> {
  readonly start: () => W;
  readonly copy: (world: W) => W;
  readonly players: (world: W) => readonly Player[];
  /** Text that is equal for worlds that behave alike from here on. */
  readonly keyOf: (world: W) => string;
  /** Something that may happen to a player at any time instead of its next call: it is gone then. */
  readonly kill?: (world: W, player: number) => void;
  /** Throws when the world is as it must never be. Called after every step. */
  readonly check: (world: W) => void;
  /** Called when no player can go on. */
  readonly checkEnd: (world: W) => void;
}

class Suspended extends Error {}

/** What is known after some moves: enough to go on from there without making them again. */
interface Position<W> {
  readonly world: W;
  /** By player: what its calls gave. */
  readonly results: readonly (readonly unknown[])[];
  readonly over: readonly boolean[];
  /** For messages: the player, with an x before it when it died. */
  readonly move: string;
  readonly before: Position<W> | undefined;
}

/** @returns how many different states there are. @throws Error with the moves that led to a broken law */
export function explore<W>(stage: Stage<W>): number {
  const world = stage.start();
  const count = stage.players(world).length;
  const results = Array.from({ length: count }, () => []);
  const over = Array.from({ length: count }, () => false);
  const seen = new Set<string>();
  const open: Position<W>[] = [{ world, results, over, move: '', before: undefined }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const known = at.results.map((calls, player) => (at?.over[player] ? 'over' : calls));
    const key = `${stage.keyOf(at.world)}|${JSON.stringify(known)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (!at.over.includes(false)) told(at, () => stage.checkEnd(stage.copy(at?.world as W)));
    for (const [player, isOver] of at.over.entries()) {
      if (isOver) continue;
      open.push(moved(stage, at, player));
      if (stage.kill) open.push(killed(stage, at, player));
    }
  }
  return seen.size;
}

function moved<W>(stage: Stage<W>, before: Position<W>, player: number): Position<W> {
  const world = stage.copy(before.world);
  const own = [...(before.results[player] ?? [])];
  let isOver = false;
  told({ ...before, move: `${player}`, before }, () => {
    isOver = step(stage.players(world)[player] as Player, own);
    stage.check(world);
  });
  return {
    world,
    results: before.results.with(player, own),
    over: before.over.with(player, isOver),
    move: `${player}`,
    before,
  };
}

function killed<W>(stage: Stage<W>, before: Position<W>, player: number): Position<W> {
  const world = stage.copy(before.world);
  stage.kill?.(world, player);
  return { ...before, world, over: before.over.with(player, true), move: `x${player}`, before };
}

/** Makes one more call for real. @returns whether the program has ended with it */
function step({ play }: Player, results: unknown[]): boolean {
  let at = 0;
  let isFresh = true;
  const calls: Calls = (perform) => {
    if (at < results.length) {
      return results[at++] as never;
    }
    if (!isFresh) throw new Suspended();
    isFresh = false;
    const value = perform();
    results.push(value);
    at += 1;
    return value;
  };
  try {
    play(calls);
    return true;
  } catch (error) {
    if (error instanceof Suspended) return false;
    throw error;
  }
}

function told<W>(position: Position<W>, look: () => void): void {
  try {
    look();
  } catch (cause) {
    const moves: string[] = [];
    for (let at: Position<W> | undefined = position; at; at = at.before) moves.unshift(at.move);
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${said}; moves:${moves.join(' ')}`, { cause });
  }
}
