// Owns how promotions are read in MongoDB: collection `promotions`, and that a code stands for one promotion of its product. Does
// not own how operators change them: what a change makes of a row is the audit log's (store/operator/audit-document.ts).

import type { Connection, mongo } from 'mongoose';
import type { PromotionStore, StoredPromotion } from '../../app/promotion/ports.ts';
import type { PlanCode, ProductCode, PromotionId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { type Promotion, type PromotionTerms, REDEMPTIONS_MAX } from '../../domain/promotion.ts';
import { guardDatabase } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/** What an operator says of a promotion. */
export interface PromotionFields {
  readonly promotion_id: string;
  readonly kind: PromotionTerms['kind'];
  /** In microcredits; there for credits. */
  readonly amount?: bigint | number;
  readonly expires_after_days?: number;
  /** There for discounts. */
  readonly stripe_promotion_code?: string;
  readonly starts_at: Date;
  readonly ends_at?: Date;
  readonly max_redemptions: number;
  readonly new_customers_only: boolean;
  readonly plan_codes: readonly string[];
}

interface PromotionDocument extends PromotionFields {
  readonly product_code: string;
  readonly code: string;
  readonly created_at: Date;
  readonly revoked_at?: Date;
  /** Absent until the first redemption. */
  readonly numbers_given?: number;
}

const INDEXES: readonly WantedIndex[] = [
  { name: 'product_promotion', key: { product_code: 1, code: 1 }, unique: true },
  { name: 'promotion_id', key: { promotion_id: 1 }, unique: true },
];

/**
 * Opens the collection of promotions and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openPromotionStore(connection: Connection): Promise<PromotionStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the promotions need an open database connection');
  const promotions = database.collection<PromotionDocument>('promotions');
  const found = await ensureIndexes(promotions, INDEXES);
  if (found === undefined) return new MongoPromotionStore(promotions);
  const message =
    `The index ${JSON.stringify(found.key)} of collection promotions ${found.problem}: ` +
    'drop an index of the same key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoPromotionStore implements PromotionStore {
  readonly #promotions: mongo.Collection<PromotionDocument>;

  constructor(promotions: mongo.Collection<PromotionDocument>) {
    this.#promotions = promotions;
  }

  loadPromotion: PromotionStore['loadPromotion'] = (productCode, code) =>
    this.#findOne({ product_code: productCode, code });

  loadPromotionById: PromotionStore['loadPromotionById'] = (promotionId) =>
    this.#findOne({ promotion_id: promotionId });

  loadPromotions: PromotionStore['loadPromotions'] = (productCode, limit, afterCode) =>
    guardDatabase(async () => {
      const filter = { product_code: productCode, code: { $gt: afterCode ?? '' } };
      const options = { sort: { code: 1 }, limit, maxTimeMS: READ_TIMEOUT_MS } as const;
      return (await this.#promotions.find(filter, options).toArray()).map(fromDocument);
    });

  saveNumbersGiven: PromotionStore['saveNumbersGiven'] = (promotionId, number) =>
    guardDatabase(async () => {
      await this.#promotions.updateOne({ promotion_id: promotionId }, { $max: { numbers_given: number } });
    });

  #findOne(filter: mongo.Filter<PromotionDocument>): Promise<StoredPromotion | undefined> {
    return guardDatabase(async () => {
      const document = await this.#promotions.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });
  }
}

/** Writes what an operator says of a promotion, as a change of its row. */
export function toPromotionFields(promotion: Promotion): PromotionFields {
  const { promotionId, terms, startsAt, endsAt, maxRedemptions, newCustomersOnly, planCodes } = promotion;
  return {
    ...{ promotion_id: promotionId, ...toDocumentTerms(terms), starts_at: new Date(startsAt) },
    ...(endsAt === undefined ? {} : { ends_at: new Date(endsAt) }),
    max_redemptions: Math.min(maxRedemptions, REDEMPTIONS_MAX),
    new_customers_only: newCustomersOnly,
    plan_codes: planCodes,
  };
}

function toDocumentTerms(
  terms: PromotionTerms,
): Pick<PromotionFields, 'kind' | 'amount' | 'expires_after_days' | 'stripe_promotion_code'> {
  if (terms.kind === 'discount') return { kind: terms.kind, stripe_promotion_code: terms.stripePromotionCode };
  return { kind: terms.kind, amount: terms.amount, ...present({ expires_after_days: terms.expiresAfterDays }) };
}

function fromDocument(document: PromotionDocument): StoredPromotion {
  return {
    // What was stored was of these types.
    promotionId: document.promotion_id as PromotionId,
    productCode: document.product_code as ProductCode,
    code: document.code,
    terms: fromDocumentTerms(document),
    startsAt: document.starts_at.getTime(),
    maxRedemptions: document.max_redemptions,
    newCustomersOnly: document.new_customers_only,
    planCodes: document.plan_codes as readonly PlanCode[],
    createdAt: document.created_at.getTime(),
    numbersGiven: document.numbers_given ?? 0,
    ...present({ endsAt: document.ends_at?.getTime(), revokedAt: document.revoked_at?.getTime() }),
  };
}

function fromDocumentTerms(document: PromotionDocument): PromotionTerms {
  const { kind, amount = 0, expires_after_days: expiresAfterDays, stripe_promotion_code: code = '' } = document;
  if (kind === 'discount') return { kind, stripePromotionCode: code };
  // The driver answers an int64 that a number can hold as one.
  return { kind, amount: BigInt(amount), ...present({ expiresAfterDays }) };
}
