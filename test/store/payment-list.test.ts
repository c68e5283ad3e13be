// Lists of top-ups and of payments on a real database: each row once, newest first, those that a filter names alone, and an index
// leads to every page, wherever in a long list it lies.

import { isDeepStrictEqual } from 'node:util';
import type { mongo } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  Payment,
  PaymentFilter,
  PaymentStore,
  TopUp,
  TopUpFilter,
  TopUpStore,
} from '../../kernel/app/payment/ports.ts';
import type { Fingerprint, IdempotencyKey, ProductCode, TenantId, TopUpId } from '../../kernel/domain/id.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openPaymentStore } from '../../kernel/store/payment/payment-store.ts';
import { openTopUpStore } from '../../kernel/store/payment/top-up-store.ts';
import { freshDatabaseUri } from '../support/engine.ts';

const TENANT = 'ten_1' as TenantId;
const OTHER = 'ten_2' as TenantId;
const START = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const ROWS = 120;
const PAGE = 7;
const KINDS = ['top_up', 'subscription', 'refund'] as const;
const STATUSES = ['succeeded', 'failed'] as const;

let connection: Awaited<ReturnType<typeof openConnection>>;
let payments: PaymentStore;
let topUps: TopUpStore;

/** Three were made in each hour. */
const createdAtOf = (index: number) => START + Math.floor(index / 3) * HOUR_MS;
const idOf = (index: number) => `pay_${String(index).padStart(4, '0')}`;

function paymentOf(tenantId: TenantId, index: number): Payment {
  const kind = KINDS[Math.floor(index / 2) % KINDS.length] ?? 'other';
  const status = STATUSES[index % 10 === 0 ? 1 : 0] ?? 'pending';
  return {
    ...{ paymentId: `${tenantId}_${idOf(index)}`, tenantId, kind, status, minorUnits: 1_000n, currency: 'usd' },
    ...{ description: '10 credits', createdAt: createdAtOf(index) },
  };
}

function topUpOf(index: number): TopUp {
  const createdAt = createdAtOf(index);
  return {
    ...{ topUpId: idOf(index) as TopUpId, tenantId: TENANT, productCode: 'agentruntime' as ProductCode },
    ...{ key: `key-${index}` as IdempotencyKey, fingerprint: 'f' as Fingerprint, cause: 'person', attempt: 1 },
    ...{ status: index % 10 === 0 ? 'canceled' : 'succeeded', minorUnits: 1_000n, currency: 'usd' },
    ...{ microcredits: 10_000_000n, usesStoredCard: false, storedFailures: 0, tries: 0, isCharged: true },
    ...{ isClosing: false, returnedMinorUnits: 0n, createdAt, pageExpiresAt: createdAt + HOUR_MS },
  };
}

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  payments = await openPaymentStore(connection);
  topUps = await openTopUpStore(connection);
  const indexes = Array.from({ length: ROWS }, (_, index) => index);
  const rows = [TENANT, OTHER].flatMap((tenantId) => indexes.map((index) => paymentOf(tenantId, index)));
  await payments.savePayments(rows, START);
  for (const index of indexes) await topUps.insertTopUp(topUpOf(index));
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

/** Reads a list page by page to its end. */
async function readAll<Row>(
  load: (after?: { createdAt: number; id: string }) => Promise<readonly Row[]>,
  placeOf: (row: Row) => { createdAt: number; id: string },
): Promise<string[]> {
  const ids: string[] = [];
  for (let after: { createdAt: number; id: string } | undefined; ; ) {
    const page = await load(after);
    for (const row of page) ids.push(placeOf(row).id);
    const last = page.at(-1);
    if (last === undefined) return ids;
    after = placeOf(last);
  }
}

const listPayments = (filter: PaymentFilter) =>
  readAll(
    (after) => payments.loadPage({ tenantId: TENANT, filter, limit: PAGE, ...(after && { after }) }),
    ({ createdAt, paymentId: id }) => ({ createdAt, id }),
  );
const listTopUps = (filter: TopUpFilter) =>
  readAll(
    (after) => topUps.loadPage({ tenantId: TENANT, filter, limit: PAGE, ...(after && { after }) }),
    ({ createdAt, topUpId: id }) => ({ createdAt, id }),
  );

