// Owns the sessions of browsers: who is signed in by the cookie that a browser sends, and that a page of another site can't use
// it. Does not own how a person signs in (sign-in.ts).
// Invariants: this deployment keeps nothing: a session is what its cookie says, until the end that it says; a session that can
// change something names its CSRF token and comes from our own pages.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { JWTPayload } from 'jose';
import { missingCredential } from '../bearer-challenge.ts';
import { type Person, SUBJECT_PATTERN, toPerson } from '../identity.ts';
import { Problem } from '../problem.ts';
import { compileSchema, type Schema } from '../schema.ts';
import { SealedCookie } from './sealed-cookie.ts';

/** A working day; whoever lost the right to sign in at the issuer is out after it at the latest. */
const LIFETIME_S = 8 * 3_600;
const CSRF_TOKEN_BYTES = 32;
const CSRF_HEADER = 'x-csrf-token';

/** How sessions of one deployment are kept. */
export interface BrowserSessionOptions {
  readonly productCode: string;
  readonly issuer: string;
  /** Is where browsers find this deployment: its scheme, host and port. */
  readonly publicUrl: URL;
  /** Are the keys of the cookies, 32 bytes each: the first one seals, each one opens. */
  readonly keys: readonly Uint8Array[];
}

/** Names the cookie of a product's sessions: two products on one host share their cookies, whatever their ports are. */
export function sessionCookieName(productCode: string): string {
  return `wheelhouse_${productCode}`;
}

/** A session of a browser. */
export interface BrowserSession {
  readonly person: Person;
  /** Is what the pages of the session show with each request that changes something. */
  readonly csrfToken: string;
}

/** The claims of the cookie. */
interface SessionClaims {
  iss: string;
  sub: string;
  csrf: string;
}

const CLAIMS_SCHEMA: Schema<SessionClaims> = {
  type: 'object',
  properties: {
    iss: { type: 'string', description: 'the issuer' },
    sub: { type: 'string', pattern: SUBJECT_PATTERN, description: 'who the person is for the issuer' },
    csrf: { type: 'string', minLength: 1, description: 'the CSRF token' },
  },
  required: ['iss', 'sub', 'csrf'],
};

const checkClaims = compileSchema(CLAIMS_SCHEMA);

/** Opens and begins sessions of browsers. */
export class BrowserSessions {
  readonly #issuer: string;
  readonly #origin: string;
  readonly #cookie: SealedCookie;

  constructor({ productCode, issuer, publicUrl, keys }: BrowserSessionOptions) {
    this.#issuer = issuer;
    this.#origin = publicUrl.origin;
    this.#cookie = new SealedCookie({
      name: sessionCookieName(productCode),
      purpose: `wheelhouse:${productCode}:session`,
      isSecure: publicUrl.protocol === 'https:',
      keys,
      lifetimeS: LIFETIME_S,
    });
  }

  /** Begins a session. Returns the value of its Set-Cookie header. */
  async begin({ subject, email, displayName }: Person): Promise<string> {
    return await this.#cookie.seal({
      iss: this.#issuer,
      sub: subject,
      ...(email && { email, email_verified: true }),
      ...(displayName && { name: displayName }),
      csrf: randomBytes(CSRF_TOKEN_BYTES).toString('base64url'),
    });
  }

  /** Is the value of the Set-Cookie header that ends a session. */
  get removal(): string {
    return this.#cookie.removal;
  }

  /**
   * Tells which session a request belongs to; undefined where it brings none. Throws CREDENTIAL_INVALID for one that has ended
   * or was not begun here.
   */
  async open(request: IncomingMessage): Promise<BrowserSession | undefined> {
    const claims = await this.#cookie.open(request.headers.cookie);
    if (claims === undefined) return undefined;
    const session = claims === 'unreadable' ? undefined : this.#toSession(claims);
    if (session === undefined) {
      throw missingCredential('This session has ended; sign in again at /auth/login.');
    }
    return session;
  }

  /** Tells which session a request belongs to, for pages that greet whoever has none: one that has ended counts as none. */
  async find(request: IncomingMessage): Promise<BrowserSession | undefined> {
    try {
      return await this.open(request);
    } catch (error) {
      if (error instanceof Problem && error.reason === 'CREDENTIAL_INVALID') return undefined;
      throw error;
    }
  }

  #toSession(claims: JWTPayload): BrowserSession | undefined {
    const checked = checkClaims(claims);
    if ('violations' in checked || checked.value.iss !== this.#issuer) return undefined;
    const { iss, sub, csrf } = checked.value;
    return { person: toPerson(iss, sub, claims), csrfToken: csrf };
  }

  /**
   * Makes sure that a request that can change something was sent by one of our own pages. Throws CSRF_TOKEN_INVALID when
   * its token is missing or another session's, or when the browser says that it comes from elsewhere. A form has its token
   * in a field, any other request in its header.
   */
  assertOwnPage(request: IncomingMessage, session: BrowserSession, formToken?: string): void {
    const { 'sec-fetch-site': [site] = [], origin: [origin] = [] } = request.headersDistinct;
    if ((site !== undefined && site !== 'same-origin') || (origin !== undefined && origin !== this.#origin)) {
      throw new Problem('CSRF_TOKEN_INVALID', {
        detail: 'A browser session can be used by the pages of this site only; programs send an access token instead.',
      });
    }
    const [token, ...others] = formToken === undefined ? (request.headersDistinct[CSRF_HEADER] ?? []) : [formToken];
    if (token === undefined || others.length > 0 || !isSameText(token, session.csrfToken)) {
      throw new Problem('CSRF_TOKEN_INVALID');
    }
  }
}

/** Compares digests, so that the time it takes tells nothing. */
function isSameText(left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'));
}
