// Owns which methods a service inside the platform may call, with the messages that they take.
// Invariant: they are those of the kernel's access table; a test holds the two together.

import {
  AlertServiceService,
  ListEventsRequest,
  ListThresholdsRequest,
} from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import { CatalogServiceService, GetActionPricingRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import {
  ExtendRequest,
  HoldServiceService,
  ListHoldsRequest,
  ReleaseRequest,
  ReserveRequest,
  SettleRequest,
} from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  BatchDebitRequest,
  CheckFundsRequest,
  DebitRequest,
  type DeepPartial,
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  ExplainEntryRequest,
  GetUsageSummaryRequest,
  ListUsageDimensionsRequest,
  ReportRunRequest,
  UsageServiceService,
} from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import {
  GetSubscriptionRequest,
  SubscriptionServiceService,
} from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { GetTrialRequest, TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { GetTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { withRequestId } from './request-id.ts';
import type { UnaryMethod } from './unary-call.ts';

/** What may be left out of a message has its default. */
export type Fields<Message> = DeepPartial<Message>;

/** A method, and how its request is made of the fields that are set. */
export interface ServiceMethod<Request, Response> {
  readonly method: UnaryMethod<Request, Response>;
  readonly toRequest: (fields: Fields<Request>) => Request;
}

/** The methods by name. */
export const SERVICE_METHODS = {
  getBalance: bind(LedgerServiceService.getBalance, GetBalanceRequest),
  checkFunds: bind(LedgerServiceService.checkFunds, CheckFundsRequest),
  debit: bind(LedgerServiceService.debit, DebitRequest),
  batchDebit: { method: LedgerServiceService.batchDebit, toRequest: toBatchDebitRequest },
  listEntries: bind(LedgerServiceService.listEntries, ListEntriesRequest),
  reserve: bind(HoldServiceService.reserve, ReserveRequest),
  extend: bind(HoldServiceService.extend, ExtendRequest),
  settle: bind(HoldServiceService.settle, SettleRequest),
  release: bind(HoldServiceService.release, ReleaseRequest),
  listHolds: bind(HoldServiceService.listHolds, ListHoldsRequest),
  reportRun: bind(UsageServiceService.reportRun, ReportRunRequest),
  getUsageSummary: bind(UsageServiceService.getUsageSummary, GetUsageSummaryRequest),
  listUsageDimensions: bind(UsageServiceService.listUsageDimensions, ListUsageDimensionsRequest),
  explainEntry: bind(UsageServiceService.explainEntry, ExplainEntryRequest),
  getActionPricing: bind(CatalogServiceService.getActionPricing, GetActionPricingRequest),
  getTenant: bind(TenantServiceService.getTenant, GetTenantRequest),
  getTrial: bind(TrialServiceService.getTrial, GetTrialRequest),
  getSubscription: bind(SubscriptionServiceService.getSubscription, GetSubscriptionRequest),
  listThresholds: bind(AlertServiceService.listThresholds, ListThresholdsRequest),
  listEvents: bind(AlertServiceService.listEvents, ListEventsRequest),
} as const;

function bind<Request, Response>(
  method: UnaryMethod<Request, Response>,
  type: { fromPartial(fields: Fields<Request>): Request },
): ServiceMethod<Request, Response> {
  return { method, toRequest: (fields) => type.fromPartial(fields) };
}

/** Each of the debits is a write of its own. */
function toBatchDebitRequest(fields: Fields<BatchDebitRequest>): BatchDebitRequest {
  const { debits } = BatchDebitRequest.fromPartial(fields);
  return { debits: debits.map(withRequestId) };
}
