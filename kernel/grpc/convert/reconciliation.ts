// Owns the translation of ReconciliationService.

import {
  DifferenceKind as DifferenceKindMessage,
  type Difference as DifferenceMessage,
  type RefreshWorkspaceRequest,
  type VerifyStripeRequest,
  type VerifyStripeResponse,
} from '../../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import type { Difference, DifferenceKind } from '../../app/reconciliation/difference.ts';
import type { ReconciliationProgress } from '../../app/reconciliation/reconciliation.ts';
import type { TenantId } from '../../domain/id.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';

const KINDS: Readonly<Record<DifferenceKind, DifferenceKindMessage>> = {
  subscription_differs: DifferenceKindMessage.SUBSCRIPTION_DIFFERS,
  second_subscription: DifferenceKindMessage.SECOND_SUBSCRIPTION,
  customer_missing: DifferenceKindMessage.CUSTOMER_MISSING,
  payment_without_grant: DifferenceKindMessage.PAYMENT_WITHOUT_GRANT,
  grant_without_payment: DifferenceKindMessage.GRANT_WITHOUT_PAYMENT,
  grant_differs: DifferenceKindMessage.GRANT_DIFFERS,
  payback_differs: DifferenceKindMessage.PAYBACK_DIFFERS,
  unknown_payment: DifferenceKindMessage.UNKNOWN_PAYMENT,
  payment_differs: DifferenceKindMessage.PAYMENT_DIFFERS,
  refund_failed: DifferenceKindMessage.REFUND_FAILED,
  workspace_unread: DifferenceKindMessage.WORKSPACE_UNREAD,
};

/** Checks which workspace to compare; undefined means all. Throws DomainError INVALID_FIELD. */
export function fromProtoVerifyStripe({ tenantId }: VerifyStripeRequest): TenantId | undefined {
  if (tenantId === '') return undefined;
  const check = new FieldCheck();
  const checked = check.tenantId(tenantId);
  check.assertValid();
  return checked;
}

/** Checks a request to read a workspace at Stripe again. Throws DomainError INVALID_FIELD. */
export function fromProtoRefreshWorkspace(request: RefreshWorkspaceRequest) {
  const check = new FieldCheck();
  const asked = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    ...checkOperator(check, request),
  };
  check.assertValid();
  return asked;
}

/** Translates progress, with the difference that it comes with. */
export function toProtoVerifyStripe(
  { verifiedWorkspaces, totalWorkspaces }: ReconciliationProgress,
  difference?: Difference,
): VerifyStripeResponse {
  return {
    verifiedWorkspaces: BigInt(verifiedWorkspaces),
    totalWorkspaces: BigInt(totalWorkspaces),
    difference: difference && toProtoDifference(difference),
    done: false,
  };
}

function toProtoDifference({ kind, reverseEntryId, ...difference }: Difference): DifferenceMessage {
  return { ...difference, reverseEntryId: reverseEntryId ?? '', kind: KINDS[kind] };
}
