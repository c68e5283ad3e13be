// Breaking a stored ledger by hand, as somebody with the database's password would, and a history to break that has an
// entry of every type.

import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, mongo } from 'mongoose';
import { mongo as driver } from 'mongoose';
import { GENESIS_HASH } from '../../kernel/app/ledger/account-head.ts';
import type { Posting, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import type { HoldId, Instant, TopUpId } from '../../kernel/domain/id.ts';
import { paymentKey } from '../../kernel/domain/payback.ts';
import type { SubscriptionFacts } from '../../kernel/domain/subscription.ts';
import type { CommitDocument } from '../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../kernel/store/ledger/commit-hash.ts';
import { ACTION, CREDIT, caller, debit, type FixtureKernel, give, PLAN, quantity } from './ledger-fixture.ts';

const OPERATOR = { actor: 'usr_operator', reason: 'told by the customer' };
const TOP_UP = 'pay_1' as TopUpId;
const SHORT_MS = 600;
const MONTH_MS = 30 * 86_400_000;

/** The stored commits, as the driver sees them: nothing of the kernel's own between. */
export function commitsOf(connection: Connection): mongo.Collection<CommitDocument> {
  if (connection.db === undefined) throw new Error('the connection is not open');
  return connection.db.collection<CommitDocument>('ledger_commits', { useBigInt64: true, ignoreUndefined: true });
}

/** Changes one commit in place; the commit must be there. */
export async function editCommit(
  connection: Connection,
  tenantId: string,
  seq: number,
  update: mongo.UpdateFilter<mongo.Document>,
): Promise<void> {
  const commits = commitsOf(connection) as unknown as mongo.Collection<mongo.Document>;
  const { modifiedCount } = await commits.updateOne({ tenant_id: tenantId, seq: BigInt(seq) }, update);
  if (modifiedCount !== 1) throw new Error(`commit ${seq} of ${tenantId} was not changed`);
}

export async function deleteCommit(connection: Connection, tenantId: string, seq: number): Promise<void> {
  const { deletedCount } = await commitsOf(connection).deleteOne({ tenant_id: tenantId as never, seq: BigInt(seq) });
  if (deletedCount !== 1) throw new Error(`commit ${seq} of ${tenantId} was not there`);
}

/** What an engine has made of bytes that no driver writes: one that decodes what it stores may fold them, or undo the edit. */
export type Kept = 'as sent' | 'in another form' | 'as before';

/** Puts other bytes in the place of a commit's; `rewrite` gets its fields with their BSON types. */
export async function replaceCommitBytes(
  connection: Connection,
  tenantId: string,
  seq: number,
  rewrite: (document: mongo.Document) => Uint8Array,
): Promise<Kept> {
  const commits = commitsOf(connection);
  const filter = { tenant_id: tenantId as never, seq: BigInt(seq) };
  const readBytes = async (_id: mongo.Binary): Promise<Buffer> => {
    const [found] = (await commits.find({ _id }, { raw: true }).toArray()) as unknown as Uint8Array[];
    return Buffer.from(found ?? []);
  };
  const place = await commits.findOne(filter, { projection: { _id: 1 } });
  if (place === null) throw new Error(`commit ${seq} of ${tenantId} is not there`);
  const before = await readBytes(place._id);
  const bytes = rewrite(driver.BSON.deserialize(before, { promoteValues: false }));
  await commits.deleteOne({ _id: place._id });
  await insertBytes(connection, bytes);
  const after = await readBytes(place._id);
  if (after.equals(bytes)) return 'as sent';
  return after.equals(before) ? 'as before' : 'in another form';
}

const OP_MSG = 2_013;
const REPLY_BODY_OFFSET = 21;

/** Sends an insert by hand: a driver encodes documents itself. */
async function insertBytes(connection: Connection, document: Uint8Array): Promise<void> {
  const command = driver.BSON.serialize({ insert: 'ledger_commits', $db: connection.name });
  const name = Buffer.from('documents\0');
  const size = int32(4 + name.length + document.length);
  const body = Buffer.concat([int32(0), Buffer.of(0), command, Buffer.of(1), size, name, document]);
  const message = Buffer.concat([int32(16 + body.length), int32(1), int32(0), int32(OP_MSG), body]);
  const socket = connect(connection.port, connection.host);
  try {
    socket.write(message);
    let reply = Buffer.alloc(0);
    for await (const part of socket) {
      reply = Buffer.concat([reply, part as Buffer]);
      if (reply.length >= 4 && reply.length >= reply.readInt32LE(0)) break;
    }
    const answer = driver.BSON.deserialize(reply.subarray(REPLY_BODY_OFFSET));
    if (answer['n'] !== 1) throw new Error(`the commit was not inserted: ${JSON.stringify(answer)}`);
  } finally {
    socket.destroy();
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** Gives a commit and all behind it the hashes that their content now has, as somebody would who knows this program. */
export async function rehashFrom(connection: Connection, tenantId: string, fromSeq: number): Promise<void> {
  const commits = commitsOf(connection);
  const documents = await commits
    .find({ tenant_id: tenantId as never })
    .sort({ seq: 1 })
    .toArray();
  let previous = documents.find(({ seq }) => seq === BigInt(fromSeq - 1))?.hash.buffer ?? GENESIS_HASH;
  for (const { hash: _, ...document } of documents.filter(({ seq }) => seq >= BigInt(fromSeq))) {
    previous = computeCommitHash(document, previous);
    await commits.updateOne({ _id: document._id }, { $set: { hash: new driver.Binary(previous) } });
  }
}

/** A subscription as Stripe shows it right after its first payment. */
function boughtAt(now: Instant): SubscriptionFacts {
  return {
    ...{ stripeSubscriptionId: 'sub_1', phase: 'live', isUnpaid: false, isContract: false, fallbackPlanCode: PLAN },
    terms: {
      ...{ planCode: PLAN, stripePriceId: 'price_1', minorUnits: 4_900n, currency: 'usd' },
      ...{ interval: 'month', intervalCount: 1, includedPerCycle: CREDIT },
    },
    rules: { rolloverLimit: 0n, graceMs: 0, pastDueEnd: 'fallback' },
    ...{ startedAt: now, periodStart: now, periodEnd: now + MONTH_MS },
    cycleInvoice: { state: 'paid', stripeInvoiceId: 'in_1' },
    changeInvoice: { state: 'none', stripeInvoiceId: '', changedAt: now },
  };
}

/** Makes a tenant's history with an entry of every type; answers the entries that were asked for by name. */
export async function makeWholeHistory(
  kernel: FixtureKernel,
  tenant: TenantRef,
): Promise<{ readonly redactedEntryId: string }> {
  const { ledger, clock } = kernel;
  const grant = { bucket: 'trial', amount: CREDIT, ...OPERATOR } as const;
  await give(ledger, tenant, 50n * CREDIT);
  await ledger.grant(tenant, { ...grant, amount: 20n * CREDIT, expiresAt: clock.now() + SHORT_MS }, caller());
  await ledger.grant(tenant, { ...grant, bucket: 'included', effectiveAt: clock.now() + SHORT_MS }, caller());
  const hold = (credits: string, lastingMs: number): Promise<Posting> =>
    ledger.reserve(
      tenant,
      { action: ACTION, quantity: quantity(credits), expiresAt: clock.now() + lastingMs, projectId: 'prj_1' },
      caller(),
    );
  const lost = holdIdOf(await hold('2', SHORT_MS));
  const open = holdIdOf(await hold('3', 3_600_000));
  await ledger.extend(tenant, { holdId: open, additionalQuantity: quantity('1') }, caller());
  await ledger.release(tenant, holdIdOf(await hold('4', 3_600_000)), caller());
  const trial = { planCode: PLAN, fallbackPlanCode: PLAN, endsAt: clock.now() + SHORT_MS, granted: CREDIT };
  const terms = { ...trial, revokesUnused: true, endBehaviour: 'convert_or_fallback' } as const;
  await ledger.startTrial(tenant, { question: OPERATOR, terms, onlyFromFallback: false }, caller());
  await ledger.consentToTrial(tenant, caller());
  await ledger.cancelTrial(tenant, OPERATOR, caller());
  await delay(SHORT_MS + 100);
  // The next command brings the account up to now: a grant expires, one begins, and a hold ends by itself.
  const part = { quantity: quantity('1'), dimensions: { region: 'eu', customer: 'Jane' } };
  await ledger.settle(tenant, { holdId: open, partId: 'a', final: false, ...part }, caller());
  await ledger.settle(tenant, { holdId: lost, partId: 'late', final: true, ...part }, caller());
  const { posted } = await debit(ledger, tenant, '2');
  await ledger.reverse(tenant, { entryId: posted.entryId, ...OPERATOR }, caller());
  const adjusted = await ledger.adjust(tenant, { bucket: 'payg', delta: -CREDIT, ...OPERATOR }, caller());
  await ledger.adjust(tenant, { bucket: 'payg', delta: CREDIT, ...OPERATOR }, caller());
  await ledger.redact(tenant, { entryId: adjusted.posted.entryId, ...OPERATOR }, caller());
  await ledger.applySubscription(tenant, boughtAt(clock.now()), UNOPENED_ACCOUNT);
  await ledger.giveCredit(tenant, { key: paymentKey(TOP_UP), bucket: 'payg', amount: CREDIT, source: 'payment' });
  await ledger.reportRun(tenant, { runId: 'run_1', runStatus: 'failed', projectId: 'prj_1' }, caller());
  const payback = await ledger.readPayback(tenant, TOP_UP);
  if (payback === undefined || !(await ledger.settlePayback(tenant, payback, CREDIT, false))) {
    throw new Error('nothing was taken back');
  }
  await Promise.all(['1', '2', '3'].map((credits) => debit(ledger, tenant, credits)));
  return { redactedEntryId: adjusted.posted.entryId };
}

function holdIdOf({ posted: { entry } }: Posting): HoldId {
  if (!('holdId' in entry)) throw new Error(`${entry.type} is no entry of a hold`);
  return entry.holdId;
}
