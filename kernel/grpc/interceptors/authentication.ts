// Owns how a credential is known by its bearer token. Does not own what it may do (scope.ts).
// Invariant: tokens are kept as SHA-256 only, and compared in constant time.

import { hash, timingSafeEqual } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { DomainError } from '../../domain/error.ts';
import type { ProductCode } from '../../domain/id.ts';

interface CredentialBase {
  /** The service that holds it; two credentials of one name are the same service (rotation). */
  readonly name: string;
  /** SHA-256 of the token. */
  readonly tokenDigest: Buffer;
}

/** A credential, and what it is for. */
export type Credential =
  | (CredentialBase & { readonly scope: 'bff'; readonly productCode: ProductCode })
  /** `methods` are short names such as `LedgerService/Debit`; absent: all that internal services may call. */
  | (CredentialBase & { readonly scope: 'internal'; readonly methods?: ReadonlySet<string> })
  | (CredentialBase & { readonly scope: 'sysadmin' });

const BEARER = 'bearer ';
const TOKEN_LENGTH_MAX = 1_024;

/** Finds the credential of a call. Throws DomainError CREDENTIAL_INVALID where there is none. */
export function authenticate(credentials: readonly Credential[], metadata: Metadata): Credential {
  const [header, second] = metadata.get('authorization');
  if (typeof header !== 'string') throw invalid('is missing: send authorization metadata `Bearer <token>`');
  const isBearer = header.slice(0, BEARER.length).toLowerCase() === BEARER;
  if (!isBearer || second !== undefined || header.length > TOKEN_LENGTH_MAX) {
    throw invalid('is malformed: send one authorization metadata `Bearer <token>`');
  }
  const digest = hash('sha256', header.slice(BEARER.length).trim(), 'buffer');
  let found: Credential | undefined;
  // All are compared, so that the time taken does not tell how near a guess came.
  for (const credential of credentials) {
    if (timingSafeEqual(digest, credential.tokenDigest)) found = credential;
  }
  if (found === undefined) throw invalid('is not known here: check the token, and that this kernel was given it');
  return found;
}

function invalid(problem: string): DomainError {
  return new DomainError('CREDENTIAL_INVALID', `the credential ${problem}`);
}
