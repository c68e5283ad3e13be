// Owns how a person signs in with a browser: the authorization code flow with PKCE (OpenID Connect Core, RFC 7636) at the
// configured issuer. Does not own the session that begins with it (browser-session.ts).
// Invariants: an answer of the issuer counts only in the browser that asked for it, once, within minutes, and for the very request
// that was made (state, nonce, PKCE verifier in a sealed cookie); no token of the issuer is kept or told to the browser.

import type { IncomingMessage } from 'node:http';
import type { JWTPayload } from 'jose';
import {
  AuthorizationResponseError,
  // biome-ignore lint/suspicious/noDeprecatedImports: marked so that it stands out; the configuration allows http for loopback alone.
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  type IDToken,
  None,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { missingCredential } from '../bearer-challenge.ts';
import { type Person, SUBJECT_PATTERN, toPerson } from '../identity.ts';
import { Problem } from '../problem.ts';
import { compileSchema, type Schema } from '../schema.ts';
import { SealedCookie } from './sealed-cookie.ts';

/** Is where the issuer sends the browser back to. */
export const CALLBACK_PATH = '/auth/callback';

const IS_SUBJECT = new RegExp(SUBJECT_PATTERN);
const SCOPE = 'openid email profile';
/** How long somebody may take at the issuer. */
const ATTEMPT_LIFETIME_S = 600;
const ISSUER_TIMEOUT_S = 5;
/** What the issuer refuses because of this deployment's own settings. */
const OWN_FAULTS: readonly string[] = [
  'invalid_client',
  'unauthorized_client',
  'invalid_scope',
  'unsupported_grant_type',
];
/** What openid-client calls an issuer that gives no proper answer. */
const UNAVAILABLE_CODES: readonly string[] = [
  'OAUTH_TIMEOUT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
];

/** How people of one deployment sign in. */
export interface SignInOptions {
  readonly productCode: string;
  readonly issuer: string;
  /** Is who this deployment is for the issuer. */
  readonly clientId: string;
  /** Is secret; absent for a client that has none. */
  readonly clientSecret?: string | undefined;
  /** Is where browsers find this deployment. */
  readonly publicUrl: URL;
  readonly keys: readonly Uint8Array[];
}

/** Is a sign-in that has begun: what its cookie says. */
interface Attempt {
  state: string;
  nonce: string;
  verifier: string;
  return_to: string;
}

const ATTEMPT_SCHEMA: Schema<Attempt> = {
  type: 'object',
  properties: {
    state: { type: 'string' },
    nonce: { type: 'string' },
    verifier: { type: 'string' },
    return_to: { type: 'string' },
  },
  required: ['state', 'nonce', 'verifier', 'return_to'],
};

const checkAttempt = compileSchema(ATTEMPT_SCHEMA);

/** Signs people in. */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #cookie: SealedCookie;
  #configuration: Promise<Configuration> | undefined;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#cookie = new SealedCookie({
      name: `wheelhouse_${options.productCode}_sign_in`,
      purpose: `wheelhouse:${options.productCode}:sign-in`,
      isSecure: options.publicUrl.protocol === 'https:',
      keys: options.keys,
      lifetimeS: ATTEMPT_LIFETIME_S,
    });
  }

  /**
   * Begins: tells where at the issuer the browser shall go, and the Set-Cookie header for it. With `prompt` the issuer asks
   * also whoever is signed in there. Throws ISSUER_UNAVAILABLE when the issuer does not say where that is.
   */
  async begin(returnPath: string, prompt?: 'login'): Promise<{ readonly location: string; readonly cookie: string }> {
    const configuration = await this.#discover();
    const attempt: Attempt = {
      state: randomState(),
      nonce: randomNonce(),
      verifier: randomPKCECodeVerifier(),
      return_to: returnPath,
    };
    const location = buildAuthorizationUrl(configuration, {
      redirect_uri: new URL(CALLBACK_PATH, this.#options.publicUrl).href,
      scope: SCOPE,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      ...(prompt !== undefined && { prompt }),
    });
    return { location: location.href, cookie: await this.#cookie.seal({ ...attempt }) };
  }

  /** Is the value of the Set-Cookie header that ends an attempt. */
  get removal(): string {
    return this.#cookie.removal;
  }

  /**
   * Ends: tells who signed in, and the path to return to. Throws CREDENTIAL_INVALID when this browser had not begun, or the
   * issuer's answer does not fit, and ISSUER_UNAVAILABLE when the issuer gives none.
   */
  async finish(request: IncomingMessage): Promise<{ readonly person: Person; readonly returnPath: string }> {
    const { publicUrl } = this.#options;
    const attempt = toAttempt(await this.#cookie.open(request.headers.cookie));
    // Only what the issuer added to the address is looked at; its host is ours, whatever the request says.
    const address = new URL(CALLBACK_PATH, publicUrl);
    address.search = URL.parse(request.url ?? '', publicUrl.href)?.search ?? '';
    const configuration = await this.#discover();
    try {
      const tokens = await authorizationCodeGrant(configuration, address, {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined || !IS_SUBJECT.test(claims.sub)) {
        throw notSignedIn(new Error('the issuer names no subject that can be passed on'));
      }
      const more = await loadMoreClaims(configuration, tokens.access_token, claims);
      return {
        person: toPerson(this.#options.issuer, claims.sub, { ...more, ...claims }),
        returnPath: attempt.return_to,
      };
    } catch (error) {
      throw toProblem(error);
    }
  }

  /** Asks the issuer once how it works; again only if that failed. */
  async #discover(): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.#options;
    const url = new URL(issuer);
    this.#configuration ??= discovery(url, clientId, clientSecret, clientSecret === undefined ? None() : undefined, {
      timeout: ISSUER_TIMEOUT_S,
      // The configuration lets http pass for loopback alone.
      execute: url.protocol === 'http:' ? [allowInsecureRequests] : [],
    });
    try {
      return await this.#configuration;
    } catch (error) {
      this.#configuration = undefined;
      throw new Problem('ISSUER_UNAVAILABLE', {
        cause: error,
        detail: 'Nobody can sign in now, because the issuer does not answer. Try again shortly.',
      });
    }
  }
}

function toAttempt(claims: JWTPayload | 'unreadable' | undefined): Attempt {
  const checked = checkAttempt(claims);
  if ('violations' in checked) {
    throw missingCredential(
      'This sign-in was not begun in this browser, or took too long; begin again at /auth/login.',
    );
  }
  return checked.value;
}

/** An issuer may tell the address and the name with the ID token, or only when it is asked (OpenID Connect Core §5.4). */
async function loadMoreClaims(
  configuration: Configuration,
  accessToken: string,
  claims: IDToken,
): Promise<Record<string, unknown>> {
  const isComplete = claims['email'] !== undefined;
  if (isComplete || configuration.serverMetadata().userinfo_endpoint === undefined) return {};
  return { ...(await fetchUserInfo(configuration, accessToken, claims.sub)) };
}

function toProblem(error: unknown): Error {
  if (error instanceof Problem) return error;
  if (error instanceof AuthorizationResponseError) return notSignedIn(error);
  if (error instanceof ResponseBodyError) {
    return OWN_FAULTS.includes(error.error) ? new Problem('INTERNAL', { cause: error }) : notSignedIn(error);
  }
  if (error instanceof ClientError && !UNAVAILABLE_CODES.includes(error.code ?? '')) return notSignedIn(error);
  return new Problem('ISSUER_UNAVAILABLE', { cause: error });
}

/** What the issuer says about it stays in the log: the address of a request is anybody's to write. */
function notSignedIn(cause: unknown): Problem {
  return new Problem('CREDENTIAL_INVALID', {
    cause,
    detail: 'The sign-in did not succeed; begin again at /auth/login.',
    headers: missingCredential('').headers,
  });
}
