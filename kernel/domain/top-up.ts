// Owns what a top-up may cost, and where it stands by what Stripe shows of its invoice. Does not own asking Stripe (app/payment), or
// the credits that it gives (the account's).
// Invariants: a price is exact and rounded up, never down; what is not paid has not succeeded; what has ended stays so.

import { DomainError } from './error.ts';
import type { PaygPackage, PlanPolicy } from './plan-policy.ts';

/** Who wanted a top-up: a person, or the workspace's own rule. */
export type TopUpCause = 'person' | 'auto';

/**
 * Where a top-up stands. `pending`: it is being set up at Stripe; `failed`: it was declined, and can still be paid; `processing`: the
 * bank has not answered, or it is paid and its credits have not come; `succeeded` and `canceled` are ends.
 */
export type TopUpStatus =
  | 'pending'
  | 'requires_payment_method'
  | 'requires_action'
  | 'processing'
  | 'succeeded'
  | 'failed'
  | 'canceled';

/** What Stripe shows of the invoice of a top-up. */
export interface TopUpFacts {
  readonly invoice: 'draft' | 'open' | 'paid' | 'void';
  /** Where its payment stands; absent where nothing is left to pay. */
  readonly payment?: 'unpaid' | 'action' | 'processing';
  /** Why the payment was declined last, in Stripe's words. */
  readonly failureCode?: string;
}

/** What is bought, as its buyer takes it to be. */
export interface TopUpOrder {
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
  readonly microcredits: bigint;
}

/** What a plan sells. */
export interface TopUpOffer {
  readonly packages: readonly PaygPackage[];
  readonly minorUnitsMin: bigint;
  readonly minorUnitsMax: bigint;
}

/** The most that Stripe charges at once: eight digits. */
const CHARGE_MAX = 99_999_999n;
/**
 * The least that Stripe charges at once, by currency (docs.stripe.com/currencies). An invoice of less counts as paid there, and is
 * owed with the next one.
 */
const CHARGE_MIN: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    ...{ aed: 200n, aud: 50n, brl: 50n, cad: 50n, chf: 50n, clp: 50n, cop: 50n, czk: 1_500n, dkk: 250n, eur: 50n },
    ...{
      gbp: 30n,
      hkd: 400n,
      huf: 17_500n,
      inr: 50n,
      jpy: 50n,
      mxn: 1_000n,
      myr: 200n,
      nok: 300n,
      nzd: 50n,
      pln: 200n,
    },
    ...{ ron: 200n, sek: 300n, sgd: 50n, thb: 1_000n, usd: 50n },
  }),
);
const CHARGE_MIN_ELSEWHERE = 50n;
/** A price for one credit is in millionths of a minor unit, and a credit is so many microcredits. */
const PRICE_SCALE = 1_000_000n * 1_000_000n;

/** Computes what a plan sells; undefined where nothing. `currency` is the product's. */
export function computeTopUpOffer(policy: PlanPolicy, currency: string): TopUpOffer | undefined {
  const { paygAllowed, paygPackages, paygMinorUnitsPerCredit, paygMinorUnitsMin, paygMinorUnitsMax } = policy;
  if (!paygAllowed || (paygPackages.length === 0 && paygMinorUnitsPerCredit === null)) return undefined;
  const least = CHARGE_MIN.get(currency) ?? CHARGE_MIN_ELSEWHERE;
  const [min, max] = [paygMinorUnitsMin ?? least, paygMinorUnitsMax ?? CHARGE_MAX];
  const isCharged = ({ minorUnits }: PaygPackage): boolean => minorUnits >= least && minorUnits <= CHARGE_MAX;
  return {
    packages: paygPackages.filter(isCharged).toSorted((a, b) => (a.minorUnits < b.minorUnits ? -1 : 1)),
    minorUnitsMin: min < least ? least : min,
    minorUnitsMax: max > CHARGE_MAX ? CHARGE_MAX : max,
  };
}

