// Owns what has to be equal of the top-ups of a workspace, their payments at Stripe and the credits of the account: each is paid by
// one invoice, of its price; the account keeps the credits of those that are paid, less what went back, and of no other. Does not own
// making it so (app/payment).

import type { TopUpId } from '../../domain/id.ts';
import { computeKept } from '../../domain/payment-giving.ts';
import { isTopUpEnded, type TopUpOrder } from '../../domain/top-up.ts';
import type { Ledger, PaybackReading, TenantRef } from '../ledger/ledger.ts';
import type { StripeTopUps, TopUp, TopUpStore } from '../payment/ports.ts';
import { listTopUps } from '../payment/top-up-list.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { type Difference, mendedByHand, mendedByRefresh, mendedByReversal, type WorkspaceCheck } from './difference.ts';
import type { ListedTopUp, PaymentKeyFinder, StripePaymentList } from './ports.ts';

/** How many payments of an account are looked up by its keys at most. */
const KEYS_MAX = 10_000;

/** What the check works with. */
export interface PaymentCheckParts {
  readonly topUps: Pick<TopUpStore, 'loadPage'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly list: StripePaymentList;
  readonly stripe: Pick<StripeTopUps, 'loadTopUp' | 'loadReturn'>;
  readonly ledger: Pick<Ledger, 'readPayback'>;
  readonly keys: PaymentKeyFinder;
}

/** What Stripe says of all top-ups of one workspace. */
interface Sight {
  readonly invoices: ReadonlyMap<string, ListedTopUp>;
  readonly returned: ReadonlySet<string>;
}

/** What of a top-up's invoice counts here. */
type SeenInvoice = Pick<ListedTopUp, 'isPaid' | 'minorUnits' | 'currency'>;

/** Compares top-ups. */
export class PaymentCheck implements WorkspaceCheck {
  readonly #parts: PaymentCheckParts;

  constructor(parts: PaymentCheckParts) {
    this.#parts = parts;
  }

