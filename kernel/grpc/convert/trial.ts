// Owns the translation between the trials' contract and what the use cases know.

import { type Trial as TrialMessage, TrialStatus } from '../../../gen/wheelhouse/subscription/v1/trial.ts';
import type {
  CancelTrialRequest,
  GetTrialRequest,
  GetTrialResponse,
  StartTrialRequest,
} from '../../../gen/wheelhouse/subscription/v1/trial_service.ts';
import type { CancelTrialInput, TrialQuestion } from '../../app/ledger/ledger.ts';
import type { TrialReading, TrialState } from '../../app/trial/trial-service.ts';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { PlanCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Trial } from '../../domain/trial.ts';
import type { Caller } from '../caller.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator, type TenantWrite } from './operator.ts';

const TRIAL_DAYS_MAX = 366;

const STATUSES: Readonly<Record<Trial['status'], TrialStatus>> = {
  active: TrialStatus.ACTIVE,
  canceled: TrialStatus.CANCELED,
  ended: TrialStatus.ENDED,
};

/** Checks a request for a trial, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoStartTrial(request: StartTrialRequest, scope: Caller['scope']): TenantWrite<TrialQuestion> {
  const check = new FieldCheck();
  const { trialDays, grantedMicrocredits: granted } = request;
  if (scope !== 'sysadmin') {
    if (trialDays !== undefined) check.refuse('trial_days', 'must be left out: only an operator sets it');
    if (granted !== undefined) check.refuse('granted_microcredits', 'must be left out: only an operator sets it');
  }
  if (scope === 'sysadmin' && request.consentToCharge) {
    check.refuse('consent_to_charge', 'must be left out: only a person of the workspace agrees to be charged');
  }
  if (trialDays !== undefined && (trialDays < 1 || trialDays > TRIAL_DAYS_MAX)) {
    check.refuse('trial_days', `must be 1 to ${TRIAL_DAYS_MAX}, got ${trialDays}`);
  }
  if (granted !== undefined && (granted < 0n || granted > MICROCREDITS_MAX)) {
    check.refuse('granted_microcredits', `must be 0 to ${MICROCREDITS_MAX} (2^53 - 1) microcredits, got ${granted}`);
  }
  const planCode = check.optionalId('plan_code', request.planCode) as PlanCode | undefined;
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      ...present({ planCode, trialDays, granted, consents: request.consentToCharge ? (true as const) : undefined }),
      ...checkAsker(check, request, scope),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request for a workspace's trial. Throws DomainError INVALID_FIELD. */
export function fromProtoGetTrial(request: GetTrialRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request to cancel a trial, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoCancelTrial(
  request: CancelTrialRequest,
  scope: Caller['scope'],
): TenantWrite<CancelTrialInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: checkAsker(check, request, scope),
  };
  check.assertValid();
  return write;
}

/** An operator says who does it and why; nobody else does. */
function checkAsker(
  check: FieldCheck,
  request: { readonly actor: string; readonly reason: string },
  scope: Caller['scope'],
): CancelTrialInput {
  if (scope === 'sysadmin') return checkOperator(check, request);
  check.absent('actor', request.actor, 'only an operator names one');
  check.absent('reason', request.reason, 'only an operator gives one');
  return {};
}

export function toProtoTrial({ trial, remaining }: TrialReading): TrialMessage {
  return {
    planCode: trial.planCode,
    status: STATUSES[trial.status],
    startTime: new Date(trial.startedAt),
    endTime: new Date(trial.endsAt),
    grantedMicrocredits: trial.granted,
    remainingMicrocredits: remaining,
    revokesUnused: trial.revokesUnused,
    consentTime: trial.consentedAt === undefined ? undefined : new Date(trial.consentedAt),
  };
}

export function toProtoTrialState({ reading, planCode, asOf }: TrialState): GetTrialResponse {
  return {
    trial: reading === undefined ? undefined : toProtoTrial(reading),
    planCode,
    asOfTime: new Date(asOf),
  };
}
