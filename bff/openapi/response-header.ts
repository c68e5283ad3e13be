// Owns the header fields that answers have in the document.

import { type JsonSchema, oneOf, text } from '../shape.ts';

/** Are the header fields, as components of the document. */
export const HEADERS = {
  'X-Request-Id': { description: 'Is the id of the request, for logs and support.', required: true, schema: text() },
  ETag: { description: 'Is the tag of this answer, for If-None-Match.', schema: text() },
  Location: { description: 'Is the path of what was made.', schema: text() },
  'Idempotency-Replayed': {
    description: 'Says that an earlier request with the same key did it.',
    schema: oneOf(['true']),
  },
  'Retry-After': {
    description: 'Is in how many seconds to try again.',
    schema: { type: 'string', pattern: '^[0-9]+$' },
  },
  'WWW-Authenticate': { description: 'Says what is wrong with the credential (RFC 6750).', schema: text() },
} as const;

/** Names header fields of an answer. */
export function toHeaders(names: readonly (keyof typeof HEADERS)[]): JsonSchema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
