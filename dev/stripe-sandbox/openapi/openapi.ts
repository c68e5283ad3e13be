/**
 * Owns: reading the committed extract of Stripe's OpenAPI specification, and the few forms of schema that occur in it.
 * Does not own: what is in it; Stripe does, and `extract.ts` cuts it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Is the committed extract. */
export const OPENAPI_FILE = fileURLToPath(new URL('stripe-openapi.json', import.meta.url));

/** Is a schema of OpenAPI 3.0, as far as Stripe uses it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** Is false where an object has no other fields; a schema where it maps any name to one. */
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly nullable?: boolean;
  readonly format?: string;
  readonly pattern?: string;
  /** Are the objects that may stand in place of an id. */
  readonly 'x-expansionResources'?: { readonly oneOf: readonly Schema[] };
  /** Says that Stripe itself takes more than the schema says. */
  readonly 'x-stripeBypassValidation'?: boolean;
}

/** Is a parameter in the path or the query. */
interface ParameterSchema {
  readonly in: 'path' | 'query';
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

/** Is what Stripe's specification says about one method of one path. */
export interface Operation {
  readonly parameters?: readonly ParameterSchema[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<'200', { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

/** Is the extract. */
export interface OpenApi {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Reads the extract. */
export function loadOpenApi(): OpenApi {
  // A test holds the committed file to what Stripe's specification gives.
  return JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as OpenApi;
}

/** Returns the schema that a reference names, and any other schema as it is. */
export function resolveSchema(openApi: OpenApi, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const name = toSchemaName(schema.$ref);
  const resolved = openApi.components.schemas[name];
  if (resolved === undefined) throw new RangeError(`The extract of Stripe's specification has no schema ${name}.`);
  return resolved;
}

/** Returns the name of a schema in a reference to it. */
export function toSchemaName(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/**
 * Returns the parameters of an operation, in query or body, as one schema of an object.
 * Stripe takes both the same way, except where they travel.
 */
export function toParameterSchema(operation: Operation): Schema {
  const body = operation.requestBody?.content['application/x-www-form-urlencoded']?.schema;
  const query = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(query.map(({ name, schema }) => [name, schema])),
      ...body?.properties,
    },
    required: [...query.filter(({ required }) => required === true).map(({ name }) => name), ...(body?.required ?? [])],
  };
}
