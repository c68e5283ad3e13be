/**
 * Owns: judging answers and events by Stripe's own specification: its OpenAPI schemas as JSON Schema, for ajv.
 * Does not own: the specification; the committed extract is held to Stripe's by test/sandbox/openapi-extract.test.ts.
 * Invariant: stricter than Stripe where that finds mistakes: an object has no field that its schema has not.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { DataValidateFunction } from 'ajv/dist/types/index.js';
import type { JsonFields } from '../../dev/stripe-sandbox/json.ts';
import { isFields } from '../../dev/stripe-sandbox/json.ts';
import { loadOpenApi, type Operation, type Schema, toSchemaName } from '../../dev/stripe-sandbox/openapi/openapi.ts';

/** Is the keyword that stands for a reference; a schema is compiled only when something is judged by it. */
const REFERENCE = 'stripeReference';

type JsonSchema = Record<string, unknown>;

/** Translates a schema of OpenAPI 3.0. */
function toJsonSchema(schema: Schema): JsonSchema {
  const { nullable, $ref, anyOf, properties, items, additionalProperties, enum: allowed, ...rest } = schema;
  if ($ref !== undefined) return { [REFERENCE]: toSchemaName($ref) };
  const { 'x-stripeBypassValidation': isOpen, 'x-expansionResources': _expansion, ...plain } = withoutExtensions(rest);
  const translated: JsonSchema = {
    ...plain,
    ...(allowed === undefined || isOpen === true ? {} : { enum: allowed }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(toJsonSchema) }),
    ...(items === undefined ? {} : { items: toJsonSchema(items) }),
    ...(properties === undefined ? {} : toClosedObject(properties)),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: toJsonSchema(additionalProperties) } : {}),
  };
  return nullable === true ? { anyOf: [translated, { type: 'null' }] } : translated;
}

function withoutExtensions(schema: Schema): Schema {
  const kept = Object.entries(schema).filter(([key]) => !key.startsWith('x-') || key === 'x-stripeBypassValidation');
  return Object.fromEntries(kept);
}

function toClosedObject(properties: Readonly<Record<string, Schema>>): JsonSchema {
  const entries = Object.entries(properties).map(([name, schema]): [string, JsonSchema] => [
    name,
    toJsonSchema(schema),
  ]);
  return { properties: Object.fromEntries(entries), additionalProperties: false };
}

/** Judges what the sandbox says. */
export class StripeSchema {
  readonly #openApi = loadOpenApi();
  readonly #ajv = new Ajv({ strict: false, inlineRefs: false, code: { optimize: false } });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor() {
    this.#ajv.addFormat('unix-time', {
      type: 'number',
      validate: (value) => Number.isSafeInteger(value) && value >= 0,
    });
    this.#ajv.addFormat('currency', /^[a-z]{3}$/);
    this.#ajv.addFormat('decimal', /^-?\d+(\.\d+)?$/);
    this.#ajv.addKeyword({ keyword: REFERENCE, errors: 'full', compile: (name: string) => this.#toLazy(name) });
  }

  /** Returns a function that judges by a schema that is compiled when it is first used: objects refer to nearly all others. */
  #toLazy(name: string): DataValidateFunction {
    const judge: DataValidateFunction = (data, context) => {
      const validate = this.#compile(name, this.#openApi.components.schemas[name] ?? {});
      const isRight = validate(data);
      const path = context?.instancePath ?? '';
      judge.errors =
        validate.errors?.map((error) => ({ ...error, instancePath: `${path}${error.instancePath}` })) ?? [];
      return isRight;
    };
    return judge;
  }

  #compile(key: string, schema: Schema): ValidateFunction {
    const validate = this.#compiled.get(key) ?? this.#ajv.compile(toJsonSchema(schema));
    this.#compiled.set(key, validate);
    return validate;
  }

  /** Returns what is wrong with an answer to a method of a path as the specification writes it; nothing, if it is right. */
  judgeAnswer(operation: Operation, status: number, body: unknown): string | undefined {
    if (status !== 200) return this.#judge('error', { $ref: '#/components/schemas/error' }, body);
    const schema = operation.responses['200'].content['application/json']?.schema ?? {};
    return this.#judge(JSON.stringify(schema), schema, body);
  }

  /** Returns what is wrong with an event, its object and what that was before; nothing, if they are right. */
  judgeEvent(event: JsonFields): string | undefined {
    const data = isFields(event['data']) ? event['data'] : {};
    const object = isFields(data['object']) ? data['object'] : {};
    const kind = String(object['object']);
    const problem =
      this.#judge('event', { $ref: '#/components/schemas/event' }, event) ??
      this.#judge(kind, { $ref: `#/components/schemas/${kind}` }, object);
    const previous = isFields(data['previous_attributes']) ? Object.keys(data['previous_attributes']) : [];
    const unknown = previous.filter((name) => this.#openApi.components.schemas[kind]?.properties?.[name] === undefined);
    return problem ?? (unknown.length === 0 ? undefined : `previous_attributes has ${unknown.join(', ')}`);
  }

  /** Returns what the specification says about a method of a path; undefined where it has none. */
  findOperation(method: string, path: string): Operation | undefined {
    const segments = path.split('/');
    const isFitting = (pattern: string): boolean => {
      const parts = pattern.split('/');
      return parts.length === segments.length && parts.every((part, i) => part.startsWith('{') || part === segments[i]);
    };
    const patterns = Object.keys(this.#openApi.paths).filter(isFitting);
    const [pattern = ''] = patterns.sort((a, b) => a.split('{').length - b.split('{').length);
    return this.#openApi.paths[pattern]?.[method.toLowerCase()];
  }

  #judge(key: string, schema: Schema, value: unknown): string | undefined {
    const validate = this.#compile(`all of ${key}`, schema);
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors, { separator: '\n  ' });
  }
}
