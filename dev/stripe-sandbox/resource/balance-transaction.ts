/**
 * Owns: balance transactions: when money came to the shop or left it. Those of refunds alone are here.
 * Does not own: what they are of (`refund.ts`).
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { defineTable } from '../store.ts';

/** Is a balance transaction. */
interface BalanceTransaction extends ApiObject {
  readonly currency: string;
  readonly source: string;
  readonly type: string;
}

const BALANCE_TRANSACTIONS = defineTable<BalanceTransaction>('balance_transaction');

/** Says what moved money: the id of an object, and how much came to the shop by it. */
export interface Movement {
  readonly type: 'refund' | 'refund_failure';
  readonly amount: number;
  readonly currency: string;
  readonly source: string;
}

/** Notes that money moved, at the time of the call, and returns the note's id. Stripe takes and gives back no fee here. */
export function noteMovement(call: Call, { type, amount, currency, source }: Movement): string {
  const transaction: BalanceTransaction = {
    id: createId('txn'),
    object: 'balance_transaction',
    amount,
    available_on: call.now,
    balance_type: 'payments',
    created: call.now,
    currency,
    description: null,
    exchange_rate: null,
    fee: 0,
    fee_details: [],
    net: amount,
    reporting_category: type,
    source,
    status: 'available',
    type,
  };
  return call.create(BALANCE_TRANSACTIONS, transaction).id;
}

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'currency', 'source', 'type'],
  run(call, { parameters }) {
    const [currency, source, type] = ['currency', 'source', 'type'].map((name) => readText(parameters, name));
    const filter = (one: BalanceTransaction): boolean =>
      (currency === undefined || one.currency === currency) &&
      (source === undefined || one.source === source) &&
      (type === undefined || one.type === type);
    return toPage({ objects: call.tx.all(BALANCE_TRANSACTIONS), filter, url: '/v1/balance_transactions' }, parameters);
  },
};

/** Is the API of balance transactions. */
export const BALANCE_TRANSACTION_RESOURCE: Resource = {
  operations: {
    'GET /v1/balance_transactions': list,
    'GET /v1/balance_transactions/{id}': {
      supported: [],
      run: (call, request) => call.need(BALANCE_TRANSACTIONS, toPathId(request), 'id', 404),
    },
  },
};
