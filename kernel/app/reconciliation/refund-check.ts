// Owns that money of a plan's payment which was to go back has gone back: a refund that the payer's bank has sent back is nobody's
// until somebody decides. Does not own refunds of top-ups, whose credits have come again (payment-check.ts).

import type { TenantRef } from '../ledger/ledger.ts';
import type { TopUpStore } from '../payment/ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { type Difference, mendedByHand, type WorkspaceCheck } from './difference.ts';
import { type FailedRefund, REPLACES, SETTLED_OUTSIDE, type StripePaymentList } from './ports.ts';

/** What the check works with. */
export interface RefundCheckParts {
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly topUps: Pick<TopUpStore, 'findByPaymentIntent'>;
  readonly list: Pick<StripePaymentList, 'listFailedRefunds'>;
}

/** Looks for refunds that came back. */
export class RefundCheck implements WorkspaceCheck {
  readonly #parts: RefundCheckParts;

  constructor(parts: RefundCheckParts) {
    this.#parts = parts;
  }

  async find(tenant: TenantRef): Promise<readonly Difference[]> {
    const { customers, topUps, list } = this.#parts;
    const customer = (await customers.loadCustomer(tenant.tenantId))?.stripeCustomerId;
    if (customer === undefined) return [];
    const differences: Difference[] = [];
    for (const refund of await list.listFailedRefunds(customer)) {
      const topUp = await topUps.findByPaymentIntent(refund.stripePaymentIntentId);
      if (topUp === undefined) differences.push(failedOf(tenant, refund));
    }
    return differences;
  }
}

function failedOf({ tenantId }: TenantRef, { stripeRefundId: subject, ...refund }: FailedRefund): Difference {
  const { stripePaymentIntentId: intent, minorUnits, missingMinorUnits: missing, currency } = refund;
  const madeUpFor = missing === minorUnits ? '' : `, and other refunds have made up for all but ${missing} ${currency}`;
  const message =
    `the refund ${subject} of ${minorUnits} ${currency} was sent back by the bank of whoever paid${madeUpFor}, so they do not have that ` +
    'money: pay what is missing once more or, where they have got it in another way, say so at Stripe: ' +
    `stripe refunds update ${subject} -d "metadata[${SETTLED_OUTSIDE}]=true"`;
  const command = `stripe refunds create --payment-intent ${intent} --amount ${missing} -d "metadata[${REPLACES}]=${subject}"`;
  const finding = { tenantId, kind: 'refund_failed', subject, message } as const;
  return mendedByHand(finding, command, `pays ${missing} ${currency} back once more`);
}
