// Owns top-ups at Stripe: one invoice each, with one line, its payment, and what of that went back. Does not own what they give.
// Invariants: the invoice bills nothing but the top-up, and takes no discount; nothing is charged before it is asked for; what is over
// already is no error: the same again comes to the same.

import type { Stripe } from 'stripe';
import type {
  StripeReturn,
  StripeReturnPart,
  StripeTopUp,
  StripeTopUpOrder,
  StripeTopUps,
} from '../app/payment/ports.ts';
import type { StripeAttempt } from '../app/subscription/ports.ts';
import { present } from '../domain/optional.ts';
import { formatQuantity } from '../domain/quantity.ts';
import type { TopUpFacts, TopUpOrder } from '../domain/top-up.ts';
import { INTENT_ID, toOptions, withIntent } from './stripe-attempt.ts';
import { AUTHENTICATION_REQUIRED, findDecline } from './stripe-charge.ts';
import { guardStripe, isMissing, type StripeClient, unlessOver } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';
import { findLastPayment, type LastPayment } from './stripe-payment-state.ts';
import { loadReturnParts } from './stripe-return.ts';

/** What is read with an invoice. */
const EXPANDED = ['confirmation_secret', 'payments.data.payment.payment_intent'];
/** Builds what speaks to Stripe about top-ups. */
export function createStripeTopUps(client: StripeClient): StripeTopUps {
  return {
    openTopUp: (order, attempt, found) => guardStripe(() => openTopUp(client, order, attempt, found)),
    findTopUp: (customer, topUpId, madeAfter) =>
      guardStripe(async () => {
        const query = { customer, created: { gte: Math.floor(madeAfter / 1_000) }, limit: PAGE_SIZE };
        const made = await client.invoices.list(query).autoPagingToArray({ limit: LIST_MAX });
        return made.find(({ metadata }) => metadata?.[INTENT_ID] === topUpId)?.id;
      }),
    loadTopUp: (id) =>
      guardStripe(async () => {
        const invoice = await retrieve(client, id);
        return invoice && toTopUp(invoice);
      }),
    chargeTopUp: (id, attempt) => guardStripe(() => charge(client, id, attempt)),
    closeTopUp: (id, attempt) => guardStripe(() => close(client, id, attempt)),
    loadReturn: (intent, paid) => guardStripe(() => loadReturn(client, intent, paid)),
  };
}

