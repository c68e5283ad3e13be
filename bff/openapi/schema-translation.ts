// Owns how the schemas that routes check and answer by become those of the document: named ones are gathered as components, and
// what is our checker's own dialect becomes JSON Schema 2020-12. Changes nothing of what a schema accepts.

import type { JsonSchema } from '../shape.ts';

/** Our own formats, by what the standard calls them. */
const STANDARD_FORMATS: ReadonlyMap<unknown, string> = new Map([['timestamp', 'date-time']]);

/** Gathers the schemas that have a name. */
export class SchemaTranslation {
  readonly components = new Map<string, JsonSchema>();
  readonly #sources = new Map<string, unknown>();

  /** Translates a schema. Throws where two different ones have the same name. */
  translate(schema: JsonSchema): JsonSchema {
    const { title } = schema;
    if (typeof title !== 'string') return this.#translateKeywords(schema);
    const known = this.#sources.get(title);
    if (known !== undefined && known !== schema) throw new Error(`two schemas have the name ${title}`);
    if (known === undefined) {
      this.#sources.set(title, schema);
      const { title: _title, ...unnamed } = schema;
      this.components.set(title, this.#translateKeywords(unnamed));
    }
    return { $ref: `#/components/schemas/${title}` };
  }

  #translateKeywords(schema: JsonSchema): JsonSchema {
    const entries = Object.entries(schema).flatMap(([keyword, value]): (readonly [string, unknown])[] => {
      // To the checker it says that a field can be left out, which `required` says here: null is accepted nowhere.
      if (keyword === 'nullable') return [];
      if (keyword === 'format') return [[keyword, STANDARD_FORMATS.get(value) ?? value]];
      if (keyword === 'properties') return [[keyword, this.#translateProperties(value)]];
      return [[keyword, this.#translateValue(value)]];
    });
    return Object.fromEntries(entries);
  }

  /** The names of properties are no keywords. */
  #translateProperties(properties: unknown): object {
    const entries = Object.entries(Object(properties)).map(([name, value]) => [name, this.#translateValue(value)]);
    return Object.fromEntries(entries);
  }

  #translateValue(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#translateValue(item));
    return isSchema(value) ? this.translate(value) : value;
  }
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}
