// Owns that those who ask for one thing at the same time share one read, which is never older than the question: a read that
// runs may have passed what the caller knows of, so they get the one that begins after it. Nothing is kept.

import type { Pacing } from './ports.ts';

/** Shares reads by what they are of. */
export class SharedRead<Key, Value> {
  readonly #read: (key: Key) => Promise<Value>;
  readonly #pacing: Pick<Pacing, 'afterReadyIo'>;
  /** Reads that have not begun: whoever asks meanwhile shares them. */
  readonly #ahead = new Map<Key, Promise<Value>>();
  readonly #running = new Map<Key, Promise<Value>>();

  constructor(read: (key: Key) => Promise<Value>, pacing: Pick<Pacing, 'afterReadyIo'>) {
    this.#read = read;
    this.#pacing = pacing;
  }

  /** Answers what a read that begins from now on finds. Throws what the read throws. */
  read(key: Key): Promise<Value> {
    const known = this.#ahead.get(key);
    if (known !== undefined) return known;
    const ahead = this.#readSoon(key);
    this.#ahead.set(key, ahead);
    return ahead;
  }

  /** Begins after the read that runs, and after the I/O that is ready: calls that came in together share one read. */
  async #readSoon(key: Key): Promise<Value> {
    await this.#running.get(key)?.catch(() => undefined);
    await new Promise<void>((resolve) => this.#pacing.afterReadyIo(resolve));
    this.#ahead.delete(key);
    const running = this.#read(key);
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#running.get(key) === running) this.#running.delete(key);
    }
  }
}
