// Owns what the bench runs against the clock: one kind of call, and how many of it are kept in flight.

/** Is one kind of work, driven at a fixed number of calls in flight. */
export interface Workload {
  /** Names it for people, such as `unary debits, one hot tenant`. */
  readonly name: string;
  readonly inFlight: number;
  /** Is how many operations one call makes: 1, or the items of a batch. */
  readonly operationsPerCall: number;
  /** Prepares a round, outside of the time that is measured. */
  readonly prepare?: () => Promise<void>;
  /** Makes the call of this number. Throws where it fails. */
  readonly call: (sequence: number) => Promise<unknown>;
}
