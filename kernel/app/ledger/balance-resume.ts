// Owns the tokens by which a watch of a balance goes on where it stopped: which commit was seen, and which balance, since
// time alone can change it. Does not own what is done with them.

import { DomainError, invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { BalanceReading } from './ledger.ts';

const TOKEN = /^1\.([\w-]{16})\.(\d{1,15})\.([\w-]{16})$/;

/** What a watcher has seen of an account. */
export interface SeenBalance {
  readonly seq: number;
  readonly digest: string;
}

/** Answers what somebody who got this reading has seen. */
export function seenOf({ seq, totals }: BalanceReading): SeenBalance {
  const { trial, included, payg, held, deficit } = totals;
  return { seq, digest: computeTokenSignature([trial, included, payg, held, deficit].map(String)) };
}

/** Says whether two readings look the same to a watcher. */
export function sameSeen(a: SeenBalance, b: SeenBalance): boolean {
  return a.seq === b.seq && a.digest === b.digest;
}

/** Makes the token of what was seen of a tenant's account. */
export function formatResumeToken(tenantId: TenantId, { seq, digest }: SeenBalance): string {
  return Buffer.from(`1.${computeTokenSignature([tenantId])}.${seq}.${digest}`).toString('base64url');
}

/** Reads a token. Throws DomainError INVALID_FIELD `resume_token` where it is none of this tenant's. */
export function parseResumeToken(tenantId: TenantId, token: string): SeenBalance {
  const [, owner, seq, digest] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (seq === undefined || digest === undefined || owner !== computeTokenSignature([tenantId])) {
    const description =
      'is not a token of a watch of this tenant: pass resume_token as it was given, or leave it out to begin anew';
    throw invalidField({ field: 'resume_token', description });
  }
  return { seq: Number(seq), digest };
}

/** Builds the error for a token that tells of commits which this account does not have (a restored backup). */
export function resumeTokenExpired(seen: SeenBalance, newest: BalanceReading): DomainError {
  const message = `resume_token is of commit ${seen.seq}, but the account ends at ${newest.seq}: watch again without a token`;
  return new DomainError('RESUME_TOKEN_EXPIRED', message, { metadata: { commit_seq: String(newest.seq) } });
}
