// Owns what the log of a workspace keeps of what people do about its subscription, its payment methods, its top-ups, codes and
// alerts.

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
}

/** Keeps who did what about the subscriptions, payment methods and alerts of workspaces. */
export interface BillingJournal {
  /** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. */
  noteBilling(act: BillingAct): Promise<void>;
}
