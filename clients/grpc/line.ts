// Owns a line of what waits: who came first goes first, however many there are.
// Invariant: taking the first costs the same in a long line as in a short one, which `Array.shift` does not.

/** As many places as may be left empty at the front. */
const GAP_MAX = 1_024;

/** A line. */
export class Line<Item> {
  #items: Item[] = [];
  /** Is where the first stands; before it all are gone. */
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Puts these before all that there are. */
  putFirst(items: readonly Item[]): void {
    this.#replace([...items, ...this.first(this.length)]);
  }

  /** Shows the first of them, at most so many. */
  first(count: number): readonly Item[] {
    return this.#items.slice(this.#start, this.#start + count);
  }

  /** Takes the first of them out, at most so many. */
  take(count: number): readonly Item[] {
    const taken = this.first(count);
    this.#start += taken.length;
    // What was taken is let go of once it is as much as what is left, so that each is moved about once.
    if (this.#start >= Math.max(GAP_MAX, this.length)) this.#replace(this.first(this.length));
    return taken;
  }

  /** Takes out those that are in a set. */
  remove(items: ReadonlySet<Item>): void {
    this.#replace(this.first(this.length).filter((item) => !items.has(item)));
  }

  #replace(items: readonly Item[]): void {
    this.#items = [...items];
    this.#start = 0;
  }
}