/** Computes what credits cost by the price of one credit, rounded up; undefined where only packages are sold. */
export function computeCreditPrice(policy: PlanPolicy, microcredits: bigint): bigint | undefined {
  const { paygMinorUnitsPerCredit: price } = policy;
  return price === null ? undefined : (microcredits * price.millionths + PRICE_SCALE - 1n) / PRICE_SCALE;
}

/**
 * Finds why something can't be bought on a plan: TOPUP_NOT_OFFERED, TOPUP_AMOUNT_MISMATCH, TOPUP_AMOUNT_OUT_OF_RANGE; undefined where
 * it can. `currency` is the product's.
 */
export function findTopUpProblem(
  plan: { readonly planCode: string; readonly policy: PlanPolicy },
  currency: string,
  order: TopUpOrder,
): DomainError | undefined {
  const offer = computeTopUpOffer(plan.policy, currency);
  if (offer === undefined) return notOffered(plan.planCode);
  if (order.currency !== currency) return otherCurrency(order.currency, currency);
  const { minorUnits, microcredits } = order;
  const sold = offer.packages.filter((each) => each.microcredits === microcredits).map((each) => each.minorUnits);
  if (sold.includes(minorUnits)) return undefined;
  const byCredit = computeCreditPrice(plan.policy, microcredits);
  if (byCredit !== minorUnits) return mismatch(order, sold[0] ?? byCredit);
  const isWithin = minorUnits >= offer.minorUnitsMin && minorUnits <= offer.minorUnitsMax;
  return isWithin ? undefined : outOfRange(order, offer);
}

/** Computes where a top-up stands. */
export function computeTopUpStatus({ invoice, payment, failureCode }: TopUpFacts): TopUpStatus {
  switch (invoice) {
    case 'draft':
      return 'pending';
    case 'paid':
      return 'succeeded';
    case 'void':
      return 'canceled';
    case 'open':
      if (payment === 'action') return 'requires_action';
      if (payment === 'processing') return 'processing';
      return failureCode === undefined ? 'requires_payment_method' : 'failed';
  }
}

/** Says whether a top-up has come to its end. */
export function isTopUpEnded(status: TopUpStatus): boolean {
  return status === 'succeeded' || status === 'canceled';
}

function notOffered(planCode: string): DomainError {
  const message = `no credits can be bought on plan ${planCode}: change the plan, or ask an operator of this service`;
  return new DomainError('TOPUP_NOT_OFFERED', message, { metadata: { plan_code: planCode } });
}

function otherCurrency(given: string, currency: string): DomainError {
  const message = `credits are sold in ${currency}, not in ${given}: see ListTopUpPackages for their prices`;
  return new DomainError('TOPUP_AMOUNT_MISMATCH', message, { metadata: { currency_code: currency } });
}

function mismatch({ minorUnits, currency, microcredits }: TopUpOrder, expected: bigint | undefined): DomainError {
  const asked = `${minorUnits} ${currency} for ${microcredits} microcredits`;
  const remedy =
    expected === undefined
      ? 'no package has so many: see ListTopUpPackages'
      : `they cost ${expected} ${currency} (in minor units): ask for that, or see ListTopUpPackages`;
  const known = expected === undefined ? {} : { expected_minor_units: `${expected}` };
  return new DomainError('TOPUP_AMOUNT_MISMATCH', `${asked} is not what the plan sells: ${remedy}`, {
    metadata: { currency_code: currency, ...known },
  });
}

function outOfRange({ minorUnits, currency }: TopUpOrder, { minorUnitsMin, minorUnitsMax }: TopUpOffer): DomainError {
  const message = `a top-up costs ${minorUnitsMin} to ${minorUnitsMax} ${currency} (in minor units), got ${minorUnits}: buy more or less credits`;
  return new DomainError('TOPUP_AMOUNT_OUT_OF_RANGE', message, {
    metadata: {
      minor_units_min: `${minorUnitsMin}`,
      minor_units_max: `${minorUnitsMax}`,
      currency_code: currency,
    },
  });
}
