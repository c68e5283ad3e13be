// Owns what has to be equal of the top-ups of a workspace, their payments at Stripe and the credits of the account: every one that is
// paid has given its credits once, no other has, and what went back was taken back. Does not own making it so (app/payment).

import type { TopUpId } from '../../domain/id.ts';
import { computePaybackTarget } from '../../domain/payback.ts';
import type { Ledger, PaybackReading, TenantRef } from '../ledger/ledger.ts';
import type { StripeTopUps, TopUp, TopUpStore } from '../payment/ports.ts';
import { listTopUps } from '../payment/top-up-list.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import {
  type Difference,
  type DifferenceKind,
  mendedByHand,
  mendedByRefresh,
  type WorkspaceCheck,
} from './difference.ts';
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
    const known = new Set<string>();
    for await (const topUp of listTopUps(this.#parts.topUps, tenant.tenantId)) {
      known.add(topUp.topUpId);
      differences.push(...(await this.#compare(topUp, sight)));
    }
    const strange = invoices.filter(({ topUpId, isPaid }) => isPaid && !known.has(topUpId));
    const paidKeys = await keys.findPaid(tenant.tenantId, KEYS_MAX);
    const unasked = paidKeys.filter((topUpId) => !known.has(topUpId));
    return [
      ...differences,
      ...strange.map((invoice) => unknownPayment(tenant, invoice)),
      ...(await Promise.all(unasked.map((topUpId) => this.#unaskedGrant(tenant, topUpId)))).flat(),
    ];
  }

  async #compare(topUp: TopUp, sight: Sight): Promise<readonly Difference[]> {
    const { topUpId, microcredits } = topUp;
    const isPaid = await this.#isPaid(topUp, sight);
    const reading = await this.#parts.ledger.readPayback(topUp, topUpId);
    if (reading === undefined) return isPaid ? [missingGrant(topUp)] : [];
    if (!isPaid)
      return isTakenBack(reading) ? [] : [mendedByReversal(topUp, 'grant_without_payment', reading, unpaid(topUp))];
    if (reading.credits !== microcredits) {
      const message = `the top-up ${topUpId} is of ${microcredits} microcredits, and the account got ${reading.credits} for it`;
      return [mendedByReversal(topUp, 'grant_differs', reading, message)];
    }
    return this.#comparePayback(topUp, reading, sight);
  }

  /** An invoice that is older than what is listed is read by itself. */
  async #isPaid({ stripeInvoiceId }: TopUp, { invoices }: Sight): Promise<boolean> {
    if (stripeInvoiceId === undefined) return false;
    const listed = invoices.get(stripeInvoiceId);
    if (listed !== undefined) return listed.isPaid;
    return (await this.#parts.stripe.loadTopUp(stripeInvoiceId))?.facts.invoice === 'paid';
  }

  async #comparePayback(topUp: TopUp, reading: PaybackReading, { returned }: Sight): Promise<readonly Difference[]> {
    const { stripePaymentIntentId: intent, minorUnits, topUpId } = topUp;
    if (intent === undefined || reading.isReversed || (reading.total === 0n && !returned.has(intent))) return [];
    const { refunded, disputed } = await this.#parts.stripe.loadReturn(intent, topUp);
    const back = refunded + disputed < minorUnits ? refunded + disputed : minorUnits;
    const target = computePaybackTarget(reading.credits, minorUnits, back);
    if (target === reading.total) return [];
    const message =
      `${back} of ${minorUnits} ${topUp.currency} of the top-up ${topUpId} went back, for which ${target} microcredits are to be ` +
      `taken back; the account has taken back ${reading.total}`;
    return [mendedByRefresh(topUp, 'payback_differs', topUpId, message)];
  }

  async #unaskedGrant(tenant: TenantRef, topUpId: TopUpId): Promise<readonly Difference[]> {
    const reading = await this.#parts.ledger.readPayback(tenant, topUpId);
    if (reading === undefined || isTakenBack(reading)) return [];
    const message = `the account got ${reading.credits} microcredits for ${topUpId}, which nobody asked for here`;
    return [mendedByReversal(tenant, 'grant_without_payment', reading, message)];
  }
}

/** What was given by mistake is undone by the entry that gave it. */
function mendedByReversal(
  tenant: TenantRef,
  kind: DifferenceKind,
  { topUpId, paidEntryId }: PaybackReading,
  message: string,
): Difference {
  const command = `wheelhouse ledger reverse ${tenant.tenantId} ${paidEntryId}`;
  return mendedByHand(tenant, kind, topUpId, message, command);
}

function isTakenBack({ isReversed, total, credits }: PaybackReading): boolean {
  return isReversed || total >= credits;
}

function missingGrant(topUp: TopUp): Difference {
  const { topUpId, microcredits, minorUnits, currency, stripeInvoiceId } = topUp;
  const message =
    `the top-up ${topUpId} is paid (${minorUnits} ${currency}, invoice ${stripeInvoiceId}), and its ${microcredits} microcredits ` +
    'have not come';
  return mendedByRefresh(topUp, 'payment_without_grant', topUpId, message);
}

function unpaid({ topUpId }: TopUp): string {
  return `the account got the credits of the top-up ${topUpId}, which is not paid at Stripe`;
}

function unknownPayment(
  tenant: TenantRef,
  { stripeInvoiceId, topUpId, minorUnits, currency }: ListedTopUp,
): Difference {
  const message =
    `the invoice ${stripeInvoiceId} of ${minorUnits} ${currency} is paid and says that it is of the top-up ${topUpId}, which nobody ` +
    'asked for here: pay it back, or grant what it was for';
  const command = `stripe credit_notes create --invoice ${stripeInvoiceId} --refund-amount ${minorUnits}`;
  return mendedByHand(tenant, 'unknown_payment', stripeInvoiceId, message, command);
}
