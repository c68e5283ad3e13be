// Owns the answer to whoever is not signed in, or with a token that does not count: CREDENTIAL_INVALID with the challenge of
// RFC 6750. Does not own which tokens count.

import { Problem } from './problem.ts';

const REALM = 'billing';

/** Builds the refusal of a request without any credential. */
export function missingCredential(detail: string): Problem {
  return new Problem('CREDENTIAL_INVALID', { detail, headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` } });
}

/** Builds the refusal of a token that does not count. */
export function invalidToken(detail: string, cause?: unknown): Problem {
  return new Problem('CREDENTIAL_INVALID', {
    detail,
    cause,
    headers: {
      'WWW-Authenticate': `Bearer realm="${REALM}", error="invalid_token", error_description="${toQuotable(detail)}"`,
    },
  });
}

/** RFC 6750 allows neither quotes nor backslashes, nor anything beyond ASCII, in error_description. */
function toQuotable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]|["\\]/g, "'");
}
