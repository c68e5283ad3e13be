/**
 * Owns: the sandbox's pages for browsers: which path is which page.
 * Does not own: what is done on them (`*-visit.ts`), and what they look like (`*-page.ts`).
 * Invariant: what a page does, it does in one transaction.
 */
import { Call, type SandboxFacts } from '../call.ts';
import type { Clock } from '../clock.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import type { Store } from '../store.ts';
import { StripeError } from '../stripe-error.ts';
import { visitAuthentication } from './authentication-visit.ts';
import { visitCheckout } from './checkout-visit.ts';
import { toMessagePage } from './html.ts';
import { visitInvoice } from './invoice-visit.ts';
import { toAnswer } from './page-answer.ts';
import { visitPortal } from './portal-visit.ts';
import { visitReceipt } from './receipt-visit.ts';

/** Is what the pages work with. */
export interface HostedPageParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly facts: SandboxFacts;
}

/** Answers a browser. With a failure it is asked again after what it tried was undone, to show what went wrong. */
type Visit = (call: Call, id: string, request: WholeRequest, failure?: StripeError) => WholeAnswer;

/** Is where the portal is, which shows its own failures. */
const PORTAL_PATH = '/p/session/';

const PAGES: readonly (readonly [RegExp, Visit])[] = [
  [/^\/c\/pay\/(cs_test_\w+)$/, visitCheckout],
  [/^\/authenticate\/(\w+_secret_\w+)$/, visitAuthentication],
  [/^\/i\/(in_\w+)$/, visitInvoice],
  [/^\/receipts\/(ch_\w+)$/, visitReceipt],
  [/^\/p\/session\/(bps_\w+)$/, visitPortal],
];

/** Says that whoever is behind a browser did it, not a request of the API. */
const BY_BROWSER = { requestId: null, idempotencyKey: null };

/** Answers a browser, or returns undefined for a path that is no page. */
export function answerBrowser(parts: HostedPageParts, request: WholeRequest): WholeAnswer | undefined {
  for (const [pattern, visit] of PAGES) {
    const id = pattern.exec(request.path)?.[1];
    if (id !== undefined) return answer(parts, request, (call, failure) => visit(call, id, request, failure));
  }
  return undefined;
}

function answer(
  parts: HostedPageParts,
  { method, path }: WholeRequest,
  visit: (call: Call, failure?: StripeError) => WholeAnswer,
): WholeAnswer {
  if (method !== 'GET' && method !== 'POST') return toAnswer(405, toMessagePage('Not here', 'GET or POST.'));
  const run = (failure?: StripeError): WholeAnswer =>
    parts.store.run((tx) => visit(new Call(tx, parts.facts, parts.clock.now(), BY_BROWSER), failure));
  try {
    return run();
  } catch (error) {
    // Such as that the customer was deleted meanwhile, or a card declined: nothing was done, and whoever is there is told.
    if (!(error instanceof StripeError)) throw error;
    return path.startsWith(PORTAL_PATH)
      ? run(error)
      : toAnswer(error.status, toMessagePage('This did not work', error.message));
  }
}
