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
