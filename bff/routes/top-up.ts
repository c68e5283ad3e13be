// Owns `/v1/billing/topups`: purchases of pay-as-you-go credits.

import type { TopUp } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { defineBody } from '../body.ts';
import {
  fromProtoTopUp,
  fromProtoTopUpOffer,
  TOP_UP,
  TOP_UP_OFFER,
  TOP_UP_STATUSES,
  type TopUpJson,
  toProtoTopUpStatus,
} from '../convert-top-up.ts';
import { defineQuery } from '../query.ts';
import { chooseIdempotencyKey } from '../request-field.ts';
import { pageOf } from '../shape.ts';
import { AMOUNT, CURRENCY, IDEMPOTENCY_KEY, YES_OR_NO } from './field.ts';
import { fromProtoPageToken, type PageQuery, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';
import { TIME_RANGE, type TimeRangeQuery, toProtoTimes } from './time-range.ts';

const PATH = '/v1/billing/topups';
const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;

interface TopUpQuery extends PageQuery, TimeRangeQuery {
  status?: TopUpJson['status'];
}

interface NewTopUp {
  amount_cents: number;
  microcredits: number;
  currency: string;
  idempotency_key?: string;
  use_stored_card?: boolean;
}

const listPackages = defineWorkspaceRoute({
  method: 'GET',
  path: `${PATH}/packages`,
  workspace: 'required',
  name: 'listTopUpPackages',
  summary: 'Read what credits cost',
  description: 'The cheapest package first; at most 20, in one answer.',
  needs: 'project_contributor',
  responses: { 200: TOP_UP_OFFER },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoTopUpOffer(await kernel.call(TopUpServiceService.listTopUpPackages, { tenantId }, context));
  },
});

const createTopUp = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/payg/intent`,
  workspace: 'required',
  name: 'createTopUp',
  summary: 'Buy credits',
  needs: 'tenant_admin',
  description:
    'Amount and credits must agree with what `listTopUpPackages` tells. It is paid on `checkout_url`, or at once from the default card ' +
    'with `use_stored_card`. 202 says that it is still being set up: ask for it again.',
  body: defineBody<NewTopUp>({
    type: 'object',
    properties: {
      amount_cents: AMOUNT,
      microcredits: AMOUNT,
      currency: CURRENCY,
      idempotency_key: { ...IDEMPOTENCY_KEY, nullable: true },
      use_stored_card: { ...YES_OR_NO, nullable: true },
    },
    required: ['amount_cents', 'microcredits', 'currency'],
    additionalProperties: false,
  }),
  responses: { 200: TOP_UP, 202: TOP_UP },
  reasons: [
    'BALANCE_OUT_OF_RANGE',
    'GRANT_LIMIT_REACHED',
    'KILL_SWITCH_OFF',
    'PAYMENT_METHOD_REQUIRED',
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'TOPUP_AMOUNT_MISMATCH',
    'TOPUP_AMOUNT_OUT_OF_RANGE',
    'TOPUP_NOT_OFFERED',
  ],
  async answer({ body, ...input }, { kernel, context, tenantId }) {
    const request = {
      requestId: chooseIdempotencyKey(body.idempotency_key, input),
      tenantId,
      price: { minorUnits: BigInt(body.amount_cents), currencyCode: body.currency },
      microcredits: BigInt(body.microcredits),
      useStoredCard: body.use_stored_card ?? false,
    };
    const { topUp, replayed } = await kernel.call(TopUpServiceService.createTopUp, request, context);
    return toReply(topUp, replayed);
  },
});

const listTopUps = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  name: 'listTopUps',
  summary: 'List the top-ups',
  needs: 'tenant_admin',
  description: 'Newest first, by when they were asked for, a page at a time.',
  query: defineQuery<TopUpQuery>({
    type: 'object',
    properties: {
      status: {
        type: 'string',
        nullable: true,
        enum: TOP_UP_STATUSES,
        description: `one of ${TOP_UP_STATUSES.join(', ')}`,
      },
      ...TIME_RANGE,
      ...pageProperties(PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('topups', TOP_UP) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = {
      ...{ tenantId, status: toProtoTopUpStatus(query.status), ...toProtoTimes(query) },
      ...toProtoPage(query, PAGE),
    };
    const { topUps, nextPageToken } = await kernel.call(TopUpServiceService.listTopUps, request, context);
    return { topups: topUps.map(fromProtoTopUp), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

const getTopUp = defineWorkspaceRoute({
  method: 'GET',
  path: `${PATH}/:topup_id`,
  workspace: 'required',
  name: 'getTopUp',
  summary: 'Read a top-up',
  needs: 'tenant_admin',
  responses: { 200: TOP_UP },
  reasons: ['TOPUP_NOT_FOUND'],
  async answer({ ids }, { kernel, context, tenantId }) {
    const request = { tenantId, topUpId: ids.topup_id };
    return fromProtoTopUp((await kernel.call(TopUpServiceService.getTopUp, request, context)).topUp);
  },
});

const cancelTopUp = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/:topup_id/cancel`,
  workspace: 'required',
  name: 'cancelTopUp',
  summary: 'Cancel a top-up that was not paid',
  needs: 'tenant_admin',
  responses: { 200: TOP_UP, 202: TOP_UP },
  reasons: ['STRIPE_OFF', 'TOPUP_NOT_CANCELABLE', 'TOPUP_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, topUpId: ids.topup_id, actor: '', reason: '' };
    const { topUp } = await kernel.call(TopUpServiceService.cancelTopUp, request, context);
    const json = fromProtoTopUp(topUp);
    return json.status === 'canceled' ? json : Reply.accepted(json, false);
  },
});

/** One that is still being set up has been accepted, and no more. */
function toReply(topUp: TopUp | undefined, replayed: boolean): Reply<TopUpJson> {
  const json = fromProtoTopUp(topUp);
  return json.status === 'pending' ? Reply.accepted(json, replayed) : Reply.done(json, replayed);
}

export const topUpRoutes: readonly Route[] = [listPackages, createTopUp, listTopUps, getTopUp, cancelTopUp];
