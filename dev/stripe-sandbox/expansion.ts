/**
 * Owns: `expand`: putting objects in the place of their ids, as Stripe's schema says where that may be.
 * Does not own: which fields come only when they are asked for; the objects' own files fill them in.
 */
import { type ApiObject, isFields, type Json, type JsonFields } from './json.ts';
import { type OpenApi, resolveSchema, type Schema, toSchemaName } from './openapi/openapi.ts';
import { invalidRequest, notInSandbox } from './stripe-error.ts';

/** Is how many names a path has at most; the `data` of a list is one, too. */
const DEPTH_MAX = 4;

/** Finds what expansion puts in. */
export interface ExpansionSource {
  readonly openApi: OpenApi;
  /** Returns an object by the name of its schema and its id. */
  find(schemaName: string, id: string): ApiObject | undefined;
  /** Returns a field that an object has only when it is asked for; undefined where the sandbox has no such field. */
  include(object: ApiObject, field: string): Json | undefined;
}

/** Returns an answer with each path expanded. Throws StripeError for a path that can't be. */
export function expand(
  source: ExpansionSource,
  answer: JsonFields,
  schema: Schema,
  paths: readonly string[],
): JsonFields {
  let expanded: Json = answer;
  for (const path of paths) {
    const segments = path.split('.');
    if (segments.length > DEPTH_MAX) {
      const message = `You cannot expand more than ${DEPTH_MAX} levels of a property. Property: ${path}`;
      throw invalidRequest(message, { code: 'property_expansion_max_depth', param: 'expand' });
    }
    expanded = new Path(source, path).expand(expanded, schema, segments);
  }
  return isFields(expanded) ? expanded : answer;
}

/** What an object of a kind may have, and whether it has to. */
interface Field {
  readonly property: Schema;
  readonly isRequired: boolean;
}

class Path {
  readonly #source: ExpansionSource;
  readonly #text: string;

  constructor(source: ExpansionSource, text: string) {
    this.#source = source;
    this.#text = text;
  }

  expand(value: Json, schema: Schema, segments: readonly string[]): Json {
    const [field, ...rest] = segments;
    if (field === undefined || value === null) return value;
    if (Array.isArray(value)) return value.map((element) => this.expand(element, schema.items ?? {}, segments));
    if (!isFields(value)) throw this.#refusal();
    const { properties = {}, required = [] } = this.#toShape(value, schema);
    const property = Object.hasOwn(properties, field) ? properties[field] : undefined;
    if (property === undefined) throw this.#refusal();
    const isRequired = required.includes(field);
    return { ...value, ...this.#expandField(value, field, { property, isRequired }, rest) };
  }

  #expandField(value: JsonFields, field: string, { property, isRequired }: Field, rest: readonly string[]): JsonFields {
    const current = Object.hasOwn(value, field) ? value[field] : this.#include(value, field);
    if (typeof current === 'string') return { [field]: this.#expandId(current, property, rest) };
    const { items } = property;
    if (Array.isArray(current) && items?.['x-expansionResources'] !== undefined) {
      return { [field]: current.map((element) => this.#expandElement(element, items, rest)) };
    }
    // An object may lack the id of something that another one of its kind has.
    if (current === undefined && !isRequired && property['x-expansionResources'] !== undefined) return {};
    if (current === undefined) throw notInSandbox(`the field ${this.#text}`, 'expand');
    // A field that may be expanded and is null stays null; one that was expanded by an earlier path stays so.
    const isExpandable = property['x-expansionResources'] !== undefined || value[field] === undefined;
    if (rest.length === 0 && !isExpandable) throw this.#refusal();
    return { [field]: this.expand(current, property, rest) };
  }

  #expandId(id: string, property: Schema, rest: readonly string[]): Json {
    const targets = property['x-expansionResources']?.oneOf ?? [];
    const object = this.#findTarget(targets, id);
    if (object === undefined) throw this.#refusal();
    return this.expand(object, { anyOf: targets }, rest);
  }

  /** Expands an element of a list of ids; an earlier path may have expanded it already. */
  #expandElement(element: Json, items: Schema, rest: readonly string[]): Json {
    return typeof element === 'string' ? this.#expandId(element, items, rest) : this.expand(element, items, rest);
  }

  #include(value: JsonFields, field: string): Json | undefined {
    return isApiObject(value) ? this.#source.include(value, field) : undefined;
  }

  #findTarget(targets: readonly Schema[], id: string): ApiObject | undefined {
    for (const { $ref } of targets) {
      const found = $ref === undefined ? undefined : this.#source.find(toSchemaName($ref), id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Returns which of several schemas an object has the form of. */
  #toShape(value: JsonFields, schema: Schema): Schema {
    const shape = resolveSchema(this.#source.openApi, schema);
    if (shape.anyOf === undefined) return shape;
    const candidates = shape.anyOf.map((alternative) => resolveSchema(this.#source.openApi, alternative));
    const isOf = ({ properties }: Schema) =>
      properties?.['object']?.enum?.includes(value['object']) === true &&
      (properties['deleted'] !== undefined) === (value['deleted'] === true);
    return candidates.find(isOf) ?? candidates.find(({ properties }) => properties !== undefined) ?? shape;
  }

  #refusal() {
    return invalidRequest(`This property cannot be expanded (${this.#text}).`, { param: 'expand' });
  }
}

function isApiObject(value: JsonFields): value is ApiObject {
  return typeof value['id'] === 'string' && typeof value['object'] === 'string';
}
