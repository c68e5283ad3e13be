/**
 * Owns: what an operation works with while it carries out a request, or what has fallen due; and the form of the files
 * of objects (`resource/`), each of which is one `Resource`.
 * Does not own: any operation.
 */
import { addDeliveries } from './delivery.ts';
import { createEvent, EVENTS, type EventOrigin, type Happening } from './event.ts';
import type { ApiObject, Json, JsonFields } from './json.ts';
import type { Page } from './list.ts';
import type { Table, Transaction } from './store.ts';
import { resourceMissing } from './stripe-error.ts';

/** Is what the sandbox is started with, as far as operations need it. */
export interface SandboxFacts {
  readonly apiVersion: string;
  /** Is where the sandbox's own pages are, without a slash at the end. */
  readonly baseUrl: string;
  /** Has follow, in the same transaction, what other objects do when something has happened to one (`Resource.reactions`). */
  readonly react?: (call: Call, happening: Happening) => void;
}

/** Is a request, or what has fallen due, while it is carried out. */
export class Call {
  readonly tx: Transaction;
  readonly facts: SandboxFacts;
  /** Is the time now, in seconds since 1970. */
  readonly now: number;
  readonly #origin: EventOrigin;

  constructor(tx: Transaction, facts: SandboxFacts, now: number, origin: EventOrigin) {
    this.tx = tx;
    this.facts = facts;
    this.now = now;
    this.#origin = origin;
  }

  /** Returns the same call at another time: of a test clock, or of what falls due. */
  at(now: number): Call {
    return new Call(this.tx, this.facts, now, this.#origin);
  }

  /** Returns the same call on a copy of all there is: what it does is seen by it alone, and then forgotten. */
  rehearse(): Call {
    return new Call(this.tx.fork(), this.facts, this.now, this.#origin);
  }

  /** Makes an event of what happened, and has it delivered. */
  emit(happening: Happening): void {
    const event = createEvent(happening, this.now, this.#origin, this.facts.apiVersion);
    this.tx.put(EVENTS, event.id, addDeliveries(this.tx, event));
    this.facts.react?.(this, happening);
  }

  /** Keeps a new object and tells of it. */
  create<Row extends ApiObject>(table: Table<Row>, row: Row, eventType?: string): Row {
    this.tx.put(table, row.id, row);
    if (eventType !== undefined) this.emit({ type: eventType, object: row });
    return row;
  }

  /** Keeps an object with changes, and tells of them if there are any. */
  update<Row extends ApiObject>(
    table: Table<Row>,
    before: Row,
    changes: Partial<Row> | JsonFields,
    eventType: string,
  ): Row {
    const after: Row = { ...before, ...changes };
    this.tx.put(table, after.id, after);
    if (JSON.stringify(before) !== JSON.stringify(after)) this.emit({ type: eventType, object: after, before });
    return after;
  }

  /** Keeps an object in another state and tells of that, as Stripe does for states: with the object alone. */
  move<Row extends ApiObject>(table: Table<Row>, before: Row, changes: Partial<Row>, eventType: string): Row {
    return this.create(table, { ...before, ...changes }, eventType);
  }

  /** Returns an object that a parameter or the path names. Throws StripeError (resource_missing) where there is none. */
  need<Row extends ApiObject>(table: Table<Row>, id: string, param: string, status: 400 | 404 = 400): Row {
    const row = this.tx.find(table, id);
    if (row === undefined) throw resourceMissing(toKind(table.name), id, param, status);
    return row;
  }
}

/** Is a request to an operation. */
export interface Request {
  readonly parameters: JsonFields;
  /** Are the parts of the path by their names in Stripe's specification. */
  readonly path: Readonly<Record<string, string>>;
}

/** Carries out one method of one path. */
export interface Operation {
  /** Are the parameters that it honours; `expand` goes without saying. See `readParameters`. */
  readonly supported: readonly string[];
  run(call: Call, request: Request): ApiObject | Page;
}

/** Is all about one kind of object. */
export interface Resource {
  /** Are the operations by method and path, such as `POST /v1/prices/{price}`. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** Are fields that an object has only when `expand` asks for them, by the object's type and the field. */
  readonly included?: Readonly<Record<string, Readonly<Record<string, (call: Call, object: ApiObject) => Json>>>>;
  /**
   * Is what follows for these objects when something has happened to another, by the type of the event, right after it.
   * So an invoice is paid when its payment intent succeeds, whoever made that succeed.
   */
  readonly reactions?: Readonly<Record<string, (call: Call, object: ApiObject) => void>>;
  /** Is what happens when something has fallen due, by its kind. */
  readonly due?: Readonly<Record<string, (call: Call, subject: string) => void>>;
}

/** Returns the id in the path. */
export function toPathId({ path }: Request): string {
  const [id] = Object.values(path);
  if (id === undefined) throw new TypeError('The path of this operation has no id.');
  return id;
}

/** Returns what Stripe calls a kind of object in its errors: `checkout.session` is a checkout.session, `payment_intent` a payment_intent. */
function toKind(schemaName: string): string {
  return schemaName === 'test_helpers.test_clock' ? 'test clock' : schemaName;
}

/** Makes one reaction of those of all objects, which follow in the order of their list. */
export function toReaction(resources: readonly Resource[]): NonNullable<SandboxFacts['react']> {
  return (call, { type, object }) => {
    for (const { reactions } of resources) reactions?.[type]?.(call, object);
  };
}
