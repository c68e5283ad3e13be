/** Owns: the list of all objects that the sandbox has. A further one is a file here and a line below. */
import type { Resource } from '../call.ts';
import { EVENT_RESOURCE } from './event.ts';
import { PRICE_RESOURCE } from './price.ts';
import { PRODUCT_RESOURCE } from './product.ts';
import { TEST_CLOCK_RESOURCE } from './test-clock.ts';
import { WEBHOOK_ENDPOINT_RESOURCE } from './webhook-endpoint.ts';

/** Are the objects of the sandbox. */
export const RESOURCES: readonly Resource[] = [
  EVENT_RESOURCE,
  PRICE_RESOURCE,
  PRODUCT_RESOURCE,
  TEST_CLOCK_RESOURCE,
  WEBHOOK_ENDPOINT_RESOURCE,
];
