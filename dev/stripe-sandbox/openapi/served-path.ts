/**
 * Owns: the list of Stripe's paths that the sandbox serves; the extract is cut to them, and the router refuses to start
 * when one of them has no operation.
 * Does not own: what the paths do; each object's own file does.
 */

/** Are the paths that the sandbox serves, as Stripe's OpenAPI writes them. */
export const SERVED_PATHS: readonly string[] = [
  '/v1/events',
  '/v1/events/{id}',
  '/v1/prices',
  '/v1/prices/{price}',
  '/v1/products',
  '/v1/products/{id}',
  '/v1/test_helpers/test_clocks',
  '/v1/test_helpers/test_clocks/{test_clock}',
  '/v1/test_helpers/test_clocks/{test_clock}/advance',
  '/v1/webhook_endpoints',
  '/v1/webhook_endpoints/{webhook_endpoint}',
];
