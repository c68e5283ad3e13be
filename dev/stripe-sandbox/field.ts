/**
 * Owns: reading fields of checked parameters by their type.
 * Does not own: the check (`parameter.ts`): a wrong type here is a mistake of ours, not of who called.
 */
import { isFields, type Json, type JsonFields } from './json.ts';

/** Returns a text, or undefined where the field was not sent, or was unset by an empty text. */
export function readText(fields: JsonFields, name: string): string | undefined {
  return readUnsettableText(fields, name) ?? undefined;
}

/** Returns a text; null where an empty one was sent to unset it, undefined where none was sent. */
export function readUnsettableText(fields: JsonFields, name: string): string | null | undefined {
  const text = readTyped(fields, name, (value) => typeof value === 'string');
  return text === '' ? null : text;
}

/** Returns an integer, or undefined where the field was not sent. */
export function readInteger(fields: JsonFields, name: string): number | undefined {
  return readTyped(fields, name, (value) => typeof value === 'number');
}

/** Returns true or false, or undefined where the field was not sent. */
export function readFlag(fields: JsonFields, name: string): boolean | undefined {
  return readTyped(fields, name, (value) => typeof value === 'boolean');
}

/** Returns an object's fields, or undefined where the field was not sent, or was unset by an empty text. */
export function readFields(fields: JsonFields, name: string): JsonFields | undefined {
  return fields[name] === '' ? undefined : readTyped(fields, name, isFields);
}

/** Returns a list of texts, or undefined where the field was not sent; an empty text unsets it, which is an empty list. */
export function readTexts(fields: JsonFields, name: string): readonly string[] | undefined {
  if (fields[name] === '') return [];
  const isTexts = (value: Json): value is readonly string[] =>
    Array.isArray(value) && value.every((element) => typeof element === 'string');
  return readTyped(fields, name, isTexts);
}

/** Returns a list of objects, or undefined where the field was not sent; an empty text unsets it, which is an empty list. */
export function readList(fields: JsonFields, name: string): readonly JsonFields[] | undefined {
  if (fields[name] === '') return [];
  const isList = (value: Json): value is readonly JsonFields[] => Array.isArray(value) && value.every(isFields);
  return readTyped(fields, name, isList);
}

function readTyped<Value extends Json>(
  fields: JsonFields,
  name: string,
  isTyped: (value: Json) => value is Value,
): Value | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!isTyped(value)) throw new TypeError(`The parameter ${name} has passed its schema and is ${typeof value}.`);
  return value;
}

/** Returns only the fields that have a value: what was not sent changes nothing. */
export function pickPresent(fields: Readonly<Record<string, Json | undefined>>): JsonFields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