  async find(tenant: TenantRef): Promise<readonly Difference[]> {
    const { customers, list, keys } = this.#parts;
    const customer = (await customers.loadCustomer(tenant.tenantId))?.stripeCustomerId;
    const invoices = customer === undefined ? [] : await list.listTopUps(customer);
    const returned = customer === undefined ? new Set<string>() : await list.listReturned(customer);
    const sight = { invoices: new Map(invoices.map((each) => [each.stripeInvoiceId, each])), returned };
    const differences: Difference[] = [];
    const known = new Map<string, TopUp>();
    for await (const topUp of listTopUps(this.#parts.topUps, tenant.tenantId)) {
      known.set(topUp.topUpId, topUp);
      differences.push(...(await this.#compare(topUp, sight)));
    }
    for (const invoice of invoices) differences.push(...(await this.#findUnknown(tenant, invoice, known)));
    for (const topUpId of await keys.findPaid(tenant.tenantId, KEYS_MAX)) {
      if (!known.has(topUpId)) differences.push(...(await this.#findUnasked(tenant, topUpId)));
    }
    return differences;
  }

  async #compare(topUp: TopUp, sight: Sight): Promise<readonly Difference[]> {
    const { topUpId } = topUp;
    const invoice = await this.#see(topUp, sight);
    const reading = await this.#parts.ledger.readPayback(topUp, topUpId);
    if (invoice?.isPaid !== true) {
      return reading === undefined || isTakenBack(reading) ? [] : [grantOf(topUp, reading, unpaid(topUpId))];
    }
    if (invoice.minorUnits !== topUp.minorUnits || invoice.currency !== topUp.currency) {
      const isOver = reading === undefined && (await this.#isPaidBack(topUp.stripeInvoiceId ?? '', invoice));
      return isOver ? [] : [otherPrice(topUp, invoice, reading)];
    }
    return reading === undefined ? [missingGrant(topUp)] : this.#compareKept(topUp, reading, sight);
  }

  /** An invoice that is older than what is listed is read by itself. */
  async #see({ stripeInvoiceId }: TopUp, { invoices }: Sight): Promise<SeenInvoice | undefined> {
    if (stripeInvoiceId === undefined) return undefined;
    const listed = invoices.get(stripeInvoiceId);
    if (listed !== undefined) return listed;
    const found = await this.#parts.stripe.loadTopUp(stripeInvoiceId);
    return found && { isPaid: found.facts.invoice === 'paid', minorUnits: found.minorUnits, currency: found.currency };
  }

  async #compareKept(topUp: TopUp, reading: PaybackReading, sight: Sight): Promise<readonly Difference[]> {
    const { stripePaymentIntentId: intent, minorUnits, microcredits } = topUp;
    const mayBeBack = intent !== undefined && (reading.total > 0n || sight.returned.has(intent));
    const returned = mayBeBack ? await this.#loadReturned(intent, topUp) : 0n;
    const kept = computeKept({ microcredits, minorUnits, returned });
    return reading.credits - reading.total === kept ? [] : [otherCredits(topUp, reading, { kept, returned })];
  }

  async #loadReturned(stripePaymentIntentId: string, paid: TopUpOrder): Promise<bigint> {
    const { refunded, disputed } = await this.#parts.stripe.loadReturn(stripePaymentIntentId, paid);
    return refunded + disputed;
  }

  async #isPaidBack(stripeInvoiceId: string, { minorUnits, currency }: SeenInvoice): Promise<boolean> {
    const intent = (await this.#parts.stripe.loadTopUp(stripeInvoiceId))?.stripePaymentIntentId;
    if (intent === undefined) return false;
    return (await this.#loadReturned(intent, { minorUnits, currency, microcredits: 0n })) >= minorUnits;
  }

  /** A top-up is paid by its own invoice alone: what says that it is of it, too, has charged somebody a second time. */
  async #findUnknown(
    tenant: TenantRef,
    invoice: ListedTopUp,
    known: ReadonlyMap<string, TopUp>,
  ): Promise<readonly Difference[]> {
    const { stripeInvoiceId, isPaid } = invoice;
    const topUp = known.get(invoice.topUpId);
    if (!isPaid || topUp?.stripeInvoiceId === stripeInvoiceId) return [];
    // Whoever works at it finds its invoice by itself.
    if (topUp !== undefined && topUp.stripeInvoiceId === undefined && !isTopUpEnded(topUp.status)) return [];
    return (await this.#isPaidBack(stripeInvoiceId, invoice)) ? [] : [unknownPayment(tenant, invoice, topUp)];
  }

  async #findUnasked(tenant: TenantRef, topUpId: TopUpId): Promise<readonly Difference[]> {
    const reading = await this.#parts.ledger.readPayback(tenant, topUpId);
    if (reading === undefined || isTakenBack(reading)) return [];
    const message = `the account got ${reading.credits} microcredits for ${topUpId}, which nobody asked for here`;
    return [grantOf(tenant, reading, message)];
  }
}

/** What was given by mistake is undone by the entry that gave it. */
function grantOf({ tenantId }: TenantRef, reading: PaybackReading, message: string): Difference {
  const { topUpId: subject, paidEntryId } = reading;
  const effect = `takes back what the entry ${paidEntryId} gave for ${subject}; should it be paid later, its credits come again`;
  return mendedByReversal({ tenantId, kind: 'grant_without_payment', subject, message }, paidEntryId, effect);
}

function isTakenBack({ total, credits }: PaybackReading): boolean {
  return total >= credits;
}

function missingGrant({ tenantId, topUpId: subject, microcredits, ...paid }: TopUp): Difference {
  const message =
    `the top-up ${subject} is paid (${paid.minorUnits} ${paid.currency}, invoice ${paid.stripeInvoiceId}), and its ${microcredits} ` +
    'microcredits have not come';
  const finding = { tenantId, kind: 'payment_without_grant', subject, message } as const;
  return mendedByRefresh(finding, `gives ${microcredits} microcredits for ${subject}, less what of it went back`);
}

function unpaid(topUpId: TopUpId): string {
  return `the account got the credits of the top-up ${topUpId}, which is not paid at Stripe`;
}

/** Credits of a paid top-up that are not what is to be kept of it. */
function otherCredits(
  { tenantId, topUpId: subject, microcredits, minorUnits, currency }: TopUp,
  { credits, total, isReversed }: PaybackReading,
  { kept, returned }: { readonly kept: bigint; readonly returned: bigint },
): Difference {
  const given = isReversed ? 'what it gave was undone by hand' : `the account got ${credits} for it`;
  const message =
    `the top-up ${subject} of ${microcredits} microcredits is paid, and ${returned} of ${minorUnits} ${currency} of it went back: ` +
    `${given}, and ${total} were taken back, where ${kept} are to be kept`;
  const change = kept - (credits - total);
  const effect = change > 0n ? `gives ${change} microcredits for ${subject}` : `takes back ${-change} of ${subject}`;
  const differing = credits === microcredits ? 'payback_differs' : 'grant_differs';
  const kind = isReversed ? 'payment_without_grant' : differing;
  return mendedByRefresh({ tenantId, kind, subject, message }, effect);
}

/** Either of the two was changed by hand. What has given no credits can be paid back; else a person has to find out which. */
function otherPrice(topUp: TopUp, invoice: SeenInvoice, reading: PaybackReading | undefined): Difference {
  const { tenantId, topUpId: subject, stripeInvoiceId = '' } = topUp;
  const { minorUnits, currency } = invoice;
  const message =
    `the top-up ${subject} costs ${topUp.minorUnits} ${topUp.currency}, and its invoice ${stripeInvoiceId} of ${minorUnits} ${currency} ` +
    'is paid: one of the two was changed by hand';
  const finding = { tenantId, kind: 'payment_differs', subject, message } as const;
  if (reading === undefined) return paidBack(finding, stripeInvoiceId, invoice);
  return mendedByHand(finding, `wheelhouse topup show ${tenantId} ${subject}`, '');
}

function unknownPayment(
  { tenantId }: TenantRef,
  invoice: ListedTopUp,
  topUp: Pick<TopUp, 'stripeInvoiceId'> | undefined,
): Difference {
  const { stripeInvoiceId: subject, topUpId, minorUnits, currency } = invoice;
  const why =
    topUp === undefined
      ? 'which nobody asked for here: pay it back, or grant what it was for'
      : `which has the invoice ${topUp.stripeInvoiceId ?? 'none'}: somebody was charged twice`;
  const message = `the invoice ${subject} of ${minorUnits} ${currency} is paid and says that it is of the top-up ${topUpId}, ${why}`;
  return paidBack({ tenantId, kind: 'unknown_payment', subject, message }, subject, invoice);
}

function paidBack(
  finding: Parameters<typeof mendedByHand>[0],
  stripeInvoiceId: string,
  { minorUnits, currency }: SeenInvoice,
): Difference {
  const command = `stripe credit_notes create --invoice ${stripeInvoiceId} --amount ${minorUnits} --refund-amount ${minorUnits}`;
  return mendedByHand(finding, command, `pays ${minorUnits} ${currency} back`);
}
