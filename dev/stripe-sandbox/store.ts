/**
 * Owns: all records of the sandbox, in tables, and changing them by transactions.
 * Does not own: their form, and the file that they are kept in (`journal.ts`).
 * Invariants: a record is never changed in place, only replaced. A transaction is applied whole, after its line of the
 * journal is written, or not at all. Transactions run one after another, because nothing in them waits.
 */
import { type Change, type Journal, NO_JOURNAL, openJournal, readJournal } from './journal.ts';

/** Names a table and the type of what is in it. */
export interface Table<Row> {
  readonly name: string;
  /** Is there for the type alone. */
  readonly row?: Row;
}

/** Names a table. */
export function defineTable<Row>(name: string): Table<Row> {
  return { name };
}

/** Reads records and collects changes of one request. */
export interface Transaction {
  find<Row>(table: Table<Row>, id: string): Row | undefined;
  /** Returns all rows in the order in which they were first put. */
  all<Row>(table: Table<Row>): readonly Row[];
  put<Row>(table: Table<Row>, id: string, row: Row): void;
  remove<Row>(table: Table<Row>, id: string): void;
  /** Returns a transaction that begins with what this one sees, and is never applied. */
  fork(): Transaction;
}

type Rows = Map<string, unknown>;

/** Holds the records. */
export class Store {
  readonly #tables = new Map<string, Rows>();
  readonly #journal: Journal;

  /** Opens the records of a folder, or begins without any and keeps none. Throws StackError where they can't be read. */
  constructor(folder: string | undefined, isWorthKeeping: (change: Change) => boolean) {
    if (folder !== undefined) for (const change of readJournal(folder)) this.#apply(change);
    const records = [...this.#tables].flatMap(([table, rows]) =>
      [...rows].map(([id, value]) => ({ table, id, value })),
    );
    const kept = records.filter(isWorthKeeping);
    this.#tables.clear();
    for (const change of kept) this.#apply(change);
    this.#journal = folder === undefined ? NO_JOURNAL : openJournal(folder, kept);
  }

  /** Runs a transaction and keeps its changes; when `run` throws, nothing of it is kept. */
  run<Result>(run: (transaction: Transaction) => Result): Result {
    const draft = new Draft(this.#tables);
    const result = run(draft);
    this.#commit(draft.changes());
    return result;
  }

  #commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.#journal.append(changes);
    for (const change of changes) this.#apply(change);
  }

  #apply({ table, id, value }: Change): void {
    const rows = this.#tables.get(table) ?? new Map();
    this.#tables.set(table, rows);
    if (value === undefined) rows.delete(id);
    else rows.set(id, value);
  }
}

/** Lays the changes of a transaction over the records. */
class Draft implements Transaction {
  readonly #tables: ReadonlyMap<string, Rows>;
  readonly #changed = new Map<string, Map<string, unknown>>();

  constructor(tables: ReadonlyMap<string, Rows>) {
    this.#tables = tables;
  }

  // What is in a table came in by `put` of the same table, or from the journal that `put` wrote: hence the casts.

  find<Row>(table: Table<Row>, id: string): Row | undefined {
    const changed = this.#changed.get(table.name);
    return (changed?.has(id) === true ? changed.get(id) : this.#tables.get(table.name)?.get(id)) as Row | undefined;
  }

  all<Row>(table: Table<Row>): readonly Row[] {
    const rows = new Map(this.#tables.get(table.name));
    for (const [id, value] of this.#changed.get(table.name) ?? []) {
      if (value === undefined) rows.delete(id);
      else rows.set(id, value);
    }
    return [...rows.values()] as Row[];
  }

  put<Row>(table: Table<Row>, id: string, row: Row): void {
    this.#change(table.name, id, row);
  }

  remove<Row>(table: Table<Row>, id: string): void {
    this.#change(table.name, id, undefined);
  }

  fork(): Transaction {
    const seen = new Map(this.#tables);
    for (const [table, changes] of this.#changed) {
      const rows: Rows = new Map(seen.get(table));
      for (const [id, value] of changes) {
        if (value === undefined) rows.delete(id);
        else rows.set(id, value);
      }
      seen.set(table, rows);
    }
    return new Draft(seen);
  }

  #change(table: string, id: string, value: unknown): void {
    const changed = this.#changed.get(table) ?? new Map<string, unknown>();
    this.#changed.set(table, changed);
    changed.set(id, value);
  }

  changes(): readonly Change[] {
    return [...this.#changed].flatMap(([table, rows]) =>
      [...rows].map(([id, value]) => (value === undefined ? { table, id } : { table, id, value })),
    );
  }
}
