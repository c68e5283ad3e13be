// Owns who a request comes from by its Authorization header: a JWT of the configured issuer, which it verifies, or a personal
// access token, which the kernel does. Does not own browser sessions (browser-session/), or what a caller may do.
// Invariants: only a signature by one of the issuer's keys, of an allowed algorithm, for this deployment's audience, and
// within its time counts; a token is never logged or echoed. A token that was verified counts for some seconds without being
// verified again (verified-token.ts).

import { errors, type JWTPayload, jwtVerify } from 'jose';
import { invalidToken, missingCredential } from './bearer-challenge.ts';
import { type Identity, type Person, SUBJECT_PATTERN, toPerson } from './identity.ts';
import type { KeySet } from './key-set.ts';
import { compileSchema, type Schema } from './schema.ts';
import { type TokenClock, VerifiedTokens } from './verified-token.ts';

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const CLOCK_TOLERANCE_S = 30;
const BEARER_PATTERN = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
/** By its beginning a personal access token is told from a JWT, which never has it. */
const ACCESS_TOKEN_PREFIX = 'whp_';
/** What the kernel makes is shorter; its size is bounded here, since it travels as metadata. */
const ACCESS_TOKEN_LENGTH_MAX = 256;

/** Which tokens count. */
export interface AuthenticatorOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly keySet: KeySet;
  /** Says how long verified tokens are remembered; default the machine's clocks. */
  readonly clock?: TokenClock;
}

/** The claims that a token must have. */
interface Claims {
  sub: string;
  exp: number;
}

const CLAIMS_SCHEMA: Schema<Claims> = {
  type: 'object',
  properties: {
    sub: { type: 'string', pattern: SUBJECT_PATTERN, description: '1 to 128 visible ASCII characters' },
    exp: { type: 'number', description: 'the seconds since 1970 until which it counts' },
  },
  required: ['sub', 'exp'],
};

const checkClaims = compileSchema(CLAIMS_SCHEMA);

/** Verifies access tokens. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #verified: VerifiedTokens<Person>;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verified = new VerifiedTokens(options.clock);
  }

  /**
   * Tells who sent a request by its Authorization header fields. Throws the problem CREDENTIAL_INVALID when they hold no
   * token that counts, and ISSUER_UNAVAILABLE when that can't be found out. Whether a personal access token counts, the
   * kernel says with its answer.
   */
  async authenticate(authorization: readonly string[] | undefined): Promise<Identity> {
    const token = readBearerToken(authorization);
    if (token.startsWith(ACCESS_TOKEN_PREFIX)) {
      return toProgram(token);
    }
    return await this.#authenticatePerson(token);
  }

  async #authenticatePerson(token: string): Promise<Person> {
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
    const { sub, exp } = claims.value;
    const person = toPerson(this.#options.issuer, sub, payload);
    this.#verified.add(token, { value: person, exp, keyGeneration });
    return person;
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
    throw missingCredential('This call needs an access token; send it as `Authorization: Bearer <token>`.');
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

function toProgram(token: string): Identity {
  if (token.length > ACCESS_TOKEN_LENGTH_MAX) {
    throw invalidToken('The personal access token is longer than any that this API makes; check how it was copied.');
  }
  return { kind: 'program', accessToken: token };
}
