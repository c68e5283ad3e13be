/** Owns: amounts and currencies in parameters, as Stripe refuses them. */
import { readInteger, readText } from './field.ts';
import type { JsonFields } from './json.ts';
import { invalidRequest } from './stripe-error.ts';

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency').map((code) => code.toLowerCase()));

/** Returns a currency in lower case. Throws StripeError for one that is none. */
export function readCurrency(parameters: JsonFields, name = 'currency'): string | undefined {
  const currency = readText(parameters, name)?.toLowerCase();
  if (currency !== undefined && !CURRENCIES.has(currency)) {
    throw invalidRequest(`Invalid currency: ${currency}. Set an ISO 4217 code that Stripe supports.`, { param: name });
  }
  return currency;
}

/** Returns an amount in minor units. Throws StripeError for one below the minimum. */
export function readAmount(parameters: JsonFields, name: string, minimum = 0): number | undefined {
  const amount = readInteger(parameters, name);
  if (amount === undefined || amount >= minimum) return amount;
  const [message, code] =
    minimum === 0
      ? ['Invalid non-negative integer', 'parameter_invalid_integer']
      : [`This value must be greater than or equal to ${minimum}.`, 'parameter_invalid_integer'];
  throw invalidRequest(message, { code, param: name });
}

/** Are the least amounts that Stripe charges, in minor units; of other currencies about as much, so not looked at here. */
const LEAST: Readonly<Record<string, number>> = { usd: 50, eur: 50, gbp: 30, jpy: 50, chf: 50, cad: 50, aud: 50 };
const MOST = 99_999_999;

/** Returns the least amount that Stripe charges. */
export function toLeastAmount(currency: string): number {
  return LEAST[currency] ?? 1;
}

/** Throws StripeError for an amount that Stripe does not charge. */
export function assertChargeable(amount: number, currency: string): void {
  const least = toLeastAmount(currency);
  if (amount < least) {
    throw invalidRequest(`Amount must be at least ${describeMoney(least, currency)}`, {
      code: 'amount_too_small',
      param: 'amount',
    });
  }
  if (amount > MOST) {
    throw invalidRequest(`Amount must be no more than ${describeMoney(MOST, currency)}`, {
      code: 'amount_too_large',
      param: 'amount',
    });
  }
}

/** Returns an amount of minor units as people read it. */
export function describeMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency });
  const { maximumFractionDigits = 2 } = format.resolvedOptions();
  return format.format(amount / 10 ** maximumFractionDigits);
}
