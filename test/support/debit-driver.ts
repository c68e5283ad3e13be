// Drives debits at kernels as a careful caller would: several at once, each retried with its own request id, through
// whichever kernel answers, until it is answered for good.

import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { v7 as newUuid } from 'uuid';
import { expect } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  DebitRequest,
  type DebitResponse,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { TestStack } from './stack.ts';

/** One unit of it costs one credit. */
const ACTION = 'memory_index_file_mb';
const CREDIT = 1_000_000n;
const CALL_DEADLINE_MS = 5_000;
const RETRY_DELAY_MS = 100;
/** What a caller may retry with the same request id. */
const RETRIABLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/** What became of a driven debit. */
export interface DrivenDebit {
  readonly requestId: string;
  readonly entryId: string;
  readonly replayed: boolean;
  /** How many times it was sent. */
  readonly attempts: number;
}

/** Creates a workspace with PAYG credits. */
export async function createFundedTenant(stack: TestStack, credits: bigint): Promise<string> {
  const tenantId = await stack.createTenant('agentruntime', 'pro');
  const grant = {
    requestId: newUuid(),
    tenantId,
    bucket: Bucket.PAYG,
    microcredits: credits * CREDIT,
    actor: 'test',
    reason: 'Funds of the test',
  };
  await stack.connect(stack.credentials.sysadmin).call(LedgerServiceService.grant, GrantRequest.fromPartial(grant));
  return tenantId;
}

/** Sends one debit of one credit, once. Throws ServiceError where it is refused. */
export function sendDebit(
  client: KernelClient,
  tenantId: string,
  requestId: string,
  quantity = '1',
): Promise<DebitResponse> {
  const request = DebitRequest.fromPartial({ requestId, tenantId, action: ACTION, quantity });
  return client.call(LedgerServiceService.debit, request, { deadlineMs: CALL_DEADLINE_MS });
}

/** Sends one debit until it is answered, each time through the next kernel. */
async function driveDebit(clients: readonly KernelClient[], tenantId: string, turn: number): Promise<DrivenDebit> {
  const requestId = newUuid();
  for (let attempts = 1; ; attempts += 1) {
    const client = clients[(turn + attempts) % clients.length];
    if (client === undefined) throw new RangeError('there is no kernel to send to');
    try {
      const { entry, replayed } = await sendDebit(client, tenantId, requestId);
      return { requestId, entryId: entry?.entryId ?? '', replayed, attempts };
    } catch (error) {
      if (!RETRIABLE.has((error as ServiceError).code)) throw error;
      await delay(RETRY_DELAY_MS);
    }
  }
}

/** Keeps `lanes` debits in flight until `shouldStop`, and answers all that were answered. */
export async function driveDebits(
  clients: readonly KernelClient[],
  tenantId: string,
  lanes: number,
  shouldStop: () => boolean,
): Promise<readonly DrivenDebit[]> {
  const done: DrivenDebit[] = [];
  const runLane = async (lane: number): Promise<void> => {
    for (let turn = lane; !shouldStop(); turn += 1) done.push(await driveDebit(clients, tenantId, turn));
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
  return done;
}

/** Lists the request ids of all debits of an account. */
export async function listDebitRequestIds(client: KernelClient, tenantId: string): Promise<readonly string[]> {
  const ids: string[] = [];
  let pageToken = '';
  do {
    const filter = { types: [EntryType.DEBITED] };
    const request = ListEntriesRequest.fromPartial({ tenantId, filter, pageSize: 1_000, pageToken });
    const page = await client.call(LedgerServiceService.listEntries, request);
    ids.push(...page.entries.map(({ requestId }) => requestId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return ids;
}

/** Reads what is left in PAYG, in whole credits. */
export async function readPaygCredits(client: KernelClient, tenantId: string): Promise<bigint> {
  const request = GetBalanceRequest.fromPartial({ tenantId });
  const { balance } = await client.call(LedgerServiceService.getBalance, request);
  return (balance?.paygRemainingMicrocredits ?? -1n) / CREDIT;
}

/** Holds what callers were told against what the ledger of a workspace that had `funds` credits has. */
export async function expectEachOnce(
  client: KernelClient,
  tenantId: string,
  driven: readonly DrivenDebit[],
  funds: bigint,
): Promise<void> {
  const stored = await listDebitRequestIds(client, tenantId);
  expect(new Set(stored).size).toBe(stored.length);
  expect(new Set(stored)).toEqual(new Set(driven.map(({ requestId }) => requestId)));
  expect(new Set(driven.map(({ entryId }) => entryId)).size).toBe(driven.length);
  expect(await readPaygCredits(client, tenantId)).toBe(funds - BigInt(driven.length));
}
