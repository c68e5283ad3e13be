// Owns by which credential a request is judged: its Authorization header, or else the session of its browser.
// Does not own what makes either count (authentication.ts, browser-session/).
// Invariant: a request that has an Authorization header is judged by that alone; one by a session that can change something
// comes from our own pages.

import type { IncomingMessage } from 'node:http';
import type { Authenticator } from './authentication.ts';
import type { BrowserSessions } from './browser-session/browser-session.ts';
import type { Identity } from './identity.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Who sent a request, and by what. */
export interface Caller {
  readonly identity: Identity;
  /** Is the CSRF token of the session, where a browser's session sent it. */
  readonly csrfToken?: string;
}

/** Finds out who sends requests. */
export class Admission {
  readonly #authenticator: Authenticator;
  readonly #sessions: BrowserSessions | undefined;

  constructor(authenticator: Authenticator, sessions: BrowserSessions | undefined) {
    this.#authenticator = authenticator;
    this.#sessions = sessions;
  }

  /**
   * Tells who sent a request. Throws CREDENTIAL_INVALID where nobody is signed in, CSRF_TOKEN_INVALID where a page of another
   * site may have sent it, and ISSUER_UNAVAILABLE where a token can't be checked.
   */
  async admit(request: IncomingMessage): Promise<Caller> {
    const authorization = request.headersDistinct['authorization'];
    const session = authorization === undefined ? await this.#sessions?.open(request) : undefined;
    if (session === undefined) {
      return { identity: await this.#authenticator.authenticate(authorization) };
    }
    if (!SAFE_METHODS.has(request.method ?? '')) {
      this.#sessions?.assertOwnPage(request, session);
    }
    return { identity: session.person, csrfToken: session.csrfToken };
  }
}
