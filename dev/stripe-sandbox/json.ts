/** Owns: what JSON can say, as types. Does not own: what any object of Stripe's has. */

/** Is a value in JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonFields;

/** Are the fields of an object in JSON. */
export type JsonFields = { readonly [field: string]: Json };

/** Is an object as Stripe answers it. Files of objects name the fields that are worked with. */
export interface ApiObject {
  readonly id: string;
  readonly object: string;
  readonly [field: string]: Json;
}

/** Says whether a value is an object with fields. */
export function isFields(value: Json | undefined): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
