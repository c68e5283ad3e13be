// Owns finding for which top-ups an account has got credits, by the keys of its commits alone, whatever is kept of top-ups elsewhere.

import type { Connection } from 'mongoose';
import type { PaymentKeyFinder } from '../../app/reconciliation/ports.ts';
import type { TopUpId } from '../../domain/id.ts';
import { paymentKey } from '../../domain/payback.ts';
import { topUpOfGiving } from '../../domain/payment-giving.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';
import type { CommitDocument } from './commit-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** Every key of a top-up's credits begins so, and stands before this one with another last letter. */
const PREFIX = paymentKey('' as TopUpId);
const END = `${PREFIX.slice(0, -1)};`;

/** Builds the finder. Throws Error where the connection is not open. */
export function createPaymentKeyFinder(connection: Connection): PaymentKeyFinder {
  const database = connection.db;
  if (database === undefined) throw new Error('looking for payments needs an open database connection');
  const commits = database.collection<CommitDocument>('ledger_commits', LEDGER_COLLECTION_OPTIONS);
  return {
    findPaid: (tenantId, limit) =>
      guardDatabase(async () => {
        const filter = { tenant_id: tenantId, keys: { $elemMatch: { $gt: PREFIX, $lt: END } } };
        const options = { projection: { _id: 0, keys: 1 }, limit, maxTimeMS: READ_TIMEOUT_MS } as const;
        const found = await commits.find<{ readonly keys: readonly unknown[] }>(filter, options).toArray();
        return [...new Set(found.flatMap(({ keys }) => keys.flatMap(topUpOf)))];
      }),
  };
}

function topUpOf(key: unknown): readonly TopUpId[] {
  const topUpId = typeof key === 'string' ? topUpOfGiving(key) : undefined;
  return topUpId === undefined ? [] : [topUpId];
}
