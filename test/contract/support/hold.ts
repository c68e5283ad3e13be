// Calls on holds that most tests of them make, and the time that they need to pass.

import { expect } from 'vitest';
import type { Balance } from '../../../gen/wheelhouse/ledger/v1/balance.ts';
import type { Entry, EntryType } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import type { Hold } from '../../../gen/wheelhouse/ledger/v1/hold.ts';
import {
  ExtendRequest,
  type ExtendResponse,
  HoldServiceService,
  ListHoldsRequest,
  type ListHoldsResponse,
  ReleaseRequest,
  type ReleaseResponse,
  ReserveRequest,
  type ReserveResponse,
  SettleRequest,
  type SettleResponse,
} from '../../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ACTION, type Callers } from './account.ts';
import { type KernelFixture, newRequestId } from './kernel-fixture.ts';

export const MINUTE_MS = 60_000;

/** HoldService as an internal service calls it, and what tests read of an account. */
export interface HoldCalls {
  /** Holds one credit for an hour, with what the test sets in the place of it. */
  reserve(tenantId: string, fields?: Partial<ReserveRequest>): Promise<ReserveResponse>;
  /** Reserves so many units of one credit each, and answers the hold. */
  hold(tenantId: string, quantity: string, fields?: Partial<ReserveRequest>): Promise<Hold>;
  extend(hold: Pick<Hold, 'tenantId' | 'holdId'>, fields: Partial<ExtendRequest>): Promise<ExtendResponse>;
  /** Settles one unit as the part `p`, not the last one, with what the test sets in the place of it. */
  settle(hold: Pick<Hold, 'tenantId' | 'holdId'>, fields?: Partial<SettleRequest>): Promise<SettleResponse>;
  release(hold: Pick<Hold, 'tenantId' | 'holdId'>, fields?: Partial<ReleaseRequest>): Promise<ReleaseResponse>;
  list(tenantId: string, fields?: Partial<ListHoldsRequest>): Promise<ListHoldsResponse>;
  balanceOf(tenantId: string): Promise<Balance | undefined>;
  /** All entries of the account, oldest first. */
  entriesOf(tenantId: string, types?: readonly EntryType[]): Promise<readonly Entry[]>;
}

export function holdCallsOf({ internal }: Callers): HoldCalls {
  const { reserve, extend, settle, release, listHolds } = HoldServiceService;
  const calls: HoldCalls = {
    reserve: (tenantId, fields) => internal.call(reserve, reserveRequest(tenantId, fields)),
    hold: async (tenantId, quantity, fields = {}) => {
      const { hold } = await calls.reserve(tenantId, { quantity, ...fields });
      if (hold === undefined) throw new Error('Reserve answered no hold');
      return hold;
    },
    extend: ({ tenantId, holdId }, fields) =>
      internal.call(extend, ExtendRequest.fromPartial({ requestId: newRequestId(), tenantId, holdId, ...fields })),
    settle: (hold, fields) => internal.call(settle, settleRequest(hold, fields)),
    release: ({ tenantId, holdId }, fields = {}) =>
      internal.call(release, ReleaseRequest.fromPartial({ requestId: newRequestId(), tenantId, holdId, ...fields })),
    list: (tenantId, fields = {}) => internal.call(listHolds, ListHoldsRequest.fromPartial({ tenantId, ...fields })),
    balanceOf: async (tenantId) =>
      (await internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }))).balance,
    entriesOf: async (tenantId, types = []) => {
      const request = ListEntriesRequest.fromPartial({ tenantId, filter: { types: [...types] }, pageSize: 1_000 });
      const { entries } = await internal.call(LedgerServiceService.listEntries, request);
      return entries.toReversed();
    },
  };
  return calls;
}

/** A reservation of one credit for an hour, with what the test sets in the place of it. */
function reserveRequest(tenantId: string, fields: Partial<ReserveRequest> = {}): ReserveRequest {
  const expireTime = new Date(Date.now() + 60 * MINUTE_MS);
  const whole = { requestId: newRequestId(), tenantId, action: ACTION, quantity: '1', expireTime };
  return { ...ReserveRequest.fromPartial(whole), ...fields };
}

/** A part of one unit, not the last one, with what the test sets in the place of it. */
function settleRequest(
  { tenantId, holdId }: Pick<Hold, 'tenantId' | 'holdId'>,
  fields: Partial<SettleRequest> = {},
): SettleRequest {
  return { ...SettleRequest.fromPartial({ tenantId, holdId, partId: 'p', quantity: '1' }), ...fields };
}

type Details = { readonly [Detail in NonNullable<Entry['detail']> as Detail['$case']]: Detail['value'] };

/** The detail of an entry, once it is the one that the test expects. */
export function detailOf<Name extends keyof Details>(entry: Entry | undefined, name: Name): Details[Name] {
  const detail = entry?.detail;
  if (detail?.$case !== name) throw new Error(`the entry has ${detail?.$case} and no ${name}`);
  // The comparison is what makes it so, which TypeScript does not carry over to a generic name.
  return detail.value as Details[Name];
}

/**
 * Moves the database's time to so many milliseconds ahead of this machine's, and resolves when the kernel has noticed. Time
 * only ever goes forward: an account of the future is an alarm.
 */
export async function moveClock(
  kernel: KernelFixture,
  callers: Callers,
  tenantId: string,
  aheadMs: number,
): Promise<void> {
  await kernel.connection
    .collection<{ _id: string; offset_ms: number }>('clock')
    .updateOne({ _id: 'offset' }, { $set: { offset_ms: aheadMs } }, { upsert: true });
  const request = GetBalanceRequest.fromPartial({ tenantId });
  const aheadNow = async (): Promise<number> => {
    const { asOfTime } = await callers.internal.call(LedgerServiceService.getBalance, request);
    return (asOfTime?.getTime() ?? 0) - Date.now();
  };
  await expect.poll(aheadNow).toBeGreaterThan(aheadMs - 5_000);
}
