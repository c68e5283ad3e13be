// Owns an issuer of access tokens: real keys, real signatures, and a JWKS behind real HTTP that a test can break.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** One key pair of the issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** What of a token differs from a good one. `null` leaves a claim out. */
export interface TokenOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: IssuerKey;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** Makes a key pair; it counts for nothing until the issuer publishes it. */
export async function createKey(kid: string, algorithm: string): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    kid,
    algorithm,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' },
  };
}

/** An issuer with one key of each algorithm that is allowed. */
export class IssuerPeer {
  readonly audience: string;
  published: IssuerKey[] = [];
  /** Replaces the key set by another answer. */
  override: { status: number; body: string; delayMs?: number; location?: string } | undefined;
  fetchCount = 0;
  readonly #server: Server;
  #port = 0;

  constructor(audience: string) {
    this.audience = audience;
    this.#server = createServer((_request, response) => {
      this.fetchCount += 1;
      const body = JSON.stringify({ keys: this.published.map(({ publicJwk }) => publicJwk) });
      const answer: NonNullable<IssuerPeer['override']> = this.override ?? { status: 200, body };
      setTimeout(() => {
        const headers = { 'content-type': 'application/json', ...(answer.location && { location: answer.location }) };
        response.writeHead(answer.status, headers).end(answer.body);
      }, answer.delayMs ?? 0);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get jwksUri(): string {
    return `${this.url}/.well-known/jwks.json`;
  }

  async start(): Promise<void> {
    if (this.published.length === 0) {
      this.published = await Promise.all(
        ['RS256', 'ES256', 'EdDSA'].map((algorithm) => createKey(`key-${algorithm}`, algorithm)),
      );
    }
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    // A server that listens on TCP has an AddressInfo; only one on a pipe has a string.
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The published key of an algorithm. */
  key(algorithm: string): IssuerKey {
    const key = this.published.find((candidate) => candidate.algorithm === algorithm);
    if (!key) {
      throw new Error(`the issuer publishes no key for ${algorithm}`);
    }
    return key;
  }

  /** Signs a token for a person, or for whom the options say. */
  sign({ claims = {}, key = this.key('ES256'), header = {} }: TokenOptions = {}): Promise<string> {
    const nowS = Math.floor(Date.now() / 1_000);
    const all: Record<string, unknown> = {
      iss: this.url,
      aud: this.audience,
      sub: SUBJECT,
      iat: nowS,
      exp: nowS + 600,
      email: 'ada@example.com',
      email_verified: true,
      ...claims,
    };
    const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    return new SignJWT(payload)
      .setProtectedHeader({ alg: key.algorithm, kid: key.kid, ...header })
      .sign(key.privateKey);
  }
}

/** Is the person that tokens are for. */
export const SUBJECT = 'usr_01980000-0000-7000-8000-000000000001';
/** Is the workspace that requests name. */
export const TENANT_ID = 'ten_01980000-0000-7000-8000-000000000002';
