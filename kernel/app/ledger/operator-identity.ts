// Owns what makes a write of an operator this one write: its key and the fingerprint of what it means. It is the same
// wherever it is asked for, so that a record of the write is told from one of another write under the same key.

import type { Fingerprint, IdempotencyKey } from '../../domain/id.ts';
import type {
  AdjustInput,
  CancelTrialInput,
  CorrectionInput,
  GrantInput,
  TrialQuestion,
  WriteContext,
} from './ledger.ts';
import { computeFingerprint, requestKey } from './request-identity.ts';

/** The key of a request, and what it means. */
export interface RequestIdentity {
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
}

type Asker = Pick<WriteContext, 'callerScope' | 'requestId'>;

export function identifyGrant(input: GrantInput, { callerScope, requestId }: Asker): RequestIdentity {
  const { bucket, amount, effectiveAt, expiresAt, actor } = input;
  const fingerprint = computeFingerprint(['grant', bucket, amount, effectiveAt, expiresAt, actor]);
  return { key: requestKey(callerScope, 'grant', requestId), fingerprint };
}

export function identifyAdjustment(input: AdjustInput, { callerScope, requestId }: Asker): RequestIdentity {
  const fingerprint = computeFingerprint(['adjust', input.bucket, input.delta, input.actor]);
  return { key: requestKey(callerScope, 'adjust', requestId), fingerprint };
}

export function identifyReversal(
  { entryId, actor }: CorrectionInput,
  { callerScope, requestId }: Asker,
): RequestIdentity {
  const fingerprint = computeFingerprint(['reverse', entryId, actor]);
  return { key: requestKey(callerScope, 'reverse', requestId), fingerprint };
}

/** What was asked for counts, not what the policy of the time made of it. */
export function identifyTrialStart(
  { planCode, trialDays, granted, consents, actor }: TrialQuestion,
  { callerScope, requestId }: Asker,
): RequestIdentity {
  const fields = ['start_trial', planCode, trialDays, granted, actor];
  // Without consent the fingerprint is that of releases before there was any.
  const fingerprint = computeFingerprint(consents === undefined ? fields : [...fields, consents]);
  return { key: requestKey(callerScope, 'start_trial', requestId), fingerprint };
}

export function identifyTrialCancellation(
  { actor }: CancelTrialInput,
  { callerScope, requestId }: Asker,
): RequestIdentity {
  const fingerprint = computeFingerprint(['cancel_trial', actor]);
  return { key: requestKey(callerScope, 'cancel_trial', requestId), fingerprint };
}

export function identifyRedaction(
  { entryId, actor }: CorrectionInput,
  { callerScope, requestId }: Asker,
): RequestIdentity {
  const fingerprint = computeFingerprint(['redact', entryId, actor]);
  return { key: requestKey(callerScope, 'redact', requestId), fingerprint };
}
