/** Owns: the list of all objects that the sandbox has. A further one is a file here and a line below. */
import type { Resource } from '../call.ts';
import { CHARGE_RESOURCE } from './charge.ts';
import { CHECKOUT_SESSION_RESOURCE } from './checkout-session.ts';
import { CUSTOMER_RESOURCE } from './customer.ts';
import { EVENT_RESOURCE } from './event.ts';
import { PAYMENT_INTENT_RESOURCE } from './payment-intent.ts';
import { PAYMENT_METHOD_RESOURCE } from './payment-method.ts';
import { PRICE_RESOURCE } from './price.ts';
import { PRODUCT_RESOURCE } from './product.ts';
import { SETUP_INTENT_RESOURCE } from './setup-intent.ts';
import { TEST_CLOCK_RESOURCE } from './test-clock.ts';
import { WEBHOOK_ENDPOINT_RESOURCE } from './webhook-endpoint.ts';

/** Are the objects of the sandbox. */
export const RESOURCES: readonly Resource[] = [
  CHARGE_RESOURCE,
  CHECKOUT_SESSION_RESOURCE,
  CUSTOMER_RESOURCE,
  EVENT_RESOURCE,
  PAYMENT_INTENT_RESOURCE,
  PAYMENT_METHOD_RESOURCE,
  PRICE_RESOURCE,
  PRODUCT_RESOURCE,
  SETUP_INTENT_RESOURCE,
  TEST_CLOCK_RESOURCE,
  WEBHOOK_ENDPOINT_RESOURCE,
];
