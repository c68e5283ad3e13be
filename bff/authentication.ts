// Owns who a request comes from: it verifies the access token (a JWT of the configured issuer) and reads its claims.
// Does not own what that person may do: the kernel decides about roles and workspaces.
// Invariants: only a signature by one of the issuer's keys, of an allowed algorithm, for this deployment's audience, and
// within its time counts; a token is never logged or echoed. A token that was verified counts for some seconds without being
// verified again (verified-token.ts).

import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { KeySet } from './key-set.ts';
import { Problem } from './problem.ts';
import { compileSchema, type Schema } from './schema.ts';
import { type TokenClock, VerifiedTokens } from './verified-token.ts';

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const CLOCK_TOLERANCE_S = 30;
const REALM = 'billing';
const BEARER_PATTERN = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Who calls, as the token says. */
export interface Identity {
  readonly subject: string;
  /** Is the workspace that the token is for; absent for a person without one. */
  readonly tenantId?: string;
  /** Is the role in that workspace, for the kernel to judge. */
  readonly role?: string;
}

/** Which tokens count. */
export interface AuthenticatorOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly keySet: KeySet;
  /** Says how long verified tokens are remembered; default the machine's clocks. */
  readonly clock?: TokenClock;
}

/** The claims that are read. Their values travel as gRPC metadata, so they are bounded and printable. */
interface Claims {
  sub: string;
  exp: number;
  wheelhouse_tenant_id?: string;
  wheelhouse_role?: string;
}

const CLAIMS_SCHEMA: Schema<Claims> = {
  type: 'object',
  properties: {
    sub: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$', description: '1 to 128 visible ASCII characters' },
    exp: { type: 'number', description: 'the seconds since 1970 until which it counts' },
    wheelhouse_tenant_id: {
      type: 'string',
      nullable: true,
      pattern: '^[A-Za-z0-9_-]{1,128}$',
      description: 'the id of a workspace',
    },
    wheelhouse_role: {
      type: 'string',
      nullable: true,
      pattern: '^[a-z_]{1,64}$',
      description: 'the name of a role',
    },
  },
  required: ['sub', 'exp'],
};

const checkClaims = compileSchema(CLAIMS_SCHEMA);

/** Verifies access tokens. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #verified: VerifiedTokens<Identity>;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verified = new VerifiedTokens(options.clock);
  }

  /**
   * Tells who sent a request by its Authorization header fields. Throws the problem CREDENTIAL_INVALID when they hold no
   * token that counts, and ISSUER_UNAVAILABLE when that can't be found out.
   */
  async authenticate(authorization: readonly string[] | undefined): Promise<Identity> {
    const token = readBearerToken(authorization);
    const keyGeneration = this.#options.keySet.generation;
    const known = this.#verified.find(token, keyGeneration);
    if (known !== undefined) {
      return known;
    }
    const payload = await this.#verify(token);
    const claims = checkClaims(payload);
    if ('violations' in claims) {
      const names = claims.violations.map(({ field, expected }) => `${field} must be ${expected}`).join('; ');
      throw invalidToken(`The access token has claims that this API can not use: ${names}.`);
    }
    const { sub, exp, wheelhouse_tenant_id: tenantId, wheelhouse_role: role } = claims.value;
    const identity = { subject: sub, ...(tenantId && { tenantId }), ...(role && { role }) };
    this.#verified.add(token, { value: identity, exp, keyGeneration });
    return identity;
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, audience, keySet } = this.#options;
    try {
      const { payload } = await jwtVerify(token, (header, jws) => keySet.find(header, jws), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'sub'],
      });
      return payload;
    } catch (error) {
      throw error instanceof errors.JOSEError ? invalidToken(complaintOf(error), error) : error;
    }
  }
}

/** Reads the token. Throws CREDENTIAL_INVALID when there is none, or not exactly one well-formed header field. */
function readBearerToken(authorization: readonly string[] | undefined): string {
  const [field, ...others] = authorization ?? [];
  if (field === undefined || field.trim() === '') {
    throw new Problem('CREDENTIAL_INVALID', {
      detail: 'This call needs an access token; send it as `Authorization: Bearer <token>`.',
      headers: { 'WWW-Authenticate': `Bearer realm="${REALM}"` },
    });
  }
  const token = BEARER_PATTERN.exec(field)?.[1];
  if (token === undefined || others.length > 0) {
    throw invalidToken('The Authorization header is malformed; send one, as `Authorization: Bearer <token>`.');
  }
  return token;
}

/** Says what is wrong with a token. What it names was checked after the signature, so it tells nobody anything new. */
function complaintOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) {
    return 'The access token has expired; sign in again or refresh it.';
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return complaintOfClaim(error.claim);
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return `The access token is signed in a way that this API does not accept; it takes ${ALGORITHMS.join(', ')}.`;
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return 'The access token is signed by a key that its issuer does not publish; sign in again.';
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return 'The access token does not say by which of the keys of its issuer it is signed; its issuer must name the key.';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return 'The signature of the access token is wrong; sign in again.';
  }
  return 'The access token is no well-formed JSON Web Token; sign in again.';
}

function complaintOfClaim(claim: string): string {
  switch (claim) {
    case 'nbf':
      return 'The access token is not valid yet; use it later, or check the clock of its issuer.';
    case 'aud':
      return 'The access token was issued for another API; sign in for this one.';
    case 'iss':
      return 'The access token comes from another issuer; sign in where this API expects it.';
    default:
      return `The access token lacks a proper \`${claim}\` claim; sign in again.`;
  }
}

function invalidToken(detail: string, cause?: unknown): Problem {
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

/** Tells which workspace a token is for. Throws ROLE_REQUIRED when it is for none. */
export function workspaceOf(identity: Identity): string {
  if (!identity.tenantId) {
    throw new Problem('ROLE_REQUIRED', {
      detail: 'This access token names no workspace; create or choose a workspace, and sign in to it.',
    });
  }
  return identity.tenantId;
}
