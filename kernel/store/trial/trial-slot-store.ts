// Owns how the places of trials lie in MongoDB: collection `trial_slots`, one document for each. Two unique indexes decide who
// gets a place; nothing is decided by reading alone.

import type { Connection, mongo } from 'mongoose';
import type { TrialSlot, TrialSlotHolder, TrialSlotStore } from '../../app/trial/ports.ts';
import type { ProductCode, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface TrialSlotDocument {
  readonly product_code: string;
  readonly person_id: string;
  readonly number: number;
  readonly tenant_id: string;
  /** Absent once the trial is there. */
  readonly claimed_until?: Date;
}

const INDEXES: readonly WantedIndex[] = [
  { name: 'person_number', key: { product_code: 1, person_id: 1, number: 1 }, unique: true },
  { name: 'person_tenant', key: { product_code: 1, person_id: 1, tenant_id: 1 }, unique: true },
  // Only places that are claimed and not used yet are ever looked for by time.
  { name: 'claimed_until', key: { claimed_until: 1 }, partialFilterExpression: { claimed_until: { $exists: true } } },
];

/**
 * Opens the collection of places and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openTrialSlotStore(connection: Connection): Promise<TrialSlotStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the places of trials need an open database connection');
  const slots = database.collection<TrialSlotDocument>('trial_slots');
  const found = await ensureIndexes(slots, INDEXES);
  if (found !== undefined) {
    const message =
      `The index ${JSON.stringify(found.key)} of collection trial_slots ${found.problem}: ` +
      'drop an index of the same key that differs, and look for duplicate rows.';
    throw new Error(message, { cause: found.cause });
  }
  return new MongoTrialSlotStore(slots);
}

class MongoTrialSlotStore implements TrialSlotStore {
  readonly #slots: mongo.Collection<TrialSlotDocument>;

  constructor(slots: mongo.Collection<TrialSlotDocument>) {
    this.#slots = slots;
  }

  insertSlot: TrialSlotStore['insertSlot'] = (slot) =>
    guardDatabase(async () => {
      try {
        await this.#slots.insertOne(toDocumentSlot(slot));
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  loadSlots: TrialSlotStore['loadSlots'] = (productCode, personId) =>
    guardDatabase(async () => {
      const filter = { product_code: productCode, person_id: personId };
      const found = await this.#slots.find(filter, { sort: { number: 1 }, maxTimeMS: READ_TIMEOUT_MS }).toArray();
      return found.map(fromDocumentSlot);
    });

  renewSlot: TrialSlotStore['renewSlot'] = (slot, claimedUntil) =>
    guardDatabase(async () => {
      const update = { $set: { claimed_until: new Date(claimedUntil) } };
      return (await this.#slots.updateOne(asRead(slot), update)).matchedCount > 0;
    });

  finishSlot: TrialSlotStore['finishSlot'] = (holder) =>
    guardDatabase(async () => {
      await this.#slots.updateOne(ofHolder(holder), { $unset: { claimed_until: '' } });
    });

  removeSlot: TrialSlotStore['removeSlot'] = (slot) =>
    guardDatabase(async () => {
      await this.#slots.deleteOne(asRead(slot));
    });

  loadExpiredClaims: TrialSlotStore['loadExpiredClaims'] = (before, limit) =>
    guardDatabase(async () => {
      const filter = { claimed_until: { $gte: new Date(0), $lt: new Date(before) } };
      const options = { sort: { claimed_until: 1 }, limit, maxTimeMS: READ_TIMEOUT_MS } as const;
      return (await this.#slots.find(filter, options).toArray()).map(fromDocumentSlot);
    });
}

function ofHolder({ productCode, personId, tenantId }: TrialSlotHolder): mongo.Filter<TrialSlotDocument> {
  return { product_code: productCode, person_id: personId, tenant_id: tenantId };
}

/** Matches a place only as long as nobody has renewed, used or given it back since. */
function asRead(slot: TrialSlot): mongo.Filter<TrialSlotDocument> {
  const { claimedUntil } = slot;
  return {
    ...ofHolder(slot),
    claimed_until: claimedUntil === undefined ? { $exists: false } : new Date(claimedUntil),
  };
}

function toDocumentSlot(slot: TrialSlot): TrialSlotDocument {
  const { productCode, personId, number, tenantId, claimedUntil } = slot;
  return {
    product_code: productCode,
    person_id: personId,
    number,
    tenant_id: tenantId,
    ...(claimedUntil === undefined ? {} : { claimed_until: new Date(claimedUntil) }),
  };
}

function fromDocumentSlot(document: TrialSlotDocument): TrialSlot {
  return {
    productCode: document.product_code as ProductCode,
    personId: document.person_id as UserId,
    number: document.number,
    tenantId: document.tenant_id as TenantId,
    ...present({ claimedUntil: document.claimed_until?.getTime() }),
  };
}