async function retrieve(client: StripeClient, id: string): Promise<Stripe.Invoice | undefined> {
  try {
    return await client.invoices.retrieve(id, { expand: EXPANDED });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function openTopUp(
  client: StripeClient,
  order: StripeTopUpOrder,
  attempt: StripeAttempt,
  found: string | undefined,
): Promise<string> {
  const id = found ?? (await makeInvoice(client, order, attempt));
  const invoice = await retrieve(client, id);
  if (invoice?.status !== 'draft') return id;
  if (invoice.lines.data.length === 0) await addItem(client, id, order, attempt);
  await unlessOver(
    () => client.invoices.finalizeInvoice(id, { auto_advance: false }, toOptions(attempt, 'finalize')),
    async () => (await client.invoices.retrieve(id)).status !== 'draft',
  );
  return id;
}

async function makeInvoice(client: StripeClient, order: StripeTopUpOrder, attempt: StripeAttempt): Promise<string> {
  const { stripeCustomerId: customer, currency, metadata } = order;
  const { id = '' } = await client.invoices.create(
    {
      ...{ customer, currency, metadata: withIntent(metadata, attempt), description: describe(order) },
      ...{ auto_advance: false, collection_method: 'charge_automatically' },
      // What a customer has waiting, or is granted, is for what the plan costs.
      ...{ discounts: '', pending_invoice_items_behavior: 'exclude' },
    },
    toOptions(attempt, 'invoice'),
  );
  return id;
}

async function addItem(
  client: StripeClient,
  invoice: string,
  order: StripeTopUpOrder,
  attempt: StripeAttempt,
): Promise<void> {
  const { stripeCustomerId: customer, currency, minorUnits } = order;
  await client.invoiceItems.create(
    {
      ...{ customer, invoice, currency, amount: Number(minorUnits), discountable: false },
      description: describe(order),
      metadata: withIntent({}, attempt),
    },
    toOptions(attempt, 'item'),
  );
}

function describe({ microcredits }: TopUpOrder): string {
  const credits = formatQuantity({ millionths: microcredits });
  return `${credits} ${credits === '1' ? 'credit' : 'credits'}`;
}

async function charge(client: StripeClient, id: string, attempt: StripeAttempt): Promise<void> {
  await unlessOver(
    async () => {
      try {
        await client.invoices.pay(id, { off_session: true }, toOptions(attempt, 'pay'));
      } catch (error) {
        // The invoice shows that it was declined, or waits for its person.
        if (findDecline(error) === undefined) throw error;
      }
    },
    async () => isOver(await retrieve(client, id)),
  );
}

/** A draft has no payment that could come, and is removed. */
async function close(client: StripeClient, id: string, attempt: StripeAttempt): Promise<void> {
  const invoice = await retrieve(client, id);
  if (isOver(invoice)) return;
  await unlessOver(
    () =>
      invoice?.status === 'draft'
        ? client.invoices.del(id, {}, toOptions(attempt, 'delete'))
        : client.invoices.voidInvoice(id, {}, toOptions(attempt, 'void')),
    async () => {
      const after = await retrieve(client, id);
      // A bank that has not answered yet can't be asked to forget it.
      return isOver(after) || (after !== undefined && lastPaymentOf(after).isProcessing);
    },
  );
}

function isOver(invoice: Stripe.Invoice | undefined): boolean {
  return invoice === undefined || invoice.status === 'paid' || invoice.status === 'void';
}

function lastPaymentOf({ payments }: Stripe.Invoice): LastPayment {
  return findLastPayment(payments?.data ?? []);
}

function toTopUp(invoice: Stripe.Invoice): StripeTopUp {
  const { total, pre_payment_credit_notes_amount: credited, currency, confirmation_secret: secret } = invoice;
  const payment = lastPaymentOf(invoice);
  return {
    facts: toFacts(invoice, payment),
    minorUnits: BigInt(total) - BigInt(credited),
    currency: currency.toLowerCase(),
    ...present({
      stripePaymentIntentId: payment.intent?.id,
      clientSecret: isOver(invoice) ? undefined : secret?.client_secret,
      pageUrl: invoice.hosted_invoice_url ?? undefined,
    }),
  };
}

function toFacts({ status }: Stripe.Invoice, { intent, isProcessing, failureCode }: LastPayment): TopUpFacts {
  const isAction = failureCode === AUTHENTICATION_REQUIRED;
  const due = isAction ? ('action' as const) : ('unpaid' as const);
  return {
    invoice: toInvoiceState(status),
    ...(intent === undefined ? {} : { payment: isProcessing ? ('processing' as const) : due }),
    ...present({ failureCode }),
  };
}

/** What is given up at Stripe may be paid still, as what is open. */
function toInvoiceState(status: Stripe.Invoice['status']): TopUpFacts['invoice'] {
  switch (status) {
    case 'draft':
    case null:
      return 'draft';
    case 'paid':
      return 'paid';
    case 'void':
      return 'void';
    default:
      return 'open';
  }
}

async function loadReturn(
  client: StripeClient,
  intent: string,
  { minorUnits, currency }: TopUpOrder,
): Promise<StripeReturn> {
  const parts = await loadReturnParts(client, intent);
  const partsOf = (kind: StripeReturnPart['kind']) => parts.filter((part) => part.kind === kind);
  return {
    parts,
    refunded: sumOf(partsOf('refund').map((part) => part.minorUnits)),
    // What a bank says in its own currency is taken for all.
    disputed: sumOf(partsOf('dispute').map((part) => (part.currency === currency ? part.minorUnits : minorUnits))),
  };
}

function sumOf(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n);
}
