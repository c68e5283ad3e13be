// Owns how a Price at Stripe is read as a plan: by the metadata that docs/stripe.md lists, and by what it charges. Does not
// own what becomes of the catalog (catalog-diff.ts).
// Invariants: what can't be read exactly is a problem and never a guess; every problem of a Price is told.

import { MICROCREDITS_MAX } from './bound.ts';
import { isCurrency } from './currency.ts';
import type { Instant, PlanCode, ProductCode } from './id.ts';
import {
  contractNameOf,
  type PaygPackage,
  type PlanPolicy,
  POLICY_FIELDS,
  type PolicyChange,
  type PolicyField,
} from './plan-policy.ts';
import { parseQuantity } from './quantity.ts';
import type { StripePrice } from './stripe-price.ts';

/** Why a row can't be taken over. */
export type BadRowReason =
  | 'metadata_missing'
  | 'metadata_malformed'
  | 'product_unknown'
  | 'price_ambiguous'
  | 'currency_unknown'
  | 'currency_mismatch'
  | 'credits_negative'
  | 'price_unsupported'
  | 'onboarding_default_taken'
  | 'fallback_plan_gone'
  | 'onboarding_plan_gone'
  | 'plan_of_operator'
  | 'fallback_plan_priced';

/** One problem of a row, as a sentence part for people that follows the row's id. */
export interface RowProblem {
  readonly reason: BadRowReason;
  readonly message: string;
}

/** What is known here of a product that plans belong to. */
export interface ProductTerms {
  readonly productCode: ProductCode;
  readonly currency: string;
}

/** What a plan costs. */
export interface PlanTerms {
  readonly productName: string;
  readonly minorUnits: bigint;
  readonly currency: string;
  readonly interval: 'month' | 'year';
  readonly intervalCount: number;
}

/** Whose plan a row is. */
export interface PlanKey {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
}

/** A Price that is a plan. */
export interface PlanDraft extends PlanKey {
  readonly priceId: string;
  readonly isActive: boolean;
  readonly createdAt: Instant;
  readonly terms: PlanTerms;
  /** The fields of the policy that the metadata carries. */
  readonly policy: PolicyChange;
  /** Absent where the metadata says nothing. */
  readonly onboardingDefault?: boolean;
}

/** A Price that is none, and what is known of it. */
export interface UnreadablePrice {
  readonly priceId: string;
  readonly isActive: boolean;
  readonly problems: readonly RowProblem[];
  /** Absent where the metadata does not tell. */
  readonly key?: PlanKey;
}

/** What a value must be instead. */
interface Malformed {
  readonly expected: string;
}

type Reader<Value> = (text: string) => Value | Malformed;

const PLAN_CODE = /^[a-z][a-z0-9_-]{0,62}$/;
const WHOLE = /^\d{1,16}$/;
const COUNT_DIGITS_MAX = 9;
const NEGATIVE = /^-\d/;
const PACKAGE = /^(\d{1,16}):(\d{1,16})$/;
const NAME_LENGTH_MAX = 250;
/** Stripe's own bound of a cycle is three years. */
const INTERVAL_COUNT_MAX = 36;

/** How each field stands in metadata; the bounds of its value are the policy's own. */
const READERS: { readonly [Field in PolicyField]: Reader<PlanPolicy[Field]> } = {
  trialEnabled: readFlag,
  trialDays: readCount,
  trialMicrocreditsGranted: readAmount,
  trialRequiresCard: readFlag,
  autoTrialOnWorkspaceCreation: readFlag,
  trialEndBehaviour: (text) =>
    text === 'convert_or_fallback' || text === 'fallback' ? text : { expected: 'convert_or_fallback or fallback' },
  revokeUnusedTrialCredits: readFlag,
  trialLimitPerPerson: readCount,
  selfServe: readFlag,
  contactSales: readFlag,
  rank: readCount,
  memberLimit: (text) => (text === 'unlimited' ? null : readCount(text)),
  includedMicrocreditsPerCycle: readAmount,
  includedRolloverLimitMicrocredits: readAmount,
  pastDueGraceDays: readCount,
  pastDueEnd: (text) => (text === 'fallback' || text === 'keep' ? text : { expected: 'fallback or keep' }),
  cancelAtOnceAllowed: readFlag,
  overdraftLimitMicrocredits: readAmount,
  paygAllowed: readFlag,
  paygMinorUnitsPerCredit: (text) => {
    if (text === 'none') return null;
    const quantity = parseQuantity(text);
    return 'problem' in quantity ? { expected: 'an exact decimal above zero, or none' } : quantity;
  },
  paygPackages: readPackages,
  paygMinorUnitsMin: (text) => (text === 'none' ? null : readAmount(text)),
  paygMinorUnitsMax: (text) => (text === 'none' ? null : readAmount(text)),
  refundDebtWaived: readFlag,
  creditGates: (text) => (text === 'none' ? [] : text.split(' ')),
};

