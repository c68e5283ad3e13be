/**
 * Owns: cutting Stripe's OpenAPI specification down to what the sandbox serves: its paths, and the schemas that their
 * answers need, without prose.
 * Does not own: which paths these are (`served-path.ts`), and the file that is committed (`extract-main.ts` writes it).
 * Invariants: the same specification and paths give the same text. Nothing is added or reworded; what is left out is
 * prose, answers of failures (all are `error`), and objects that an answer could hold expanded but that no path serves.
 */
import { isRecord } from '../../json-file.ts';

const SCHEMA_PREFIX = '#/components/schemas/';

/** Are further schemas that answers or tests need: what failures answer. */
const FURTHER_SCHEMAS: readonly string[] = ['error'];

/** Is JSON that came from the specification. */
type Node = Readonly<Record<string, unknown>>;

/** Is the part of an OpenAPI document that is read here. */
export interface SpecificationText {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Node>>;
  readonly components: { readonly schemas: Readonly<Record<string, Node>> };
}

/** Returns the extract as the text of a JSON file with one path or schema a line. Throws RangeError for a path that Stripe has not. */
export function extractSpecification(specification: SpecificationText, servedPaths: readonly string[]): string {
  const paths = servedPaths.map((path): [string, Node] => {
    const item = specification.paths[path];
    if (item === undefined) throw new RangeError(`Stripe's specification has no path ${path}.`);
    return [path, toServedOperations(item)];
  });
  const served = new Set(paths.flatMap(([, item]) => findObjects(item)));
  const schemas = collectSchemas(specification, served, [...paths.map(([, item]) => item)]);
  const info = {
    title: "An extract of Stripe's OpenAPI specification",
    version: specification.info.version,
    license: { name: 'MIT', url: 'https://github.com/stripe/openapi/blob/master/LICENSE' },
  };
  const toLines = (entries: readonly (readonly [string, unknown])[]): string =>
    entries.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n');
  return [
    `{"openapi": ${JSON.stringify(specification.openapi)},`,
    `"info": ${JSON.stringify(info)},`,
    `"paths": {\n${toLines(paths.map(([path, item]) => [path, withoutUnserved(item, served)]))}\n},`,
    `"components": {"schemas": {\n${toLines([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))}\n}}}\n`,
  ].join('\n');
}

/** Keeps of each operation its parameters, its body and its answer of success. */
function toServedOperations(item: Node): Node {
  const operations = Object.entries(item).map(([method, operation]): [string, Node] => {
    if (!isRecord(operation)) throw new TypeError(`The operation ${method} is no object.`);
    const { parameters, requestBody, responses } = operation;
    const success = isRecord(responses) ? responses['200'] : undefined;
    return [method, withoutProse({ parameters, requestBody, responses: { '200': success } })];
  });
  return Object.fromEntries(operations);
}

/** Names may be the word of a keyword: in these places a `description` is a field of Stripe's, not prose. */
const NAME_HOLDERS: readonly string[] = ['properties', 'schemas'];

function withoutProse(node: Node, holdsNames = false): Node {
  const kept = Object.entries(node).filter(
    ([key, value]) => value !== undefined && (holdsNames || !isProse(key, value)),
  );
  return Object.fromEntries(
    kept.map(([key, value]) => [key, withoutProseIn(value, !holdsNames && NAME_HOLDERS.includes(key))]),
  );
}

function withoutProseIn(value: unknown, holdsNames: boolean): unknown {
  if (Array.isArray(value)) return value.map((element) => withoutProseIn(element, false));
  return isRecord(value) ? withoutProse(value, holdsNames) : value;
}

function isProse(key: string, value: unknown): boolean {
  return typeof value === 'string' && (key === 'description' || key === 'title');
}

/** Returns the names of the objects that a path's operations answer, alone or in a list. */
function findObjects(item: Node): readonly string[] {
  const found: string[] = [];
  walk(
    Object.values(item).map((operation) => (isRecord(operation) ? operation['responses'] : undefined)),
    (node) => {
      const name = toSchemaName(node['$ref']);
      if (name !== undefined) found.push(name);
    },
  );
  return found;
}

function toSchemaName(reference: unknown): string | undefined {
  return typeof reference === 'string' && reference.startsWith(SCHEMA_PREFIX)
    ? reference.slice(SCHEMA_PREFIX.length)
    : undefined;
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const element of value) walk(element, visit);
  if (!isRecord(value)) return;
  visit(value);
  for (const child of Object.values(value)) walk(child, visit);
}

/** Follows references from the paths on, but not into objects that could only come expanded and are not served. */
function collectSchemas(
  specification: SpecificationText,
  served: ReadonlySet<string>,
  from: readonly Node[],
): ReadonlyMap<string, unknown> {
  const schemas = new Map<string, unknown>();
  const waiting = [...FURTHER_SCHEMAS];
  const follow = (value: unknown): void =>
    walk(value, (node) => {
      const name = toSchemaName(node['$ref']);
      if (name !== undefined && !schemas.has(name)) waiting.push(name);
    });
  for (const item of from) follow(withoutUnserved(item, served));
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (schemas.has(name)) continue;
    const schema = specification.components.schemas[name];
    if (schema === undefined) throw new RangeError(`Stripe's specification has no schema ${name}.`);
    const kept = withoutUnserved(withoutProse(schema), served);
    schemas.set(name, kept);
    follow(kept);
  }
  return schemas;
}

function withoutUnserved(value: unknown, served: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((element) => withoutUnserved(element, served));
  if (!isRecord(value)) return value;
  const { 'x-expansionResources': expansion, ...rest } = value;
  const { anyOf } = rest;
  if (expansion === undefined || !Array.isArray(anyOf)) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutUnserved(child, served)]));
  }
  const targets = anyOf.filter((alternative) => isServed(alternative, served));
  const oneOf = targets.filter((alternative) => isRecord(alternative) && '$ref' in alternative);
  return { ...rest, anyOf: targets, ...(oneOf.length === 0 ? {} : { 'x-expansionResources': { oneOf } }) };
}

function isServed(alternative: unknown, served: ReadonlySet<string>): boolean {
  const name = isRecord(alternative) ? toSchemaName(alternative['$ref']) : undefined;
  return name === undefined || served.has(name);
}
