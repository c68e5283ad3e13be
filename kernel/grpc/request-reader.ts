// Owns how the bytes of a request become a message, and what is answered where they don't. Does not own what fields may
// hold (convert/field-check.ts).
// Invariant: a text is what was sent. Bytes that are no UTF-8 are refused, where protobuf's reader would put U+FFFD in their
// place: two ids that differ would become one, and a request would be stored as something else than it was.

import { randomUUID } from 'node:crypto';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type DomainError, invalidField } from '../domain/error.ts';
import { quote } from './convert/field-check.ts';

/** Throws at bytes that are no UTF-8; a byte order mark is text like any other. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Stands in the place of each text that is none, in a message that is read only to find them; nobody can send it. */
const NO_TEXT: string = randomUUID();

/** Stands in the place of a request that could not be read. */
class UnreadableRequest {
  readonly error: DomainError;

  constructor(error: DomainError) {
    this.error = error;
  }
}

/** Wraps a deserializer so that bytes which are no such message get an answer with a reason. */
export function readSafely<Request>(
  deserialize: (bytes: Buffer) => Request,
): (bytes: Buffer) => Request | UnreadableRequest {
  // A generated deserializer hands its argument on to `decode`, which takes a reader in the place of bytes.
  const decode = deserialize as unknown as (reader: BinaryReader) => Request;
  return (bytes) => {
    try {
      return decode(new BinaryReader(bytes, decodeText));
    } catch {
      return new UnreadableRequest(explain(decode, bytes));
    }
  };
}

/** Throws DomainError INVALID_FIELD for bytes that could not be read: it names each text that is none, else `request`. */
export function assertReadable(request: unknown): void {
  if (request instanceof UnreadableRequest) throw request.error;
}

function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Reads the message once more, with a mark for each text that is none, and looks where the marks are. */
function explain(decode: (reader: BinaryReader) => unknown, bytes: Buffer): DomainError {
  let fields: readonly string[] = [];
  try {
    fields = [...new Set(findMarks(decode(new BinaryReader(bytes, decodeOrMark)), ''))];
  } catch {
    // It is no message at all.
  }
  if (fields.length === 0) {
    const description = 'is not a message of this method: its bytes are something else';
    return invalidField({ field: 'request', description });
  }
  const description = 'must be text in UTF-8: its bytes are something else';
  return invalidField(...fields.map((field) => ({ field, description })));
}

function decodeOrMark(bytes: Uint8Array): string {
  try {
    return decodeText(bytes);
  } catch {
    return NO_TEXT;
  }
}

/** Finds the paths of marked texts, as the contract names them. */
function* findMarks(value: unknown, path: string): Generator<string> {
  if (value === NO_TEXT) yield path;
  else for (const [part, partPath] of partsOf(value, path)) yield* findMarks(part, partPath);
}

/** What a message, a list or a map consists of, and the path of each part; nothing for anything else. */
function partsOf(value: unknown, path: string): readonly (readonly [part: unknown, path: string])[] {
  if (Array.isArray(value)) return value.map((item, index) => [item, `${path}[${index}]`]);
  if (value instanceof Map) {
    const pathOf = (key: unknown): string => (key === NO_TEXT ? path : `${path}[${quote(String(key))}]`);
    return [...value].flatMap(([key, item]) => [[key, path] as const, [item, pathOf(key)] as const]);
  }
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  const inside = path === '' ? '' : `${path}.`;
  return Object.entries(value).map(([name, item]) => [item, inside + toProtoName(name)]);
}

/** The generated code writes `tenant_id` as `tenantId`. */
function toProtoName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
