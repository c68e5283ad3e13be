/** Owns: what the hosted page of an invoice shows. Does not own: what happens when it is sent (`invoice-visit.ts`). */

import { html, type Markup } from '../../../bff/html.ts';
import { describeMoney } from '../money.ts';
import type { Invoice, InvoiceLine } from '../resource/invoice-object.ts';
import { toAlert, toCardFields, toCardTable } from './card-form.ts';
import { toPage } from './html.ts';
import type { Typed } from './page-answer.ts';

/** Returns the page of an invoice, on which one that is open can be paid. */
export function toInvoicePage(
  invoice: Invoice,
  lines: readonly InvoiceLine[],
  typed: Typed,
  error: string | undefined,
): string {
  const due = describeMoney(invoice.amount_due, invoice.currency);
  const isOpen = invoice.status === 'open' || invoice.status === 'uncollectible';
  const form = html`<form method="post" autocomplete="on">
${toCardFields(typed)}
<button class="wide" type="submit">Pay ${due}</button>
</form>
${toCardTable()}`;
  const body = html`
<h1>Invoice ${invoice.number ?? ''}</h1>
<p>Status: <strong id="status">${invoice.status}</strong></p>
${toLines(invoice, lines)}
${toAlert(error)}
${isOpen ? form : html`<p>Nothing is to be paid.</p>`}`;
  return toPage('Invoice', body);
}

function toLines({ currency, subtotal, total, amount_due: due }: Invoice, lines: readonly InvoiceLine[]): Markup {
  const rows = lines.map(
    ({ description, quantity, amount }) =>
      html`<tr><td>${description ?? ''}</td><td>${quantity}</td><td>${describeMoney(amount, currency)}</td></tr>`,
  );
  const sums: readonly (readonly [string, number])[] = [
    ['Discount', total - Number(subtotal)],
    ['Balance', due - total],
    ['Amount due', due],
  ];
  const shown = sums.filter(([name, amount]) => amount !== 0 || name === 'Amount due');
  return html`<table>
<thead><tr><th scope="col">What</th><th scope="col">Quantity</th><th scope="col">Amount</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot>${shown.map(([name, amount]) => html`<tr><th scope="row" colspan="2">${name}</th><td>${describeMoney(amount, currency)}</td></tr>`)}</tfoot>
</table>`;
}
