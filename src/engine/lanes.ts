/** So many at once, in the order in which they came. */

export class Lanes {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns what `work` comes to, once a lane was free for it */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Handed on, so that nobody who comes meanwhile gets in before it.
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
