// Owns a cookie whose content only this deployment can read or make: an encrypted JWT (JWE, dir, A256GCM) with an end.
// Does not own what is in it.
// Invariants: a cookie of another product, of another purpose, past its end, or sealed by a key that is no longer configured
// says nothing; a script in the page can't read it; over https it is bound to this very host (`__Host-`).

import { hash } from 'node:crypto';
import { EncryptJWT, errors, type JWTPayload, jwtDecrypt } from 'jose';

const ALGORITHM = 'dir';
const ENCRYPTION = 'A256GCM';

/** Says what a cookie is for, and how it is sealed. */
export interface SealedCookieOptions {
  /** Is the cookie's name, without the prefix that https allows. */
  readonly name: string;
  /** Names what it is for; what was sealed for another purpose is not read. */
  readonly purpose: string;
  /** Says that the browser reaches this deployment by https. */
  readonly isSecure: boolean;
  /** Are the keys, 32 bytes each: the first one seals, each one opens. */
  readonly keys: readonly Uint8Array[];
  /** Is how long it says something, in seconds. */
  readonly lifetimeS: number;
}

/** One kind of sealed cookie. */
export class SealedCookie {
  readonly #options: SealedCookieOptions;
  readonly #name: string;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(options: SealedCookieOptions) {
    this.#options = options;
    this.#name = options.isSecure ? `__Host-${options.name}` : options.name;
    this.#keys = new Map(options.keys.map((key) => [toKeyId(key), key]));
  }

  /** Seals claims. Returns the value of a Set-Cookie header. */
  async seal(claims: JWTPayload): Promise<string> {
    const [first] = this.#keys;
    if (first === undefined) throw new Error('there is no key to seal a cookie with');
    const [kid, key] = first;
    const { purpose, lifetimeS } = this.#options;
    const nowS = Math.floor(Date.now() / 1_000);
    const value = await new EncryptJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION, kid })
      .setAudience(purpose)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + lifetimeS)
      .encrypt(key);
    return this.#toSetCookie(value, lifetimeS);
  }

  /** Is the value of a Set-Cookie header that makes the browser forget it. */
  get removal(): string {
    return this.#toSetCookie('', 0);
  }

  /**
   * Opens the cookie that a Cookie header has. Returns undefined where there is none, and `'unreadable'` for one that says
   * nothing, or for several: which of them the browser means can't be told.
   */
  async open(cookieHeader: string | undefined): Promise<JWTPayload | 'unreadable' | undefined> {
    const [value, ...others] = readCookies(cookieHeader, this.#name);
    if (value === undefined) return undefined;
    if (others.length > 0) return 'unreadable';
    try {
      const { payload } = await jwtDecrypt(value, ({ kid }) => this.#findKey(kid), {
        audience: this.#options.purpose,
        keyManagementAlgorithms: [ALGORITHM],
        contentEncryptionAlgorithms: [ENCRYPTION],
        requiredClaims: ['exp', 'iat'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return 'unreadable';
      throw error;
    }
  }

  #findKey(keyId: string | undefined): Uint8Array {
    const key = this.#keys.get(keyId ?? '');
    if (key === undefined) throw new errors.JWEDecryptionFailed();
    return key;
  }

  /** Lax, not strict: a link from elsewhere, and the way back from the issuer, find the person signed in. */
  #toSetCookie(value: string, maxAgeS: number): string {
    const parts = [`${this.#name}=${value}`, 'Path=/', `Max-Age=${maxAgeS}`, 'HttpOnly', 'SameSite=Lax'];
    return [...parts, ...(this.#options.isSecure ? ['Secure'] : [])].join('; ');
  }
}

/** Names a key without telling it. */
function toKeyId(key: Uint8Array): string {
  return hash('sha256', key, 'base64url').slice(0, 16);
}

/** Lists all values that a Cookie header has under a name. */
function readCookies(header: string | undefined, name: string): readonly string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
