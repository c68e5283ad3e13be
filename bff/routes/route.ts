// Owns what a route is: a path that is read with GET, on behalf of a person, out of one kernel.

import type { CallContext, KernelClient } from '../kernel-client.ts';
import type { RenderedJson } from '../rendered-json.ts';

/** What a route has to answer with. */
export interface RouteCall {
  readonly kernel: KernelClient;
  /** Is the product of this deployment, from its configuration. */
  readonly productCode: string;
  readonly context: CallContext;
}

/** One path of the API. */
export interface Route {
  readonly path: string;
  /**
   * Answers a GET, with what is made to JSON each time, or was before. Throws Problem when the query is refused,
   * ServiceError when the kernel refuses, ConversionError when the kernel's answer can't be shown.
   */
  readonly answer: (rawQuery: unknown, call: RouteCall) => Promise<object | RenderedJson>;
}
