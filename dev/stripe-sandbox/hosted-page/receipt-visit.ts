/** Owns: the page of a charge's receipt. Does not own: where its address stands (`../resource/charge.ts`). */

import { html } from '../../../bff/html.ts';
import type { Call } from '../call.ts';
import type { WholeAnswer } from '../http-server.ts';
import { describeMoney } from '../money.ts';
import { CHARGES } from '../resource/charge.ts';
import { toPage } from './html.ts';
import { toAnswer, toNowhere } from './page-answer.ts';

/** Answers a browser on the page of a receipt. */
export function visitReceipt(call: Call, id: string): WholeAnswer {
  const charge = call.tx.find(CHARGES, id);
  if (charge === undefined || charge.receipt_url === null) return toNowhere();
  const { amount, amount_refunded: refunded, currency } = charge;
  const body = html`
<h1>Receipt</h1>
<p>Paid: <strong id="paid">${describeMoney(amount, currency)}</strong></p>
<p>Refunded: <strong id="refunded">${describeMoney(refunded, currency)}</strong></p>`;
  return toAnswer(200, toPage('Receipt', body));
}
