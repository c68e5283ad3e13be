// Owns how the places of promotions lie in MongoDB: collection `promotion_redemptions`, one document for each. Unique indexes
// decide who gets a place; nothing is decided by reading alone. A place that was given back stays, marked as free, so that its
// number is found again without looking through all of them.

import type { Connection, mongo } from 'mongoose';
import type {
  ClaimedRedemption,
  Redemption,
  RedemptionClaim,
  RedemptionHolder,
  RedemptionStore,
} from '../../app/promotion/ports.ts';
import type { IdempotencyKey, ProductCode, PromotionId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface RedemptionDocument {
  readonly promotion_id: string;
  readonly number: number;
  /** Absent of a free place, and so are the fields up to the next comment. */
  readonly tenant_id?: string;
  readonly product_code?: string;
  readonly request_key?: string;
  readonly claim_id?: string;
  /** Absent once it is redeemed. */
  readonly claimed_until?: Date;
  /** There where a plan may be bought with it. */
  readonly has_purchase?: true;
  /** There where the place was given back. */
  readonly is_free?: true;
}

/** A document of a place that somebody has. */
type TakenDocument = Required<Omit<RedemptionDocument, 'claimed_until' | 'has_purchase' | 'is_free'>> &
  Pick<RedemptionDocument, 'claimed_until' | 'has_purchase'>;

const INDEXES: readonly WantedIndex[] = [
  { name: 'promotion_number', key: { promotion_id: 1, number: 1 }, unique: true },
  { name: 'promotion_tenant', key: { promotion_id: 1, tenant_id: 1 }, unique: true, ...partOf('tenant_id') },
  { name: 'tenant_request', key: { tenant_id: 1, request_key: 1 }, unique: true, ...partOf('request_key') },
  // Only places that are claimed and not used yet are ever looked for by time.
  { name: 'claimed_until', key: { claimed_until: 1 }, ...partOf('claimed_until') },
  { name: 'free', key: { promotion_id: 1, is_free: 1 }, ...partOf('is_free') },
];

function partOf(field: keyof RedemptionDocument): Pick<WantedIndex, 'partialFilterExpression'> {
  return { partialFilterExpression: { [field]: { $exists: true } } };
}

/**
 * Opens the collection of places and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openRedemptionStore(connection: Connection): Promise<RedemptionStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the places of promotions need an open database connection');
  const redemptions = database.collection<RedemptionDocument>('promotion_redemptions');
  const found = await ensureIndexes(redemptions, INDEXES);
  if (found === undefined) return new MongoRedemptionStore(redemptions);
  const message =
    `The index ${JSON.stringify(found.key)} of collection promotion_redemptions ${found.problem}: ` +
    'drop an index of the same key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoRedemptionStore implements RedemptionStore {
  readonly #redemptions: mongo.Collection<RedemptionDocument>;

  constructor(redemptions: mongo.Collection<RedemptionDocument>) {
    this.#redemptions = redemptions;
  }

  loadRedemption: RedemptionStore['loadRedemption'] = (holder) => this.#findOne(ofHolder(holder));

  findByRequest: RedemptionStore['findByRequest'] = (tenantId, requestKey) =>
    this.#findOne({ tenant_id: tenantId, request_key: requestKey });

  insertRedemption: RedemptionStore['insertRedemption'] = (redemption, number) =>
    unlessTaken(async () => {
      await this.#redemptions.insertOne({ ...toDocument(redemption), number });
      return true;
    });

  takeFreePlace: RedemptionStore['takeFreePlace'] = (redemption) =>
    unlessTaken(async () => {
      const free = { promotion_id: redemption.promotionId, is_free: true as const };
      const update = { $set: toDocument(redemption), $unset: { is_free: '' as const } };
      return (await this.#redemptions.updateOne(free, update)).modifiedCount === 1;
    });

  renewClaim: RedemptionStore['renewClaim'] = (redemption, claim) =>
    unlessTaken(async () => {
      const update = { $set: toDocumentClaim(claim) };
      return (await this.#redemptions.updateOne(asRead(redemption), update)).matchedCount === 1;
    });

  finishRedemption: RedemptionStore['finishRedemption'] = (holder) =>
    guardDatabase(async () => {
      await this.#redemptions.updateOne(ofHolder(holder), { $unset: { claimed_until: '' } });
    });

  hasFreePlace: RedemptionStore['hasFreePlace'] = (promotionId) =>
    guardDatabase(async () => {
      const free = { promotion_id: promotionId, is_free: true as const };
      return (await this.#redemptions.findOne(free, { maxTimeMS: READ_TIMEOUT_MS })) !== null;
    });

  freePlace: RedemptionStore['freePlace'] = (redemption) =>
    guardDatabase(async () => {
      const who = { tenant_id: '', product_code: '', request_key: '' } as const;
      const mine = { ...who, claim_id: '', claimed_until: '', has_purchase: '' } as const;
      await this.#redemptions.updateOne(asRead(redemption), { $set: { is_free: true }, $unset: mine });
    });

  loadExpiredClaims: RedemptionStore['loadExpiredClaims'] = (before, limit) =>
    guardDatabase(async () => {
      const filter = { claimed_until: { $gte: new Date(0), $lt: new Date(before) } };
      const options = { sort: { claimed_until: 1 }, limit, maxTimeMS: READ_TIMEOUT_MS } as const;
      return (await this.#redemptions.find(filter, options).toArray()).flatMap(fromDocument);
    });

  countRedeemed: RedemptionStore['countRedeemed'] = (promotionId) =>
    guardDatabase(() => {
      const redeemed = { promotion_id: promotionId, claimed_until: { $exists: false }, is_free: { $exists: false } };
      return this.#redemptions.countDocuments(redeemed, { maxTimeMS: READ_TIMEOUT_MS });
    });

  #findOne(filter: mongo.Filter<RedemptionDocument>): Promise<Redemption | undefined> {
    return guardDatabase(async () => {
      const document = await this.#redemptions.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document)[0];
    });
  }
}

/** Runs a write; answers false where a unique index refuses it. */
function unlessTaken(write: () => Promise<boolean>): Promise<boolean> {
  return guardDatabase(async () => {
    try {
      return await write();
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  });
}

function ofHolder({ promotionId, tenantId }: RedemptionHolder): mongo.Filter<RedemptionDocument> {
  return { promotion_id: promotionId, tenant_id: tenantId };
}

/** Matches a place only as long as nobody has renewed, used or given it back since. */
function asRead(redemption: Redemption): mongo.Filter<RedemptionDocument> {
  const { claimedUntil, claimId, requestKey } = redemption;
  return {
    ...ofHolder(redemption),
    ...{ claim_id: claimId, request_key: requestKey },
    claimed_until: claimedUntil === undefined ? { $exists: false } : new Date(claimedUntil),
  };
}

function toDocument(redemption: ClaimedRedemption) {
  const { promotionId, tenantId, productCode } = redemption;
  return {
    ...{ promotion_id: promotionId, tenant_id: tenantId, product_code: productCode },
    ...toDocumentClaim(redemption),
  };
}

function toDocumentClaim({ requestKey, claimId, claimedUntil, hasPurchase }: RedemptionClaim) {
  const claim = { request_key: requestKey, claim_id: claimId, claimed_until: new Date(claimedUntil) };
  return hasPurchase ? { ...claim, has_purchase: true as const } : claim;
}

/** Nothing, for a place that nobody has. */
function fromDocument(document: RedemptionDocument): readonly Redemption[] {
  if (!isTaken(document)) return [];
  return [
    {
      // What was stored was of these types.
      promotionId: document.promotion_id as PromotionId,
      tenantId: document.tenant_id as TenantId,
      productCode: document.product_code as ProductCode,
      requestKey: document.request_key as IdempotencyKey,
      claimId: document.claim_id,
      hasPurchase: document.has_purchase === true,
      ...present({ claimedUntil: document.claimed_until?.getTime() }),
    },
  ];
}

function isTaken(document: RedemptionDocument): document is TakenDocument {
  return document.is_free === undefined && document.tenant_id !== undefined;
}
