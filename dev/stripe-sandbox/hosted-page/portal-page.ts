/** Owns: what the pages of the billing portal show. Does not own: what happens when they are sent (`portal-visit.ts`). */

import { html, type Markup } from '../../../bff/html.ts';
import { describeMoney } from '../money.ts';
import type { Invoice } from '../resource/invoice-object.ts';
import type { PaymentMethod } from '../resource/payment-method.ts';
import type { RecurringPrice, Subscription } from '../resource/subscription-object.ts';
import { toPeriod } from '../resource/subscription-object.ts';
import { toAlert, toCardFields, toCardTable } from './card-form.ts';
import { toPage } from './html.ts';
import type { Typed } from './page-answer.ts';

/** Is a plan that a person may switch to. */
export interface PortalChoice {
  readonly price: RecurringPrice;
  /** Is its name and what it costs. */
  readonly label: string;
}

/** Is a subscription as the portal shows it. */
export interface ShownSubscription {
  readonly subscription: Subscription;
  readonly label: string;
  readonly choices: readonly PortalChoice[];
  readonly mayCancel: boolean;
}

/** Is what a page of the portal shows. */
export interface PortalView {
  readonly subscriptions: readonly ShownSubscription[];
  readonly card: PaymentMethod | undefined;
  readonly mayChangeCard: boolean;
  /** Is undefined where invoices are not shown. */
  readonly invoices: readonly Invoice[] | undefined;
  readonly returnUrl: string | null;
  readonly notice: string | undefined;
  readonly error: string | undefined;
  readonly typed: Typed;
}

/** Returns a page of the portal. */
export function toPortalPage(view: PortalView): string {
  const body = html`
<h1>Your billing</h1>
${view.notice === undefined ? html`` : html`<p role="status" id="notice">${view.notice}</p>`}
${toAlert(view.error)}
${view.subscriptions.map(toSubscription)}
${toCard(view)}
${view.invoices === undefined ? html`` : toInvoices(view.invoices)}
${view.returnUrl === null ? html`` : html`<a class="back" href="${view.returnUrl}">Go back</a>`}
${view.mayChangeCard ? toCardTable() : html``}`;
  return toPage('Billing portal', body);
}

function toDate(at: number): string {
  return new Date(at * 1000).toISOString().slice(0, 10);
}

function toSubscription({ subscription, label, choices, mayCancel }: ShownSubscription): Markup {
  const { id, status, cancel_at: cancelAt } = subscription;
  const next =
    cancelAt === null
      ? `The next period begins on ${toDate(toPeriod(subscription).end)}.`
      : `It ends on ${toDate(cancelAt)}.`;
  const end =
    cancelAt === null
      ? html`<button name="action" value="cancel" type="submit" class="plain">Cancel subscription</button>`
      : html`<button name="action" value="resume" type="submit">Don’t cancel subscription</button>`;
  const options = choices.map(
    ({ price, label: text }, index) =>
      html`<label><input type="radio" name="price" value="${price.id}"${index === 0 ? { markup: ' required' } : html``}> ${text}</label>`,
  );
  const change = html`<fieldset><legend>Switch plan</legend>${options}
<button name="action" value="switch" type="submit" class="plain">Switch plan</button></fieldset>`;
  return html`<section>
<h2>${label}</h2>
<p>Status: <strong>${status}</strong>. ${next}</p>
${choices.length === 0 ? html`` : toForm(id, change)}
${mayCancel ? toForm(id, end) : html``}
</section>`;
}

function toForm(subscription: string, inside: Markup): Markup {
  return html`<form method="post"><input type="hidden" name="subscription" value="${subscription}">${inside}</form>`;
}

function toCard({ card, mayChangeCard, typed }: PortalView): Markup {
  const shown =
    card === undefined ? 'None yet.' : `${String(card.card['brand'])} ending in ${String(card.card['last4'])}`;
  const form = html`<form method="post" autocomplete="on">
${toCardFields(typed)}
<button name="action" value="card" type="submit">Save card</button>
</form>`;
  return html`<section><h2>Card</h2><p id="card">${shown}</p>${mayChangeCard ? form : html``}</section>`;
}

function toInvoices(invoices: readonly Invoice[]): Markup {
  const rows = invoices.map(({ number, status, amount_due: due, currency, created, hosted_invoice_url: url }) => {
    const name = url === null ? html`${number ?? ''}` : html`<a href="${url}">${number ?? 'Invoice'}</a>`;
    return html`<tr><td>${toDate(created)}</td><td>${name}</td><td>${status}</td><td>${describeMoney(due, currency)}</td></tr>`;
  });
  return html`<section><h2>Invoices</h2><table>
<thead><tr><th scope="col">Date</th><th scope="col">Number</th><th scope="col">Status</th><th scope="col">Amount</th></tr></thead>
<tbody>${rows}</tbody>
</table></section>`;
}
