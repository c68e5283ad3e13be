/**
 * Owns: the list of Stripe's paths that the sandbox serves; the extract is cut to them, and the router refuses to start
 * when one of them has no operation.
 * Does not own: what the paths do; each object's own file does.
 */

/** Are the paths that the sandbox serves, as Stripe's OpenAPI writes them. */
export const SERVED_PATHS: readonly string[] = [
  '/v1/charges',
  '/v1/charges/{charge}',
  '/v1/checkout/sessions',
  '/v1/checkout/sessions/{session}',
  '/v1/checkout/sessions/{session}/expire',
  '/v1/checkout/sessions/{session}/line_items',
  '/v1/customers',
  '/v1/customers/{customer}',
  '/v1/customers/{customer}/payment_methods',
  '/v1/customers/{customer}/payment_methods/{payment_method}',
  '/v1/events',
  '/v1/events/{id}',
  '/v1/payment_intents',
  '/v1/payment_intents/{intent}',
  '/v1/payment_intents/{intent}/cancel',
  '/v1/payment_intents/{intent}/capture',
  '/v1/payment_intents/{intent}/confirm',
  '/v1/payment_methods',
  '/v1/payment_methods/{payment_method}',
  '/v1/payment_methods/{payment_method}/attach',
  '/v1/payment_methods/{payment_method}/detach',
  '/v1/prices',
  '/v1/prices/{price}',
  '/v1/products',
  '/v1/products/{id}',
  '/v1/setup_intents',
  '/v1/setup_intents/{intent}',
  '/v1/setup_intents/{intent}/cancel',
  '/v1/setup_intents/{intent}/confirm',
  '/v1/test_helpers/test_clocks',
  '/v1/test_helpers/test_clocks/{test_clock}',
  '/v1/test_helpers/test_clocks/{test_clock}/advance',
  '/v1/webhook_endpoints',
  '/v1/webhook_endpoints/{webhook_endpoint}',
];
