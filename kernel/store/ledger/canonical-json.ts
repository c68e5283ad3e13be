// Owns canonical JSON (RFC 8785) of stored documents: names in the order of their UTF-16 code units, nothing between the
// tokens. BSON's own types become text: int64 its digits, times ISO 8601, binary hexadecimal; an absent field has no name.
// Written by hand because every commit is hashed: the general implementation takes three to five times as long. A test
// holds this one against it.

import { mongo } from 'mongoose';

/**
 * Writes a document as canonical JSON.
 * Throws TypeError where a value has no place in it: text that is not well-formed, a number that is not finite, or a type
 * that no stored document has.
 */
export function formatCanonicalJson(document: object): string {
  return formatRecord(document);
}

function formatValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return formatText(value);
    case 'bigint':
      return `"${value}"`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return formatNumber(value);
    case 'object':
      return value === null ? 'null' : formatObject(value);
    default:
      throw new TypeError(`a value of type ${typeof value} can't be part of a stored document`);
  }
}

function formatObject(value: object): string {
  if (Array.isArray(value)) return formatList(value);
  if (value instanceof Date) return `"${value.toISOString()}"`;
  // The bytes themselves: a UUID and a Binary of the same bytes print differently, and reading turns one into the other.
  if (value instanceof mongo.Binary) {
    return `"${Buffer.from(value.buffer.subarray(0, value.position)).toString('hex')}"`;
  }
  return formatRecord(value);
}

function formatList(values: readonly unknown[]): string {
  let text = '';
  for (const value of values) text += text === '' ? formatValue(value) : `,${formatValue(value)}`;
  return `[${text}]`;
}

function formatRecord(value: object): string {
  // Whatever else an object may be, reading it by its own names is safe.
  const record = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const { name, opening } of fieldsOf(record)) {
    const part = record[name];
    if (part === undefined) continue;
    text += text === '' ? opening + formatValue(part) : `,${opening}${formatValue(part)}`;
  }
  return `{${text}}`;
}

/** Text that JSON writes as it is: most of what is stored. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

function formatText(text: string): string {
  if (PLAIN_TEXT.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new TypeError('text with a lone surrogate has no canonical form');
  return JSON.stringify(text);
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`the number ${value} has no canonical form`);
  return JSON.stringify(value);
}

interface Field {
  readonly name: string;
  /** The name as JSON, with its colon. */
  readonly opening: string;
}

/** The names of a record in the order in which they came, one by one, up to their canonical order. */
interface Shape {
  readonly next: Map<string, Shape>;
  fields?: readonly Field[];
}

const SHAPES_MAX = 10_000;
let shapes: Shape = { next: new Map() };
let shapeCount = 0;

/** Lists the fields of a record in canonical order; documents have few shapes, so each is sorted once. */
function fieldsOf(record: Readonly<Record<string, unknown>>): readonly Field[] {
  const names = Object.keys(record);
  let shape = shapes;
  for (const name of names) shape = shape.next.get(name) ?? addShape(shape, name);
  shape.fields ??= names.toSorted().map((name) => ({ name, opening: `${formatText(name)}:` }));
  return shape.fields;
}

function addShape(shape: Shape, name: string): Shape {
  // Field names are this program's own; should documents of others ever have more, they cost time and not memory.
  if (shapeCount >= SHAPES_MAX) {
    shapes = { next: new Map() };
    shapeCount = 0;
  }
  shapeCount += 1;
  const added: Shape = { next: new Map() };
  shape.next.set(name, added);
  return added;
}
