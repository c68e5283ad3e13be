/** Owns: what the hosted page of a checkout session shows. Does not own: what happens when it is sent. */
import { describeMoney } from '../money.ts';
import type { CheckoutSession, LineItem } from '../resource/checkout-session.ts';
import { TEST_CARDS } from '../test-card.ts';
import { html, type Markup, toPage } from './html.ts';

/** Is what was typed before, to be shown again with the error. */
export interface Typed {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly card?: string | undefined;
  readonly expiry?: string | undefined;
}

/** Returns the page of an open session, with an error where one is to be shown. */
export function toCheckoutPage(
  session: CheckoutSession,
  items: readonly LineItem[],
  typed: Typed,
  error: string | undefined,
): string {
  const isPayment = session.mode === 'payment';
  const total = describeMoney(session.amount_total ?? 0, session.currency ?? 'usd');
  const body = html`
<h1>${isPayment ? `Pay ${total}` : 'Save a card'}</h1>
${isPayment ? toItems(items, total) : html`<p>Nothing is charged now.</p>`}
${error === undefined ? html`` : html`<p class="error" role="alert" id="error">${error}</p>`}
<form method="post" autocomplete="on">
${session.customer === null ? toField('email', 'E-mail', 'email', typed.email ?? session.customer_email ?? '', 'email') : html``}
${toField('card', 'Card number', 'text', typed.card ?? '', 'cc-number', '4242 4242 4242 4242')}
<div class="row">
${toField('expiry', 'Expiry (MM / YY)', 'text', typed.expiry ?? '12 / 34', 'cc-exp')}
${toField('cvc', 'Security code', 'text', '123', 'cc-csc')}
</div>
${toField('name', 'Name on card', 'text', typed.name ?? '', 'cc-name')}
<button class="wide" type="submit">${isPayment ? `Pay ${total}` : 'Save card'}</button>
</form>
${session.cancel_url === null ? html`` : html`<a class="back" href="${session.cancel_url}">Cancel and go back</a>`}
<h2>Test cards</h2>
<table class="cards">
<thead><tr><th scope="col">Number</th><th scope="col">What it does</th></tr></thead>
<tbody>${TEST_CARDS.map(({ number, description }) => html`<tr><td>${toGroups(number)}</td><td>${description}</td></tr>`)}</tbody>
</table>`;
  return toPage(isPayment ? 'Checkout' : 'Save a card', body);
}

function toItems(items: readonly LineItem[], total: string): Markup {
  const rows = items.map(
    ({ description, quantity, amount_total: amount, currency }) =>
      html`<tr><td>${description}</td><td>${quantity}</td><td>${describeMoney(amount, currency)}</td></tr>`,
  );
  return html`<table>
<thead><tr><th scope="col">What</th><th scope="col">Quantity</th><th scope="col">Amount</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row" colspan="2">Total</th><td>${total}</td></tr></tfoot>
</table>`;
}

function toField(
  name: string,
  label: string,
  type: string,
  value: string,
  ...[autocomplete = 'off', placeholder = '']: readonly string[]
): Markup {
  return html`<label>${label}
<input name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}" placeholder="${placeholder}" required>
</label>`;
}

/** Returns a number as it stands on the card. */
function toGroups(number: string): string {
  return number.length === 15
    ? number.replace(/^(\d{4})(\d{6})/, '$1 $2 ')
    : number.replace(/^(\d{4})(\d{4})(\d{4})/, '$1 $2 $3 ');
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

/** Returns a page that only says something. */
export function toMessagePage(title: string, text: string): string {
  return toPage(title, html`<h1>${title}</h1><p>${text}</p>`);
}
