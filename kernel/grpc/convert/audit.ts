// Owns the translation of LedgerAuditService's reading methods.

import type {
  VerifyLedgerRequest,
  VerifyLedgerResponse,
} from '../../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import type {
  AccountHeadLink,
  ExportedHead,
  LedgerFinding,
  VerifyProgress,
  VerifyQuery,
} from '../../app/audit/ledger-audit.ts';
import type { TenantId } from '../../domain/id.ts';
import { FieldCheck, quote } from './field-check.ts';

/** How many heads one verification is held against. */
const HEADS_MAX = 1_000;
/** How many faulty heads are named. */
const VIOLATIONS_TOLD_MAX = 20;
const HASH = /^[0-9a-f]{64}$/;

/** Checks what to verify. Throws DomainError INVALID_FIELD. */
export function fromProtoVerifyLedger({ tenantId, against }: VerifyLedgerRequest): VerifyQuery {
  const check = new FieldCheck();
  if (tenantId !== '') check.tenantId(tenantId);
  if (against.length > HEADS_MAX) {
    check.refuse('against', `must have at most ${HEADS_MAX} heads, has ${against.length}: send them in several calls`);
    check.assertValid();
  }
  let refused = 0;
  const heads = against.map((head, index): ExportedHead => {
    const violations = refused < VIOLATIONS_TOLD_MAX ? findHeadProblems(head, tenantId) : [];
    for (const [field, problem] of violations) check.refuse(`against[${index}].${field}`, problem);
    refused += violations.length;
    return { tenantId: head.tenantId as TenantId, seq: Number(head.commitSeq), hash: head.hash.toLowerCase() };
  });
  check.assertValid();
  return { against: heads, ...(tenantId === '' ? {} : { tenantId: tenantId as TenantId }) };
}

function findHeadProblems(
  head: VerifyLedgerRequest['against'][number],
  tenantId: string,
): readonly (readonly [field: string, problem: string])[] {
  const problems: (readonly [string, string])[] = [];
  if (head.tenantId === '') problems.push(['tenant_id', 'is required']);
  else if (tenantId !== '' && head.tenantId !== tenantId) {
    problems.push(['tenant_id', `is not the tenant_id to verify, got ${quote(head.tenantId)}: leave it out`]);
  }
  if (head.commitSeq < 1n || head.commitSeq > BigInt(Number.MAX_SAFE_INTEGER)) {
    problems.push(['commit_seq', `must be 1 or more, got ${head.commitSeq}`]);
  }
  if (!HASH.test(head.hash.toLowerCase())) {
    problems.push(['hash', `must be 64 hexadecimal digits, got ${quote(head.hash)}`]);
  }
  return problems;
}

/** Translates progress, with the finding that it comes with. */
export function toProtoVerifyLedger(progress: VerifyProgress, finding?: LedgerFinding): VerifyLedgerResponse {
  return {
    verifiedCommits: BigInt(progress.verifiedCommits),
    totalCommits: BigInt(progress.totalCommits),
    verifiedAccounts: BigInt(progress.verifiedAccounts),
    finding: finding && {
      tenantId: finding.tenantId,
      commitSeq: BigInt(finding.seq),
      message: finding.message,
    },
    done: false,
  };
}

/** Writes a head as a line of JSON; a seq is text, as in the lines of an account. */
export function formatHeadLine({ tenantId, seq, hash }: AccountHeadLink): string {
  const hex = hash === undefined ? '' : Buffer.from(hash).toString('hex');
  return JSON.stringify({ tenant_id: tenantId, commit_seq: String(seq), hash: hex });
}