/** Reads a Price as a plan of one of the products. */
export function readPlan(price: StripePrice, products: ReadonlyMap<string, ProductTerms>): PlanDraft | UnreadablePrice {
  const metadata = mergeMetadata(price);
  const problems: RowProblem[] = [];
  const key = readKey(metadata, products, problems);
  const product = key === undefined ? undefined : products.get(key.productCode);
  const terms = readTerms(price, product, problems);
  const policy = readPolicy(metadata, problems);
  const onboarding = metadata.get('onboarding_default');
  const onboardingDefault = onboarding === undefined ? undefined : readFlag(onboarding);
  if (typeof onboardingDefault === 'object')
    problems.push(malformed('onboarding_default', onboarding, onboardingDefault));
  const { priceId, isActive, createdAt } = price;
  if (key === undefined || terms === undefined || problems.length > 0) {
    return { priceId, isActive, problems, ...(key === undefined ? {} : { key }) };
  }
  const isDefault = typeof onboardingDefault === 'boolean' ? { onboardingDefault } : {};
  return { ...key, priceId, isActive, createdAt, terms, policy, ...isDefault };
}

/** Says that a row could not be read. */
export function isUnreadable(row: PlanDraft | UnreadablePrice): row is UnreadablePrice {
  return 'problems' in row;
}

/** The Price's value counts; one that is empty is none, as at Stripe. */
function mergeMetadata({ metadata, product }: StripePrice): ReadonlyMap<string, string> {
  return new Map([...Object.entries(product.metadata), ...Object.entries(metadata)].filter(([, text]) => text !== ''));
}

function readKey(
  metadata: ReadonlyMap<string, string>,
  products: ReadonlyMap<string, ProductTerms>,
  problems: RowProblem[],
): PlanKey | undefined {
  const productCode = metadata.get('product_code');
  const planCode = metadata.get('plan_code');
  const missing = [
    ...(productCode === undefined ? ['product_code'] : []),
    ...(planCode === undefined ? ['plan_code'] : []),
  ];
  if (missing.length > 0) {
    const message = `has no metadata ${missing.join(' and ')}: set it on the Price or its Product`;
    problems.push({ reason: 'metadata_missing', message });
  }
  if (planCode !== undefined && !PLAN_CODE.test(planCode)) {
    const expected = '1 to 63 of a-z 0-9 _ -, beginning with a letter';
    problems.push(malformed('plan_code', planCode, { expected }));
  }
  if (productCode !== undefined && !products.has(productCode)) {
    const message = `names the product ${quote(productCode)}, which is not registered: correct product_code, or register it`;
    problems.push({ reason: 'product_unknown', message });
  }
  if (productCode === undefined || planCode === undefined || problems.length > 0) return undefined;
  // Both were held against what their types stand for.
  return { productCode: productCode as ProductCode, planCode: planCode as PlanCode };
}

