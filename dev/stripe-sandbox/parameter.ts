/**
 * Owns: checking the parameters of a request against Stripe's schema, and turning texts into what the schema says.
 * Does not own: rules between parameters, and whether what they name exists; the objects' own files do.
 * Invariant: a parameter that Stripe does not know is refused, and so is one that Stripe knows and the operation does not
 * honour: nothing is taken and then ignored.
 */
import type { FormFields, FormValue } from './form.ts';
import type { Json, JsonFields } from './json.ts';
import type { Schema } from './openapi/openapi.ts';
import { invalidRequest, notInSandbox, StripeError } from './stripe-error.ts';

/**
 * Reads the parameters by the schema of their operation. Throws StripeError as Stripe words it.
 * `supported` names what the operation honours: each with all that is inside it, `a.b` only that part of `a`.
 */
export function readParameters(form: FormFields, schema: Schema, supported: readonly string[]): JsonFields {
  const parameters = readObject(form, schema, '');
  assertSupported(form, supported, []);
  return parameters;
}

function assertSupported(fields: FormFields, supported: readonly string[], path: readonly string[]): void {
  for (const [name, value] of fields) {
    // The elements of a list have no names of their own.
    const inner = /^\d+$/.test(name) ? path : [...path, name];
    const joined = inner.join('.');
    if (supported.some((entry) => joined === entry || joined.startsWith(`${entry}.`))) continue;
    const isPartly = typeof value === 'object' && supported.some((entry) => entry.startsWith(`${joined}.`));
    if (!isPartly) throw notInSandbox(`the parameter ${joined}`, toParameterName(inner));
    assertSupported(value, supported, inner);
  }
}

function toParameterName([first = '', ...rest]: readonly string[]): string {
  return [first, ...rest.map((segment) => `[${segment}]`)].join('');
}

function toInnerName(outer: string, name: string): string {
  return outer === '' ? name : `${outer}[${name}]`;
}

function readValue(value: FormValue, schema: Schema, param: string): Json {
  if (schema.anyOf !== undefined) return readAlternative(value, schema.anyOf, param);
  switch (schema.type) {
    case 'object':
      if (typeof value === 'string') throw invalidRequest('Invalid object', { param });
      return readObject(value, schema, param);
    case 'array':
      return readArray(value, schema, param);
    default:
      if (typeof value !== 'string') throw invalidRequest(`Invalid ${schema.type ?? 'value'}: {}`, { param });
      return readText(value, schema, param);
  }
}

/** Takes the first alternative that fits, and blames the one that comes closest. */
function readAlternative(value: FormValue, alternatives: readonly Schema[], param: string): Json {
  let blamed: StripeError | undefined;
  for (const alternative of alternatives) {
    try {
      return readValue(value, alternative, param);
    } catch (error) {
      if (!(error instanceof StripeError)) throw error;
      const isNested = alternative.type === 'object' || alternative.type === 'array';
      if (blamed === undefined || isNested === (typeof value === 'object')) blamed = error;
    }
  }
  throw blamed ?? invalidRequest('Invalid value', { param });
}

function readObject(fields: FormFields, schema: Schema, param: string): JsonFields {
  const { properties = {}, additionalProperties } = schema;
  const isMap = typeof additionalProperties === 'object';
  const known = new Map(Object.entries(properties));
  const unknown = isMap ? [] : [...fields.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) throw unknownParameters(unknown.map((name) => toInnerName(param, name)));
  const missing = (schema.required ?? []).find((name) => !fields.has(name));
  if (missing !== undefined) {
    const name = toInnerName(param, missing);
    throw invalidRequest(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name });
  }
  const empty = (schema.required ?? []).find((name) => fields.get(name) === '');
  if (empty !== undefined) throw emptyParameter(toInnerName(param, empty));
  const entries = [...fields].map(([name, value]): [string, Json] => {
    const own = known.get(name) ?? (isMap ? additionalProperties : {});
    return [name, readValue(value, own, toInnerName(param, name))];
  });
  // Built from entries, a field called __proto__ is a field.
  return Object.fromEntries(entries);
}

/** An empty text unsets a parameter, which one that is required can't be. */
function emptyParameter(param: string): StripeError {
  const message =
    `You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however ` +
    `'${param}' cannot be unset. You should remove '${param}' from your request or supply a non-empty value.`;
  return invalidRequest(message, { code: 'parameter_invalid_empty', param });
}

function unknownParameters([first = '', ...more]: readonly string[]): StripeError {
  const noun = more.length === 0 ? 'parameter' : 'parameters';
  return invalidRequest(`Received unknown ${noun}: ${[first, ...more].join(', ')}`, {
    code: 'parameter_unknown',
    param: first,
  });
}

function readArray(value: FormValue, { items = {} }: Schema, param: string): readonly Json[] {
  if (typeof value === 'string') throw invalidRequest('Invalid array', { param });
  const elements = [...value].map(([index, element]) => {
    if (!/^\d{1,4}$/.test(index)) throw invalidRequest('Invalid array', { param });
    return { index: Number(index), element };
  });
  elements.sort((a, b) => a.index - b.index);
  return elements.map(({ index, element }) => readValue(element, items, toInnerName(param, String(index))));
}

function readText(text: string, schema: Schema, param: string): Json {
  switch (schema.type) {
    case 'integer':
      return readInteger(text, param);
    case 'number':
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw invalidRequest(`Invalid decimal: ${text}`, { param });
      return Number(text);
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw invalidRequest(`Invalid boolean: ${text}`, { param });
      return text === 'true';
    default:
      return readString(text, schema, param);
  }
}

function readInteger(text: string, param: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw invalidRequest(`Invalid integer: ${text}`, { code: 'parameter_invalid_integer', param });
  }
  return value;
}

function readString(text: string, schema: Schema, param: string): string {
  const { enum: allowed, maxLength, format } = schema;
  if (allowed !== undefined && schema['x-stripeBypassValidation'] !== true && !allowed.includes(text)) {
    throw invalidRequest(`Invalid ${param}: must be ${allowed.length > 1 ? 'one of ' : ''}${listOr(allowed)}`, {
      param,
    });
  }
  if (maxLength !== undefined && text.length > maxLength) {
    throw invalidRequest(`Invalid string: ${text.slice(0, 20)}...; must be at most ${maxLength} characters`, { param });
  }
  if (format === 'decimal' && text !== '' && !/^-?\d+(\.\d+)?$/.test(text))
    throw invalidRequest(`Invalid decimal: ${text}`, { param });
  return text;
}

function listOr(values: readonly unknown[]): string {
  const texts = values.map(String);
  const last = texts.pop() ?? '';
  if (texts.length === 0) return last;
  return texts.length === 1 ? `${texts[0]} or ${last}` : `${texts.join(', ')}, or ${last}`;
}
