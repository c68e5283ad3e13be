// Owns what the log of a workspace keeps of what people do about its subscription, its payment methods, its top-ups, codes and
// alerts.

import type { Fingerprint, IdempotencyKey, TenantId } from '../../domain/id.ts';
import type { TrialAct } from '../trial/ports.ts';

/** Something that a person did. */
export interface BillingAct extends Omit<TrialAct, 'method'> {
  /** The method, as credentials name it. */
  readonly method:
    | 'SubscriptionService/ActivateSubscription'
    | 'SubscriptionService/ChangePlan'
    | 'SubscriptionService/CancelSubscription'
    | 'SubscriptionService/ResumeSubscription'
    | 'SubscriptionService/ConvertTrialNow'
    | 'SubscriptionService/ProvisionContract'
    | 'PaymentMethodService/StartSetup'
    | 'PaymentMethodService/SetDefaultPaymentMethod'
    | 'PaymentMethodService/OpenPortal'
    | 'TopUpService/CreateTopUp'
    | 'TopUpService/CancelTopUp'
    | 'TopUpService/SetAutoTopUp'
    | 'PromotionService/ApplyCode'
    | 'AlertService/SetThresholds'
    | 'AlertEndpointService/CreateEndpoint'
    | 'AlertEndpointService/UpdateEndpoint'
    | 'AlertEndpointService/RotateEndpointSecret'
    | 'AlertEndpointService/DeleteEndpoint'
    | 'AlertEndpointService/SendTestEvent'
    | 'AlertEndpointService/ResendDelivery';
  /** What the request means; absent where that is told apart elsewhere. */
  readonly fingerprint?: Fingerprint;
}

/** Keeps who did what about the subscriptions, payment methods and alerts of workspaces. */
export interface BillingJournal {
  /**
   * Notes an act, once for each key. Throws DomainError IDEMPOTENCY_KEY_REUSED where its key was noted with another meaning,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  noteBilling(act: BillingAct): Promise<void>;
  /** Says whether an act is noted under a key. Throws DomainError DATABASE_UNAVAILABLE. */
  isNoted(tenantId: TenantId, key: IdempotencyKey): Promise<boolean>;
}
