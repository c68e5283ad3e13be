/** Owns: the fields in which a card is typed, and the list of cards that work. Does not own: the pages around them. */

import { html, type Markup } from '../../../bff/html.ts';
import { TEST_CARDS } from '../test-card.ts';
import type { Typed } from './page-answer.ts';

/** Returns the fields of a card. */
export function toCardFields(typed: Typed): Markup {
  return html`${toField('card', 'Card number', 'text', typed.card ?? '', 'cc-number', '4242 4242 4242 4242')}
<div class="row">
${toField('expiry', 'Expiry (MM / YY)', 'text', typed.expiry ?? '12 / 34', 'cc-exp')}
${toField('cvc', 'Security code', 'text', '123', 'cc-csc')}
</div>
${toField('name', 'Name on card', 'text', typed.name ?? '', 'cc-name')}`;
}

/** Returns the table of cards that work here. */
export function toCardTable(): Markup {
  return html`<h2>Test cards</h2>
<table class="cards">
<thead><tr><th scope="col">Number</th><th scope="col">What it does</th></tr></thead>
<tbody>${TEST_CARDS.map(({ number, description }) => html`<tr><td>${toGroups(number)}</td><td>${description}</td></tr>`)}</tbody>
</table>`;
}

/** Returns what went wrong, where something did. */
export function toAlert(error: string | undefined): Markup {
  return error === undefined ? html`` : html`<p class="error" role="alert" id="error">${error}</p>`;
}

/** Returns a field of a form. */
export function toField(
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