function readTerms(
  price: StripePrice,
  product: ProductTerms | undefined,
  problems: RowProblem[],
): PlanTerms | undefined {
  const { currency, minorUnits, recurring } = price;
  if (!isCurrency(currency)) {
    problems.push({ reason: 'currency_unknown', message: `is in ${quote(currency)}, which is no currency known here` });
  } else if (product !== undefined && product.currency !== currency) {
    const message = `is in ${currency}, but ${product.productCode} is sold in ${product.currency}: make a Price in ${product.currency}`;
    problems.push({ reason: 'currency_mismatch', message });
  }
  const unsupported = findUnsupported(price);
  if (unsupported !== undefined) problems.push({ reason: 'price_unsupported', message: unsupported });
  const interval = recurring?.interval;
  if (minorUnits === undefined || recurring === undefined || (interval !== 'month' && interval !== 'year'))
    return undefined;
  const productName = price.product.name.slice(0, NAME_LENGTH_MAX).toWellFormed();
  return { productName, minorUnits, currency, interval, intervalCount: recurring.intervalCount };
}

/** Says why no plan can be billed by a Price; undefined where one can. */
function findUnsupported({ minorUnits, recurring, isTiered }: StripePrice): string | undefined {
  if (recurring === undefined) return 'is paid once: a plan needs a recurring Price';
  if (recurring.isMetered)
    return 'is metered: a plan needs a Price of usage type licensed, usage is metered in credits here';
  if (isTiered) return 'goes by tiers or by a divided quantity: a plan needs one amount for a cycle';
  const { interval, intervalCount } = recurring;
  if (interval !== 'month' && interval !== 'year')
    return `is billed by the ${interval}: a plan is billed by month or year`;
  if (intervalCount < 1 || intervalCount > INTERVAL_COUNT_MAX) return `is billed every ${intervalCount} ${interval}s`;
  if (minorUnits === undefined) return 'has no whole amount in the minor unit of its currency: a plan needs one';
  if (minorUnits < 0n || minorUnits > MICROCREDITS_MAX) return `has the amount ${minorUnits}, which is out of bounds`;
  return undefined;
}

function readPolicy(metadata: ReadonlyMap<string, string>, problems: RowProblem[]): PolicyChange {
  const values: [PolicyField, unknown][] = [];
  for (const field of POLICY_FIELDS) {
    const name = contractNameOf(field);
    const text = metadata.get(name);
    if (text === undefined) continue;
    if (name.includes('microcredits') && NEGATIVE.test(text)) {
      problems.push({ reason: 'credits_negative', message: `has ${name} ${quote(text)}: credits are not below zero` });
      continue;
    }
    const value = READERS[field](text);
    if (isMalformed(value)) problems.push(malformed(name, text, value));
    else values.push([field, value]);
  }
  return Object.fromEntries(values);
}

function isMalformed(value: unknown): value is Malformed {
  return typeof value === 'object' && value !== null && 'expected' in value;
}

function malformed(name: string, text: string | undefined, { expected }: Malformed): RowProblem {
  return { reason: 'metadata_malformed', message: `has ${name} ${quote(text ?? '')}: it must be ${expected}` };
}

function readFlag(text: string): boolean | Malformed {
  if (text === 'true') return true;
  return text === 'false' ? false : { expected: 'true or false' };
}

function readCount(text: string): number | Malformed {
  if (!WHOLE.test(text) || text.length > COUNT_DIGITS_MAX) return { expected: 'a whole number' };
  return Number.parseInt(text, 10);
}

function readAmount(text: string): bigint | Malformed {
  return WHOLE.test(text) ? BigInt(text) : { expected: 'a whole number without a sign or separators' };
}

function readPackages(text: string): readonly PaygPackage[] | Malformed {
  if (text === 'none') return [];
  const packages: PaygPackage[] = [];
  for (const item of text.split(' ')) {
    const [, minorUnits, microcredits] = PACKAGE.exec(item) ?? [];
    if (minorUnits === undefined || microcredits === undefined) {
      return { expected: 'price:microcredits for each package, with blanks between, or none' };
    }
    packages.push({ minorUnits: BigInt(minorUnits), microcredits: BigInt(microcredits) });
  }
  return packages;
}

/** Shows a text of somebody else's, cut to a bearable length. */
function quote(text: string): string {
  return JSON.stringify(text.length <= 64 ? text : `${text.slice(0, 64).toWellFormed()}…`);
}
