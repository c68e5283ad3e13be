/** Owns: what the hosted page of a checkout session shows. Does not own: what happens when it is sent (`checkout-visit.ts`). */

import { html, type Markup } from '../../../bff/html.ts';
import { describeMoney } from '../money.ts';
import type { LineItem } from '../resource/checkout-line.ts';
import { type CheckoutSession, needsCard } from '../resource/checkout-object.ts';
import { toAlert, toCardFields, toCardTable, toField } from './card-form.ts';
import { toPage } from './html.ts';
import type { Typed } from './page-answer.ts';

/** Returns the page of an open session, with an error where one is to be shown. */
export function toCheckoutPage(
  session: CheckoutSession,
  items: readonly LineItem[],
  typed: Typed,
  error: string | undefined,
): string {
  const total = describeMoney(session.amount_total ?? 0, session.currency ?? 'usd');
  const { title, heading, button } = toWords(session, total);
  const takesCode = session.allow_promotion_codes === true && session.discounts === null;
  const body = html`
<h1>${heading}</h1>
${session.mode === 'setup' ? html`<p>Nothing is charged now.</p>` : toItems(items, total)}
${toAlert(error)}
${takesCode ? CODE_FORM : html``}
<form method="post" autocomplete="on">
${session.customer === null ? toField('email', 'E-mail', 'email', typed.email ?? session.customer_email ?? '', 'email') : html``}
${needsCard(session) ? toCardFields(typed) : html`<p>No card is needed today.</p>`}
<button class="wide" type="submit">${button}</button>
</form>
${session.cancel_url === null ? html`` : html`<a class="back" href="${session.cancel_url}">Cancel and go back</a>`}
${toCardTable()}`;
  return toPage(title, body);
}

const CODE_FORM = html`<form method="post" class="row">
${toField('promotion_code', 'Promotion code', 'text', '')}
<button type="submit" class="plain apply">Apply</button>
</form>`;

function toWords({ mode, amount_total: amount }: CheckoutSession, total: string) {
  if (mode === 'setup') return { title: 'Save a card', heading: 'Save a card', button: 'Save card' };
  if (mode === 'payment') return { title: 'Checkout', heading: `Pay ${total}`, button: `Pay ${total}` };
  const isTrial = amount === 0;
  const heading = isTrial ? 'Start your subscription: nothing is charged today' : `Subscribe for ${total} today`;
  return { title: 'Checkout', heading, button: isTrial ? 'Start' : `Pay ${total} and subscribe` };
}

function toItems(items: readonly LineItem[], total: string): Markup {
  const rows = items.map(
    ({ description, quantity, amount_subtotal: amount, currency }) =>
      html`<tr><td>${description}</td><td>${quantity}</td><td>${describeMoney(amount, currency)}</td></tr>`,
  );
  const off = items.reduce((sum, { amount_discount: amount }) => sum + amount, 0);
  const discount = html`<tr><th scope="row" colspan="2">Discount</th><td>−${describeMoney(off, items[0]?.currency ?? 'usd')}</td></tr>`;
  return html`<table>
<thead><tr><th scope="col">What</th><th scope="col">Quantity</th><th scope="col">Amount</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot>${off === 0 ? html`` : discount}<tr><th scope="row" colspan="2">Total</th><td>${total}</td></tr></tfoot>
</table>`;
}

/** Returns the page of a session that is over. */
export function toClosedPage(session: CheckoutSession): string {
  const isComplete = session.status === 'complete';
  const title = isComplete ? 'All done' : 'This page has expired';
  const text = isComplete ? 'This was paid or saved already.' : 'Go back and begin again.';
  const back = session.cancel_url;
  return toPage(
    title,
    html`<h1>${title}</h1><p>${text}</p>${back === null ? html`` : html`<a class="back" href="${back}">Go back</a>`}`,
  );
}

/** Returns the page on which a card's owner authenticates, as their bank would ask them to. */
export function toAuthenticationPage(amount: string | undefined): string {
  const body = html`
<h1>Authenticate with your bank</h1>
<p>${amount === undefined ? 'A shop asks to save your card for later payments.' : `A shop asks for ${amount}.`}</p>
<form method="post" class="row">
<button name="outcome" value="complete" type="submit">Complete authentication</button>
<button name="outcome" value="fail" type="submit" class="plain">Fail authentication</button>
</form>`;
  return toPage('Authentication', body);
}
