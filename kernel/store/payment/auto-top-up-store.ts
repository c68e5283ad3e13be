// Owns how the rules by which workspaces buy credits without a person are kept in MongoDB, collection `auto_top_ups`, one document for
// each workspace. Does not own what they lead to (app/payment/auto-top-up-desk.ts).
// Invariant: a document is only changed by a write that names the revision it was read with, or takes it when it is due.

import type { Connection, mongo } from 'mongoose';
import type { AutoTopUp, AutoTopUpStore } from '../../app/payment/ports.ts';
import type { AutoTopUpStop } from '../../domain/auto-top-up.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, guardWrite, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { toInt64 } from '../ledger/int64.ts';
import { toOptionalDate } from '../optional-date.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;
const INDEXES: readonly WantedIndex[] = [
  { name: 'due', key: { due_at: 1 }, partialFilterExpression: { due_at: { $exists: true } } },
];

interface AutoTopUpDocument {
  readonly _id: TenantId;
  readonly product_code: string;
  readonly is_enabled: boolean;
  /** Int64, as all amounts. */
  readonly threshold: bigint;
  readonly minor_units: bigint;
  readonly currency: string;
  readonly microcredits: bigint;
  readonly minor_units_per_month: bigint;
  readonly cooldown_ms: number;
  readonly consent?: { readonly user_id: string; readonly at: Date };
  readonly applied?: readonly string[];
  readonly stop?: AutoTopUpStop;
  readonly failure_code?: string;
  readonly round: number;
  readonly is_buying: boolean;
  readonly stripe_payment_method_id?: string;
  readonly month?: string;
  readonly spent: bigint;
  readonly rests_until?: Date;
  readonly seq: bigint;
  readonly due_at?: Date;
  readonly revision: number;
}

/**
 * Opens the collection of rules and proves its index.
 * Throws Error with one sentence for people where it can't be proven, or the connection is not open.
 */
export async function openAutoTopUpStore(connection: Connection): Promise<AutoTopUpStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the rules of automatic top-ups need an open database connection');
  const rules = database.collection<AutoTopUpDocument>('auto_top_ups', LEDGER_COLLECTION_OPTIONS);
  const found = await ensureIndexes(rules, INDEXES);
  if (found === undefined) return new MongoAutoTopUpStore(rules);
  const message =
    `The index ${JSON.stringify(found.key)} of collection auto_top_ups ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

class MongoAutoTopUpStore implements AutoTopUpStore {
  readonly #rules: mongo.Collection<AutoTopUpDocument>;

  constructor(rules: mongo.Collection<AutoTopUpDocument>) {
    this.#rules = rules;
  }

  loadRule: AutoTopUpStore['loadRule'] = (tenantId) =>
    guardDatabase(async () => {
      const document = await this.#rules.findOne({ _id: tenantId }, { maxTimeMS: TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });

  insertRule: AutoTopUpStore['insertRule'] = (rule) =>
    guardWrite(async () => {
      try {
        await this.#rules.insertOne(toDocument(rule));
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  replaceRule: AutoTopUpStore['replaceRule'] = ({ tenantId, revision }, after) =>
    guardWrite(async () => {
      const rule = { ...after, revision: revision + 1 };
      const { matchedCount } = await this.#rules.replaceOne({ _id: tenantId, revision }, toDocument(rule));
      return matchedCount === 1 ? rule : undefined;
    });

  claimRule: AutoTopUpStore['claimRule'] = (now, claimedUntil) =>
    guardWrite(async () => {
      const document = await this.#rules.findOneAndUpdate(
        { due_at: { $lte: new Date(now) } },
        { $set: { due_at: new Date(claimedUntil) }, $inc: { revision: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocument(document);
    });

  loadMarksAfter: AutoTopUpStore['loadMarksAfter'] = (tenantId, limit) =>
    guardDatabase(async () => {
      // Ids are texts, whatever brand they have.
      const filter = { _id: { $gt: tenantId as TenantId }, is_enabled: true, stop: { $exists: false } };
      const options = { projection: { seq: 1 }, maxTimeMS: TIMEOUT_MS } as const;
      const found = await this.#rules.find(filter, options).sort({ _id: 1 }).limit(limit).toArray();
      return found.map(({ _id, seq }) => ({ tenantId: _id, seq: Number(seq) }));
    });
}

function toDocument(rule: AutoTopUp): AutoTopUpDocument {
  return {
    _id: rule.tenantId,
    product_code: rule.productCode,
    is_enabled: rule.isEnabled,
    threshold: toInt64(rule.threshold),
    minor_units: toInt64(rule.minorUnits),
    currency: rule.currency,
    microcredits: toInt64(rule.microcredits),
    minor_units_per_month: toInt64(rule.minorUnitsPerMonth),
    cooldown_ms: rule.cooldownMs,
    round: rule.round,
    is_buying: rule.isBuying,
    spent: toInt64(rule.spent),
    seq: toInt64(BigInt(rule.seq)),
    revision: rule.revision,
    ...present({
      consent: rule.consent && { user_id: rule.consent.userId, at: new Date(rule.consent.at) },
      applied: rule.applied,
      stop: rule.stop,
      failure_code: rule.failureCode,
      stripe_payment_method_id: rule.stripePaymentMethodId,
      month: rule.month,
      rests_until: toOptionalDate(rule.restsUntil),
      due_at: toOptionalDate(rule.dueAt),
    }),
  };
}

function fromDocument(document: AutoTopUpDocument): AutoTopUp {
  return {
    tenantId: document._id,
    productCode: document.product_code as ProductCode,
    isEnabled: document.is_enabled,
    threshold: document.threshold,
    minorUnits: document.minor_units,
    currency: document.currency,
    microcredits: document.microcredits,
    minorUnitsPerMonth: document.minor_units_per_month,
    cooldownMs: document.cooldown_ms,
    round: document.round,
    isBuying: document.is_buying,
    spent: document.spent,
    seq: Number(document.seq),
    revision: document.revision,
    ...present({
      consent: document.consent && { userId: document.consent.user_id, at: document.consent.at.getTime() },
      applied: document.applied,
      stop: document.stop,
      failureCode: document.failure_code,
      stripePaymentMethodId: document.stripe_payment_method_id,
      month: document.month,
      restsUntil: document.rests_until?.getTime(),
      dueAt: document.due_at?.getTime(),
    }),
  };
}
