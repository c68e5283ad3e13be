// Owns that those who ask for one thing at the same time share one read, which is never older than the question: a read that
// runs may have passed what the caller knows of, so they get the one that begins after it. Nothing is kept.

interface Flight<Value> {
  readonly running: Promise<Value>;
  /** For those who asked after `running` had begun. */
  next?: Promise<Value>;
}

/** Shares reads by what they are of. */
export class SharedRead<Key, Value> {
  readonly #read: (key: Key) => Promise<Value>;
  readonly #flights = new Map<Key, Flight<Value>>();

  constructor(read: (key: Key) => Promise<Value>) {
    this.#read = read;
  }

  /** Answers what a read that begins from now on finds. Throws what the read throws. */
  read(key: Key): Promise<Value> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#begin(key);
    flight.next ??= flight.running.then(
      () => this.#begin(key),
      () => this.#begin(key),
    );
    return flight.next;
  }

  #begin(key: Key): Promise<Value> {
    const running = this.#read(key);
    const flight: Flight<Value> = { running };
    this.#flights.set(key, flight);
    const end = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    running.then(end, end);
    return running;
  }
}
