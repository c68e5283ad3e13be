/**
 * Owns: the issuer's key: made once, kept in the home folder, so that tokens survive a restart.
 * Does not own: tokens.
 */
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { isRecord, OWNER_ONLY, readJsonFile, writeJsonFile } from '../json-file.ts';
import { StackError } from '../stack-error.ts';

/** Is the algorithm of every token: short signatures, and allowed by the BFF. */
export const SIGNING_ALGORITHM = 'ES256';

/** Is a key pair that can sign, with the half that may be published. */
export interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  /** Is the pair as the file has it; secret. */
  readonly privateJwk: JWK;
  readonly keyId: string;
}

/** Reads the key from a file, or makes one and writes it there. Throws StackError when the file holds no such key. */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const stored = await readJsonFile(path, isPrivateJwk);
  if (stored !== undefined) return await toSigningKey(stored, path);
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  await writeJsonFile(path, jwk, OWNER_ONLY);
  return await toSigningKey(jwk, path);
}

async function toSigningKey(jwk: JWK, path: string): Promise<SigningKey> {
  const privateKey = await importJWK(jwk, SIGNING_ALGORITHM);
  if (privateKey instanceof Uint8Array) throw new StackError(`${path} holds no ${SIGNING_ALGORITHM} key. Remove it.`);
  const { d: _privatePart, ...publicPart } = jwk;
  const keyId = await calculateJwkThumbprint(publicPart);
  return {
    privateKey,
    privateJwk: jwk,
    keyId,
    publicJwk: { ...publicPart, kid: keyId, alg: SIGNING_ALGORITHM, use: 'sig' },
  };
}

function isPrivateJwk(value: unknown): value is JWK {
  return isRecord(value) && value['kty'] === 'EC' && typeof value['d'] === 'string';
}
