// Owns how a value is checked against a JSON schema, and how a violation is told to people.
// Does not own the schemas: each stands with what it describes.
// Invariants: every violation is reported, not only the first; each names its field and what is expected there.

import { isIP } from 'node:net';
import { Ajv, type ErrorObject, type JSONSchemaType } from 'ajv';
import { parseTimestamp } from './timestamp.ts';

/** The type of the schema of a value; every property of it says in `description` what is expected. */
export type Schema<Value> = JSONSchemaType<Value>;

/** One thing that is wrong with a value. */
export interface Violation {
  readonly field: string;
  readonly problem: 'missing' | 'unknown' | 'invalid';
  /** Says what is expected, in the words of the schema; empty for an unknown field. */
  readonly expected: string;
  readonly value: unknown;
}

/** Checks a value: what is wrong with it, or nothing and the value with its type. */
export type Check<Value> = (value: unknown) => { value: Value } | { violations: readonly Violation[] };

const HOST_PORT_PATTERN = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/;

const DIGITS_PATTERN = /^[0-9]{1,3}$/;

const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  strict: true,
  formats: {
    timestamp: (text: string) => parseTimestamp(text) !== undefined,
    'http-url': isHttpUrl,
    'http-origin': isHttpOrigin,
    network: isNetwork,
    'host-port': (text: string) => parseHostPort(text) !== undefined,
  },
});

/** Compiles a schema. Throws when the schema itself is wrong. */
export function compileSchema<Value>(schema: Schema<Value>): Check<Value> {
  const validate = ajv.compile<Value>(schema);
  return (value) => (validate(value) ? { value } : { violations: toViolations(validate.errors ?? []) });
}

/** Lists the properties that the schema of an object names. */
export function propertyNames<Value>(schema: Schema<Value>): readonly string[] {
  return 'properties' in schema ? Object.keys(Object(schema['properties'])) : [];
}

/** Splits `host:port` or `[ipv6]:port`; undefined for anything else. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const match = HOST_PORT_PATTERN.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** Shows a value in a message: quoted, and no longer than a person reads. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Plain http is for loopback alone: who can change the issuer's keys on their way can sign in as anybody. */
function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url?.username !== '' || url.password !== '' || url.hash !== '') {
    return false;
  }
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback);
}

/** A URL of a whole site: its scheme, host and port. */
function isHttpOrigin(text: string): boolean {
  const url = URL.parse(text);
  return isHttpUrl(text) && url?.pathname === '/' && url.search === '';
}

/** An address, or a network as its address and the bits that count of it. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  const bitsMax = version === 4 ? 32 : 128;
  const isPrefix = bits === undefined || (DIGITS_PATTERN.test(bits) && Number(bits) >= 1 && Number(bits) <= bitsMax);
  return version !== 0 && isPrefix && rest.length === 0;
}

/** One violation a field: ajv tells each keyword that failed, people need to hear once what is expected. */
function toViolations(errors: readonly ErrorObject[]): readonly Violation[] {
  const byField = new Map<string, Violation>();
  for (const error of errors) {
    const violation = toViolation(error);
    if (!byField.has(violation.field)) {
      byField.set(violation.field, violation);
    }
  }
  return [...byField.values()];
}

function toViolation(error: ErrorObject): Violation {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const inside = (name: unknown): string => (path ? `${path}.${String(name)}` : String(name));
  if (error.keyword === 'additionalProperties') {
    return { field: inside(error.params['additionalProperty']), problem: 'unknown', expected: '', value: undefined };
  }
  if (error.keyword === 'required') {
    const name: unknown = error.params['missingProperty'];
    return { field: inside(name), problem: 'missing', expected: descriptionOf(error, name), value: undefined };
  }
  return { field: path, problem: 'invalid', expected: descriptionOf(error, undefined), value: error.data };
}

/** Reads the description of the schema that failed, or of the property that is missing from it. */
function descriptionOf(error: ErrorObject, property: unknown): string {
  const schema: unknown =
    property === undefined ? error.parentSchema : error.parentSchema?.['properties']?.[String(property)];
  const isDescribed = typeof schema === 'object' && schema !== null && 'description' in schema;
  return isDescribed && typeof schema.description === 'string'
    ? schema.description
    : (error.message ?? 'another value');
}
