// Owns SubscriptionService on the wire. Does not own what becomes of a subscription.

import type { SubscriptionServiceService } from '../../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import type { Subscriptions } from '../../app/subscription/use-case.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import type { Caller } from '../caller.ts';
import {
  fromProtoActivate,
  fromProtoCancelSubscription,
  fromProtoChangePlan,
  fromProtoConvertTrialNow,
  fromProtoPreviewPlanChange,
  fromProtoProvisionContract,
  fromProtoResumeSubscription,
  fromProtoSubscriptionTenant,
  toProtoPlanChangePreview,
  toProtoSubscriptionChange,
  toProtoSubscriptionState,
} from '../convert/subscription.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What SubscriptionService answers with. */
export interface SubscriptionHandlerParts {
  readonly subscriptions: Subscriptions;
  readonly directory: TenantDirectory;
  readonly statusBoard: Pick<TenantStatusBoard, 'assertChargeable'>;
}

type SubscriptionHandlers = HandlerMap<typeof SubscriptionServiceService>;

/** Builds the handlers of SubscriptionService. */
export function createSubscriptionHandlers(parts: SubscriptionHandlerParts): SubscriptionHandlers {
  return { ...createReaders(parts), ...createBuyers(parts), ...createEnders(parts) };
}

/** Of people, administrators pay. */
function mayPay(caller: Caller): boolean {
  return caller.scope !== 'bff' || caller.place?.role === 'tenant_admin';
}

function createReaders({
  subscriptions,
  directory,
}: SubscriptionHandlerParts): Pick<
  SubscriptionHandlers,
  'getSubscription' | 'previewPlanChange' | 'refreshSubscription'
> {
  return {
    getSubscription: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoSubscriptionTenant(request), caller.visibility);
      return toProtoSubscriptionState(await subscriptions.getSubscription(tenant, { mayPay: mayPay(caller) }));
    },
    previewPlanChange: async (request, { caller }) => {
      const { tenantId, planCode } = fromProtoPreviewPlanChange(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return { preview: toProtoPlanChangePreview(await subscriptions.previewChange(tenant, planCode)) };
    },
    refreshSubscription: async (request, { caller, deadlineAtMs }) => {
      const tenant = await directory.requireTenant(fromProtoSubscriptionTenant(request), caller.visibility);
      const context = { callerScope: caller.callerScope, deadlineAtMs };
      return toProtoSubscriptionState(await subscriptions.refresh(tenant, context));
    },
  };
}

function createBuyers({
  subscriptions,
  directory,
  statusBoard,
}: SubscriptionHandlerParts): Pick<
  SubscriptionHandlers,
  'activateSubscription' | 'changePlan' | 'convertTrialNow' | 'provisionContract'
> {
  return {
    activateSubscription: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoActivate(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return answer(await subscriptions.activate(tenant, input, requireAsker(call), context));
    },
    changePlan: async (request, call) => {
      const { requestId, tenantId, input: planCode } = fromProtoChangePlan(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return answer(await subscriptions.changePlan(tenant, planCode, requireAsker(call), context));
    },
    convertTrialNow: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoConvertTrialNow(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return answer(await subscriptions.convertTrialNow(tenant, input, requireAsker(call), context));
    },
    provisionContract: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoProvisionContract(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      // Of people the guard has made sure of it.
      statusBoard.assertChargeable(tenantId);
      const { contract, operator } = input;
      const context = toWriteContext(call, requestId);
      return answer(await subscriptions.provisionContract(tenant, contract, operator, context));
    },
  };
}

function createEnders({
  subscriptions,
  directory,
}: SubscriptionHandlerParts): Pick<SubscriptionHandlers, 'cancelSubscription' | 'resumeSubscription'> {
  return {
    cancelSubscription: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCancelSubscription(request, call.caller.scope);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const { atOnce, operator } = input;
      const asker = operator ?? requireAsker(call);
      return answer(await subscriptions.cancel(tenant, { atOnce }, asker, toWriteContext(call, requestId)));
    },
    resumeSubscription: async (request, call) => {
      const { requestId, tenantId } = fromProtoResumeSubscription(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return answer(await subscriptions.resume(tenant, requireAsker(call), context));
    },
  };
}

function answer(change: Parameters<typeof toProtoSubscriptionChange>[0]) {
  return { change: toProtoSubscriptionChange(change) };
}
