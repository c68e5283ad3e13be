// Owns how the JSON that we answer with is described: a JSON Schema (2020-12) and the type that it has, written once.
// Does not own the shapes themselves: each stands with the translation that makes such values (convert*.ts).
// Invariants: an object has all of its fields, always, and no other: what is not there is null, so that drift is seen.

declare const VALUE: unique symbol;

/** Is a JSON Schema. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** The JSON Schema of a value, which goes with the type of the value. */
export interface Shape<Value> extends JsonSchema {
  /** Is never there. */
  readonly [VALUE]?: Value;
}

/** Is the type of the values of a shape. */
export type ValueOf<S> = S extends Shape<infer Value> ? Value : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type ObjectOf<F extends Fields> = { [Name in keyof F]: ValueOf<F[Name]> };

/** Is a text; `description` says what it is where its name does not. */
export function text(description?: string): Shape<string> {
  return { type: 'string', ...describe(description) };
}

/** Is the address of something on the web. */
export function url(description?: string): Shape<string> {
  return { type: 'string', format: 'uri', ...describe(description) };
}

/** Is a time: RFC 3339, in UTC, with milliseconds. */
export function time(description?: string): Shape<string> {
  return { type: 'string', format: 'date-time', ...describe(description) };
}

/** Is a whole number, as far as numbers of JSON are exact; `description` gives its unit where its name does not. */
export function whole(description?: string): Shape<number> {
  return {
    type: 'integer',
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
    ...describe(description),
  };
}

/** Is true or false. */
export function flag(description?: string): Shape<boolean> {
  return { type: 'boolean', ...describe(description) };
}

/** Is one of some names. */
export function oneOf<const Name extends string>(names: readonly Name[], description?: string): Shape<Name> {
  return { type: 'string', enum: names, ...describe(description) };
}

/** Is a list. */
export function list<Item>(items: Shape<Item>, description?: string): Shape<Item[]> {
  return { type: 'array', items, ...describe(description) };
}

/** Is an object whose names are data. */
export function mapOf<Value>(values: Shape<Value>, description?: string): Shape<Record<string, Value>> {
  return { type: 'object', additionalProperties: values, ...describe(description) };
}

/** Is an object of these fields. */
export function object<F extends Fields>(fields: F, description?: string): Shape<ObjectOf<F>> {
  return {
    type: 'object',
    properties: fields,
    required: Object.keys(fields),
    additionalProperties: false,
    ...describe(description),
  };
}

/** Is an object that the document names, so that clients have a type of this name. */
export function named<F extends Fields>(title: string, fields: F, description: string): Shape<ObjectOf<F>> {
  return { title, ...object(fields, description) };
}

/** Is a value, or null where there is none. */
export function orNull<Value>(shape: Shape<Value>, description?: string): Shape<Value | null> {
  const { type, title, enum: names, ...rest } = shape;
  if (typeof type !== 'string' || title !== undefined) {
    return { anyOf: [shape, { type: 'null' }], ...describe(description) };
  }
  return {
    type: [type, 'null'],
    ...(Array.isArray(names) && { enum: [...names, null] }),
    ...rest,
    ...describe(description),
  };
}

/** Is one page of a list, and what asks for the next one. */
export function pageOf<const Name extends string, Item>(name: Name, items: Shape<Item>) {
  // A computed key of one literal is a key of that name; TypeScript widens it.
  const fields = { [name]: list(items) } as Record<Name, Shape<Item[]>>;
  const next = orNull(text(), 'Is the page_token of the next page; null on the last one.');
  return object<Record<Name, Shape<Item[]>> & { next_page_token: Shape<string | null> }>({
    ...fields,
    next_page_token: next,
  });
}

function describe(description: string | undefined): JsonSchema {
  return description === undefined ? {} : { description };
}
