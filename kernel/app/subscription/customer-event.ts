// Owns what an event of Stripe about a customer makes happen: the account of its workspace is brought to what Stripe shows then.
// What the event itself says is not looked at, since events come late, twice and in any order.

import { fieldOf } from '../../domain/field-of.ts';
import type { TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { WebhookHandler } from '../webhook/webhook-handler.ts';
import type { CardChoices } from './card-choice.ts';
import type { CustomerDesk } from './customer-desk.ts';
import type { CustomerStore, StripeBilling } from './ports.ts';
import type { SubscriptionSync } from './subscription-sync.ts';
import type { TrialConsent } from './trial-consent.ts';

/** The events after which a subscription may be another one. */
export const SUBSCRIPTION_EVENTS = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'customer.subscription.created',
  'customer.subscription.updated',
  'customer.subscription.deleted',
  'customer.subscription.pending_update_applied',
  'customer.subscription.pending_update_expired',
  'invoice.finalized',
  'invoice.paid',
  'invoice.payment_failed',
  'invoice.payment_action_required',
  'invoice.marked_uncollectible',
  'invoice.voided',
  'subscription_schedule.updated',
  'subscription_schedule.released',
  'subscription_schedule.canceled',
  'subscription_schedule.aborted',
] as const;

/** The events after which a customer may have a card. */
export const CARD_EVENTS = ['setup_intent.succeeded', 'payment_method.attached'] as const;

/** The events after which a customer may have another default payment method. */
export const DEFAULT_CARD_EVENTS = ['customer.updated'] as const;

/** The events after which a workspace may have no customer any more. */
export const CUSTOMER_EVENTS = ['customer.deleted'] as const;

/** What is called. */
export interface CustomerEventParts {
  readonly customers: Pick<CustomerStore, 'findByStripeId'>;
  readonly desk: Pick<CustomerDesk, 'forgetDeleted'>;
  readonly sync: Pick<SubscriptionSync, 'syncTenant'>;
  readonly billing: Pick<StripeBilling, 'adoptPaymentMethod'>;
  readonly consent: Pick<TrialConsent, 'record'>;
  readonly choices: Pick<CardChoices, 'mend'>;
}

/** Builds the handler of events about subscriptions. Customers who are no workspace's are passed over. */
export function createSubscriptionHandler({ customers, sync }: CustomerEventParts): WebhookHandler {
  return async ({ payload }) => {
    const tenant = await findTenant(customers, customerOf(payload));
    if (tenant !== undefined) await sync.syncTenant(tenant);
  };
}

/**
 * Builds the handler of events about cards: the first one that is stored becomes the default, and the consent that one is stored
 * with is recorded.
 */
export function createCardHandler({ customers, billing, consent }: CustomerEventParts): WebhookHandler {
  return async ({ payload }) => {
    const stripeCustomerId = customerOf(payload);
    const tenant = await findTenant(customers, stripeCustomerId);
    if (tenant === undefined || stripeCustomerId === undefined) return;
    await billing.adoptPaymentMethod(stripeCustomerId);
    await consent.record(tenant);
  };
}

/** Builds the handler of events after which another card may be charged than the one that was chosen last. */
export function createDefaultHandler({ customers, choices }: CustomerEventParts): WebhookHandler {
  return async ({ payload }) => {
    const stripeCustomerId = idOf(objectOf(payload));
    const row = stripeCustomerId === undefined ? undefined : await customers.findByStripeId(stripeCustomerId);
    if (row !== undefined) await choices.mend(row);
  };
}

/** Builds the handler of events about customers themselves: what one that was deleted had bought has ended at Stripe. */
export function createCustomerHandler({ customers, desk, sync }: CustomerEventParts): WebhookHandler {
  return async ({ payload }) => {
    const stripeCustomerId = idOf(objectOf(payload));
    const tenant = await findTenant(customers, stripeCustomerId);
    if (tenant === undefined || stripeCustomerId === undefined) return;
    await desk.forgetDeleted(tenant.tenantId, stripeCustomerId);
    await sync.syncTenant(tenant);
  };
}

async function findTenant(
  customers: Pick<CustomerStore, 'findByStripeId'>,
  stripeCustomerId: string | undefined,
): Promise<TenantRef | undefined> {
  if (stripeCustomerId === undefined) return undefined;
  const row = await customers.findByStripeId(stripeCustomerId);
  if (row === undefined) return undefined;
  const tenantId: TenantId = row.tenantId;
  return { tenantId, productCode: row.productCode };
}

/** Finds the customer that an event is about; undefined where it is about none. */
function customerOf(payload: string): string | undefined {
  const customer = fieldOf(objectOf(payload), 'customer');
  return typeof customer === 'string' && customer !== '' ? customer : idOf(customer);
}

function objectOf(payload: string): unknown {
  return fieldOf(fieldOf(JSON.parse(payload), 'data'), 'object');
}

function idOf(object: unknown): string | undefined {
  const id = fieldOf(object, 'id');
  return typeof id === 'string' && id !== '' ? id : undefined;
}