/** Watches which parts of a collection work asks for. */
async function watchFinds(work: () => Promise<unknown>): Promise<readonly mongo.Document[]> {
  const finds: mongo.Document[] = [];
  const onStarted = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    if (commandName === 'find') finds.push(command);
  };
  const client = connection.getClient().on('commandStarted', onStarted);
  try {
    await work();
  } finally {
    client.off('commandStarted', onStarted);
  }
  return finds;
}

/** Says of a find what keeps an index from giving its rows in their order, from its place on; nothing where an index does. */
async function problemsOf({ find, filter, sort, limit }: mongo.Document): Promise<readonly string[]> {
  // The driver keeps the order of a sort in a map.
  const order: readonly (readonly [string, number])[] = [...sort];
  const equalities = Object.keys(filter).filter((field) => typeof filter[field] === 'string');
  const indexes = await connection.collection(find).indexes();
  const serves = indexes.some(({ key }) => {
    const fields = Object.entries(key);
    const [heads, tail] = [fields.slice(0, -order.length).map(([field]) => field), fields.slice(-order.length)];
    return isDeepStrictEqual(heads, equalities) && isDeepStrictEqual(tail, order);
  });
  return [
    ...(serves ? [] : [`no index has ${equalities}, then ${JSON.stringify(order)}`]),
    ...(filter.$or !== undefined && filter.created_at?.$lte === undefined ? ['it begins before its place'] : []),
    ...(limit === PAGE ? [] : [`it reads ${limit} rows`]),
  ];
}

const RANGE = { startAt: createdAtOf(60), endAt: createdAtOf(90) };
const PAYMENT_FILTERS: readonly (readonly [string, PaymentFilter])[] = [
  ['no filter', {}],
  ['a range', RANGE],
  ['a range without a start', { endAt: RANGE.endAt }],
  ['a range without an end', { startAt: RANGE.startAt }],
  ['a kind', { kind: 'refund' }],
  ['a status that few have', { status: 'failed' }],
  ['a status in a range', { status: 'succeeded', ...RANGE }],
  ['a kind in a range', { kind: 'subscription', ...RANGE }],
];
const TOP_UP_FILTERS: readonly (readonly [string, TopUpFilter])[] = [
  ['no filter', {}],
  ['a range', RANGE],
  ['a range without a start', { endAt: RANGE.endAt }],
  ['a status that few have', { status: 'canceled' }],
  ['a status in a range', { status: 'canceled', ...RANGE }],
];

/** What the list has to be: by time and id, from the newest back. */
function expected<Row extends { readonly createdAt: number }>(
  rows: readonly Row[],
  { startAt = 0, endAt = Infinity, ...words }: PaymentFilter | TopUpFilter,
): Row[] {
  return rows
    .filter((row) => row.createdAt >= startAt && row.createdAt < endAt)
    .filter((row) => Object.entries(words).every(([field, word]) => Reflect.get(row, field) === word))
    .toReversed();
}

const ALL_PAYMENTS = Array.from({ length: ROWS }, (_, index) => paymentOf(TENANT, index));
const ALL_TOP_UPS = Array.from({ length: ROWS }, (_, index) => topUpOf(index));

describe('the list of payments', () => {
  test.each(PAYMENT_FILTERS)('by %s has each once, and an index leads to every page', async (_, filter) => {
    const finds = await watchFinds(async () => {
      expect(await listPayments(filter)).toEqual(expected(ALL_PAYMENTS, filter).map(({ paymentId }) => paymentId));
    });
    expect(finds.length).toBeGreaterThan(1);
    for (const find of finds) expect(await problemsOf(find)).toEqual([]);
  });

  test('by a kind and a status has those of both', async () => {
    const filter = { kind: 'top_up', status: 'failed' } as const;
    expect(await listPayments(filter)).toEqual(expected(ALL_PAYMENTS, filter).map(({ paymentId }) => paymentId));
  });
});

describe('the list of top-ups', () => {
  test.each(TOP_UP_FILTERS)('by %s has each once, and an index leads to every page', async (_, filter) => {
    const finds = await watchFinds(async () => {
      expect(await listTopUps(filter)).toEqual(expected(ALL_TOP_UPS, filter).map(({ topUpId }) => topUpId));
    });
    expect(finds.length).toBeGreaterThan(1);
    for (const find of finds) expect(await problemsOf(find)).toEqual([]);
  });
});
