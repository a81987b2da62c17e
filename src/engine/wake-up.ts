/** Sleeping until a watched folder changes or some time has passed; a change in between is not missed. */
import type { Ports } from '../ports/ports.ts';

export class WakeUp implements Disposable {
  readonly #ports: Pick<Ports, 'files' | 'clock'>;
  readonly #watches = new Map<string, Disposable>();
  #isDue = false;
  #wake: (() => void) | undefined;

  constructor(ports: Pick<Ports, 'files' | 'clock'>) {
    this.#ports = ports;
  }

  /** Changes in this folder wake from now on. */
  watch(folder: string): void {
    if (this.#watches.has(folder)) return;
    this.#watches.set(
      folder,
      this.#ports.files.watch(folder, () => this.#ring()),
    );
  }

  unwatch(folder: string): void {
    this.#watches.get(folder)?.[Symbol.dispose]();
    this.#watches.delete(folder);
  }

  /** Returns at once when something has changed since the last call returned. */
  async sleep(maxMs: number): Promise<void> {
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        const timer = this.#ports.clock.timer(maxMs, resolve);
        this.#wake = () => {
          timer[Symbol.dispose]();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#isDue = false;
  }

  [Symbol.dispose](): void {
    for (const folder of [...this.#watches.keys()]) this.unwatch(folder);
  }

  #ring(): void {
    this.#isDue = true;
    this.#wake?.();
  }
}
