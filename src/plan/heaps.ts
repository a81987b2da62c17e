/** Binary heaps of numbers, the smallest first. For the schedule, where objects would cost too much. */

/** A heap of distinct or equal whole numbers. */
export class NumberHeap {
  readonly #items: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = items[above] ?? 0;
      if (other <= item) break;
      items[at] = other;
      at = above;
    }
    items[at] = item;
  }

  /** Undefined when empty. */
  peek(): number | undefined {
    return this.#items[0];
  }

  /** Undefined when empty. */
  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const item = items.pop();
    const size = items.length;
    if (item === undefined || size === 0) return top;
    let at = 0;
    for (let below = 1; below < size; below = 2 * at + 1) {
      const right = items[below + 1];
      let least = items[below] ?? 0;
      if (right !== undefined && right < least) {
        below++;
        least = right;
      }
      if (item <= least) break;
      items[at] = least;
      at = below;
    }
    items[at] = item;
    return top;
  }
}

/** A heap of items by time; items of the same time come out in the order of their numbers. */
export class TimeHeap {
  readonly #times: number[] = [];
  readonly #items: number[] = [];

  /** Time of the first item; undefined when empty. */
  peekTime(): number | undefined {
    return this.#times[0];
  }

  push(time: number, item: number): void {
    let at = this.#items.length;
    this.#times.push(time);
    this.#items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(time, item, above)) break;
      this.#move(above, at);
      at = above;
    }
    this.#times[at] = time;
    this.#items[at] = item;
  }

  /** Undefined when empty. */
  pop(): number | undefined {
    const top = this.#items[0];
    const time = this.#times.pop();
    const item = this.#items.pop();
    const size = this.#items.length;
    if (time === undefined || item === undefined || size === 0) return top;
    let at = 0;
    for (let below = 1; below < size; below = 2 * at + 1) {
      const right = below + 1;
      const rightTime = this.#times[right];
      const rightItem = this.#items[right];
      if (rightTime !== undefined && rightItem !== undefined) {
        if (this.#isBefore(rightTime, rightItem, below)) below = right;
      }
      if (this.#isBefore(time, item, below)) break;
      this.#move(below, at);
      at = below;
    }
    this.#times[at] = time;
    this.#items[at] = item;
    return top;
  }

  #isBefore(time: number, item: number, place: number): boolean {
    const other = this.#times[place] ?? 0;
    return time < other || (time === other && item < (this.#items[place] ?? 0));
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] ?? 0;
    this.#items[to] = this.#items[from] ?? 0;
  }
}
