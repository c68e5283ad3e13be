/** Owns: the list of all objects that the sandbox has. A further one is a file here and a line below. */
import type { Resource } from '../call.ts';
import { BALANCE_TRANSACTION_RESOURCE } from './balance-transaction.ts';
import { CHARGE_RESOURCE } from './charge.ts';
import { CHECKOUT_SESSION_RESOURCE } from './checkout-session.ts';
import { COUPON_RESOURCE } from './coupon.ts';
import { CUSTOMER_RESOURCE } from './customer.ts';
import { DISPUTE_RESOURCE } from './dispute.ts';
import { EVENT_RESOURCE } from './event.ts';
import { INVOICE_RESOURCE } from './invoice.ts';
import { INVOICE_ITEM_RESOURCE } from './invoice-item.ts';
import { INVOICE_PAYMENT_RESOURCE } from './invoice-payment.ts';
import { INVOICE_PREVIEW_RESOURCE } from './invoice-preview.ts';
import { PAYMENT_INTENT_RESOURCE } from './payment-intent.ts';
import { PAYMENT_METHOD_RESOURCE } from './payment-method.ts';
import { PORTAL_CONFIGURATION_RESOURCE } from './portal-configuration.ts';
import { PORTAL_SESSION_RESOURCE } from './portal-session.ts';
import { PRICE_RESOURCE } from './price.ts';
import { PRODUCT_RESOURCE } from './product.ts';
import { PROMOTION_CODE_RESOURCE } from './promotion-code.ts';
import { REFUND_RESOURCE } from './refund.ts';
import { SETUP_INTENT_RESOURCE } from './setup-intent.ts';
import { SUBSCRIPTION_RESOURCE } from './subscription.ts';
import { SUBSCRIPTION_ITEM_RESOURCE } from './subscription-item.ts';
import { SUBSCRIPTION_SCHEDULE_RESOURCE } from './subscription-schedule.ts';
import { TEST_CLOCK_RESOURCE } from './test-clock.ts';
import { WEBHOOK_ENDPOINT_RESOURCE } from './webhook-endpoint.ts';

/** Are the objects of the sandbox. */
export const RESOURCES: readonly Resource[] = [
  BALANCE_TRANSACTION_RESOURCE,
  CHARGE_RESOURCE,
  CHECKOUT_SESSION_RESOURCE,
  COUPON_RESOURCE,
  CUSTOMER_RESOURCE,
  DISPUTE_RESOURCE,
  EVENT_RESOURCE,
  INVOICE_RESOURCE,
  INVOICE_ITEM_RESOURCE,
  INVOICE_PAYMENT_RESOURCE,
  INVOICE_PREVIEW_RESOURCE,
  PAYMENT_INTENT_RESOURCE,
  PAYMENT_METHOD_RESOURCE,
  PORTAL_CONFIGURATION_RESOURCE,
  PORTAL_SESSION_RESOURCE,
  PRICE_RESOURCE,
  PRODUCT_RESOURCE,
  PROMOTION_CODE_RESOURCE,
  REFUND_RESOURCE,
  SETUP_INTENT_RESOURCE,
  SUBSCRIPTION_RESOURCE,
  SUBSCRIPTION_ITEM_RESOURCE,
  SUBSCRIPTION_SCHEDULE_RESOURCE,
  TEST_CLOCK_RESOURCE,
  WEBHOOK_ENDPOINT_RESOURCE,
];
