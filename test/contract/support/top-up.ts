// Calls that the administrator of a workspace makes to buy credits, what shows at the sandbox of them, and what provokes each reason
// about them.

import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { AlertServiceService, ListEventsRequest } from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { TopUp } from '../../../gen/wheelhouse/payment/v1/top_up.ts';
import {
  CancelTopUpRequest,
  CreateTopUpRequest,
  GetTopUpRequest,
  ListTopUpsRequest,
  TopUpServiceService,
} from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { sendCard } from '../../support/hosted-form.ts';
import { CREDIT, OPERATOR } from './account.ts';
import { type Failure, failureOf } from './failure.ts';
import { newRequestId } from './kernel-fixture.ts';
import { operatorCallsOf } from './operator.ts';
import { type Counter, openWorkspace, type Shop, type Workspace } from './subscription.ts';

/** What the demo plans sell: ten credits for ten dollars. */
export const TEN_CREDITS = { price: { minorUnits: 1_000n, currencyCode: 'usd' }, microcredits: 10n * CREDIT };

/** What the administrator of a workspace does to buy credits. */
export function topUpCallsOf({ callers, stripe }: Counter, workspace: Workspace) {
  const { tenantId, settings } = workspace;
  const { bff, sysadmin, internal } = callers;
  const T = TopUpServiceService;
  const need = (topUp: TopUp | undefined): TopUp => {
    if (topUp === undefined) throw new Error('the answer has no top-up');
    return topUp;
  };
  const calls = {
    packages: () => bff.call(T.listTopUpPackages, { tenantId }, settings),
    create: (fields: Partial<CreateTopUpRequest> = {}, more: { readonly deadlineMs?: number } = {}) =>
      bff.call(
        T.createTopUp,
        CreateTopUpRequest.fromPartial({ requestId: newRequestId(), tenantId, ...TEN_CREDITS, ...fields }),
        { ...settings, ...more },
      ),
    begin: async (fields: Partial<CreateTopUpRequest> = {}) => need((await calls.create(fields)).topUp),
    get: async (topUpId: string) =>
      need((await bff.call(T.getTopUp, GetTopUpRequest.fromPartial({ tenantId, topUpId }), settings)).topUp),
    list: (fields: Partial<ListTopUpsRequest> = {}) =>
      bff.call(T.listTopUps, ListTopUpsRequest.fromPartial({ tenantId, ...fields }), settings),
    cancel: async (topUpId: string) => {
      const request = CancelTopUpRequest.fromPartial({ requestId: newRequestId(), tenantId, topUpId });
      return need((await bff.call(T.cancelTopUp, request, settings)).topUp);
    },
    cancelByOperator: async (topUpId: string) => {
      const request = CancelTopUpRequest.fromPartial({ requestId: newRequestId(), tenantId, topUpId, ...OPERATOR });
      return need((await sysadmin.call(T.cancelTopUp, request)).topUp);
    },
    /** Pays on the page, as a person does. */
    pay: ({ checkoutUrl }: Pick<TopUp, 'checkoutUrl'>, card?: string) => sendCard(checkoutUrl, card),
    /** What of pay-as-you-go the workspace has, in microcredits. */
    payg: async () => (await workspace.balance()).paygRemainingMicrocredits,
    /** The grants that top-ups have made, by what they came from. */
    grants: async (): Promise<readonly string[]> => {
      const request = ListEntriesRequest.fromPartial({ tenantId, pageSize: 1_000 });
      const { entries } = await internal.call(LedgerServiceService.listEntries, request);
      const sources = entries.flatMap(({ detail }) =>
        detail?.$case === 'granting' ? [detail.value.grant?.source ?? ''] : [],
      );
      return sources.filter((source) => source.startsWith('payment:'));
    },
    /** What was told of the workspace's payments, the oldest first, each as its type and what it is of in minor units. */
    told: async (): Promise<readonly string[]> => {
      const request = ListEventsRequest.fromPartial({ tenantId });
      const { events } = await bff.call(AlertServiceService.listEvents, request, settings);
      return events.toReversed().map(({ type, data }) => `${type} ${data.get('minor_units')}`);
    },
    /** The invoices of top-ups that Stripe has, with where they stand, newest first. */
    invoices: async () => {
      const customer = await workspace.customerId();
      const { data } = await stripe.stripe.invoices.list({ customer, limit: 100 });
      return data.filter(({ metadata }) => metadata?.['purpose'] === 'topup');
    },
  };
  return calls;
}

export type TopUpCalls = ReturnType<typeof topUpCallsOf>;

/** Opens a workspace that buys credits. */
export async function openBuyer(shop: Counter, planCode = 'free') {
  const workspace = await openWorkspace(shop, planCode);
  return { workspace, ...topUpCallsOf(shop, workspace) };
}

/** A call that is refused for a reason, with its code. */
interface TopUpProof {
  readonly code: status;
  readonly provoke: () => Promise<Failure>;
  readonly expected?: Partial<Failure>;
}

/** Turns top-ups off on a plan, and asks for one there. */
async function askWhereNothingIsSold(shop: Shop): Promise<Failure> {
  const operator = operatorCallsOf(shop.callers);
  const key = { productCode: 'agentruntime', planCode: 'enterprise' };
  await operator.upsertPolicy({ ...key, paygAllowed: false }, ['payg_allowed']);
  return failureOf((await openBuyer(shop, 'enterprise')).create());
}

/** Builds the proof of each reason over a shop that is there when it is run. */
export function topUpProofsOf(shopOf: () => Shop) {
  return {
    TOPUP_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => failureOf((await openBuyer(shopOf())).get('pay_x')),
    },
    TOPUP_NOT_OFFERED: {
      code: status.FAILED_PRECONDITION,
      provoke: () => askWhereNothingIsSold(shopOf()),
      expected: { metadata: { plan_code: 'enterprise' } },
    },
    TOPUP_AMOUNT_MISMATCH: {
      code: status.INVALID_ARGUMENT,
      provoke: async () =>
        failureOf((await openBuyer(shopOf())).create({ price: { minorUnits: 1n, currencyCode: 'usd' } })),
      expected: { metadata: { currency_code: 'usd', expected_minor_units: '1000' } },
    },
    TOPUP_AMOUNT_OUT_OF_RANGE: {
      code: status.INVALID_ARGUMENT,
      provoke: async () => {
        const one = { price: { minorUnits: 100n, currencyCode: 'usd' }, microcredits: CREDIT };
        return failureOf((await openBuyer(shopOf())).create(one));
      },
      expected: { metadata: { minor_units_min: '500', minor_units_max: '100000', currency_code: 'usd' } },
    },
    TOPUP_NOT_CANCELABLE: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const buyer = await openBuyer(shopOf());
        const topUp = await buyer.begin();
        expect((await buyer.pay(topUp)).status).toBe(303);
        return failureOf(buyer.cancel(topUp.topUpId));
      },
      expected: { metadata: { status: 'succeeded' } },
    },
  } satisfies Readonly<Record<string, TopUpProof>>;
}
