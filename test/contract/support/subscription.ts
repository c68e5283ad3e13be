// A kernel that sells the demo plans at the sandbox, whose clocks move together; workspaces of it, and the calls that their
// administrators make about subscriptions.

import type { Stripe } from 'stripe';
import { expect } from 'vitest';
import type { Balance } from '../../../gen/wheelhouse/ledger/v1/balance.ts';
import { GetBalanceRequest, LedgerServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  OpenPortalRequest,
  PaymentMethodServiceService,
  StartSetupRequest,
} from '../../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import {
  ActivateSubscriptionRequest,
  CancelSubscriptionRequest,
  ChangePlanRequest,
  ConvertTrialNowRequest,
  PreviewPlanChangeRequest,
  ProvisionContractRequest,
  ResumeSubscriptionRequest,
  SubscriptionServiceService,
} from '../../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import type { KernelConfig } from '../../../kernel/config.ts';
import { moveTime } from '../../support/common-time.ts';
import { sendCard } from '../../support/hosted-form.ts';
import { type Callers, callersOf, OPERATOR } from './account.ts';
import { type KernelFixture, newRequestId, openKernel } from './kernel-fixture.ts';
import { expectLedgerClean } from './ledger-audit.ts';
import { reconciliationCallsOf } from './reconciliation.ts';
import { openStripe, type StripeFixture, syncCatalog, WEBHOOK_SECRET } from './stripe.ts';
import { type TrialCalls, trialCallsOf } from './trial.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A kernel and a Stripe whose time is one. */
export interface Shop {
  readonly kernel: KernelFixture;
  readonly callers: Callers;
  readonly stripe: StripeFixture;
  readonly trials: TrialCalls;
  /** Moves both clocks on, and waits until what that made happen has arrived. */
  advance(byMs: number): Promise<void>;
  /** Waits until no event is on its way. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** How a shop differs. */
export interface ShopOptions {
  readonly settings?: Partial<KernelConfig>;
  /** Says that no event of Stripe arrives. */
  readonly isDeaf?: boolean;
}

/** Opens a shop of the demo plans. */
export async function openShop({ settings = {}, isDeaf = false }: ShopOptions = {}): Promise<Shop> {
  const stripe = await openStripe({ hasCatalog: true, retryBaseMs: 100 });
  const kernel = await openKernel({ stripe: stripe.config, ...settings }, { hasSoldPlans: false });
  const callers = callersOf(kernel);
  await syncCatalog(kernel);
  if (!isDeaf) {
    stripe.sandbox.control.setWebhook({ url: `${kernel.httpUrl}/stripe/webhook`, secrets: [WEBHOOK_SECRET] });
  }
  const settle = (): Promise<void> => stripe.sandbox.control.settle();
  const clockTenantId = await callers.openTenant();
  const readTime = (): Promise<number> => timeOf(callers, clockTenantId);
  return {
    ...{ kernel, callers, stripe, settle },
    trials: trialCallsOf(callers),
    advance: (byMs) => moveTime({ connection: kernel.connection, sandbox: stripe.sandbox, readTime }, byMs),
    close: async () => {
      await kernel.close();
      await stripe.stop();
    },
  };
}

/** The kernel's time, read off a workspace. */
async function timeOf(callers: Callers, tenantId: string): Promise<number> {
  const { asOfTime } = await callers.internal.call(
    LedgerServiceService.getBalance,
    GetBalanceRequest.fromPartial({ tenantId }),
  );
  return asOfTime?.getTime() ?? 0;
}

/** What calls about a workspace need of a shop. */
export interface Counter extends Pick<Shop, 'callers' | 'stripe' | 'trials'> {
  readonly kernel: Pick<KernelFixture, 'connection'>;
}

/** One workspace, and what its administrator does. */
export async function openWorkspace(shop: Counter, planCode = 'free') {
  return await workspaceOf(shop, await shop.trials.openWorkspace('agentruntime', planCode));
}

/** A workspace that is there, and what its administrator does by this kernel. */
export async function workspaceOf(shop: Counter, tenantId: string) {
  const { callers, trials, stripe } = shop;
  const settings = await trials.settingsOf(tenantId);
  const write = <Fields extends object>(fields: Fields) => ({ requestId: newRequestId(), tenantId, ...fields });
  const { bff, internal, sysadmin } = callers;
  const S = SubscriptionServiceService;
  const workspace = {
    tenantId,
    settings,
    activate: (fields: Partial<ActivateSubscriptionRequest>) =>
      bff.call(S.activateSubscription, ActivateSubscriptionRequest.fromPartial(write(fields)), settings),
    changePlan: (fields: Partial<ChangePlanRequest>) =>
      bff.call(S.changePlan, ChangePlanRequest.fromPartial(write(fields)), settings),
    preview: (toPlanCode: string) =>
      bff.call(S.previewPlanChange, PreviewPlanChangeRequest.fromPartial({ tenantId, planCode: toPlanCode }), settings),
    cancel: (fields: Partial<CancelSubscriptionRequest> = {}) =>
      bff.call(S.cancelSubscription, CancelSubscriptionRequest.fromPartial(write(fields)), settings),
    cancelByOperator: (fields: Partial<CancelSubscriptionRequest> = {}) =>
      sysadmin.call(S.cancelSubscription, CancelSubscriptionRequest.fromPartial(write({ ...OPERATOR, ...fields }))),
    resume: (fields: Partial<ResumeSubscriptionRequest> = {}) =>
      bff.call(S.resumeSubscription, ResumeSubscriptionRequest.fromPartial(write(fields)), settings),
    convert: (fields: Partial<ConvertTrialNowRequest> = {}) =>
      bff.call(S.convertTrialNow, ConvertTrialNowRequest.fromPartial(write(fields)), settings),
    provision: (fields: Partial<ProvisionContractRequest>) =>
      sysadmin.call(S.provisionContract, ProvisionContractRequest.fromPartial(write({ ...OPERATOR, ...fields }))),
    refresh: () => bff.call(S.refreshSubscription, { tenantId }, settings),
    get: () => bff.call(S.getSubscription, { tenantId }, settings),
    startSetup: (fields: Partial<StartSetupRequest> = {}) =>
      bff.call(PaymentMethodServiceService.startSetup, StartSetupRequest.fromPartial(write(fields)), settings),
    listMethods: async () => {
      const { paymentMethods } = await bff.call(PaymentMethodServiceService.listPaymentMethods, { tenantId }, settings);
      return paymentMethods;
    },
    setDefault: (stripePaymentMethodId: string, requestId = newRequestId()) =>
      bff.call(
        PaymentMethodServiceService.setDefaultPaymentMethod,
        write({ requestId, stripePaymentMethodId }),
        settings,
      ),
    openPortal: (fields: Partial<OpenPortalRequest> = {}) =>
      bff.call(PaymentMethodServiceService.openPortal, OpenPortalRequest.fromPartial(write(fields)), settings),
    balance: async (): Promise<Balance & { readonly planCode: string }> => {
      const request = GetBalanceRequest.fromPartial({ tenantId });
      const { balance, planCode } = await internal.call(LedgerServiceService.getBalance, request);
      if (balance === undefined) throw new Error('the answer has no balance');
      return { ...balance, planCode };
    },
    /** Stores a card by its name at Stripe, as a person does on its pages. */
    storeCard: async (card = 'pm_card_visa', isDefault = true): Promise<Stripe.PaymentMethod> => {
      const customer = await workspace.customerId();
      const method = await stripe.stripe.paymentMethods.attach(card, { customer });
      if (isDefault) {
        await stripe.stripe.customers.update(customer, { invoice_settings: { default_payment_method: method.id } });
      }
      return method;
    },
    /** Stores a card on a page, and agrees by that to be charged once the trial ends. */
    agreeByCard: async (): Promise<void> => {
      const { url } = await workspace.startSetup({ hostedPage: true, consentToCharge: true, returnPath: '/settings' });
      expect((await sendCard(url)).status).toBe(303);
      expect((await workspace.refresh()).trial?.consentTime).toBeInstanceOf(Date);
    },
    /** The workspace's customer at Stripe, who is made where there is none. */
    customerId: async (): Promise<string> => {
      const find = async () =>
        (
          await shop.kernel.connection
            .collection<{ _id: string; stripe_customer_id?: string }>('stripe_customers')
            .findOne({ _id: tenantId })
        )?.stripe_customer_id;
      if ((await find()) === undefined) await workspace.startSetup({ hostedPage: true, returnPath: '/settings' });
      return String(await find());
    },
    /** What the customer was charged, in cents. */
    charged: async (): Promise<readonly number[]> => {
      const charges = await stripe.stripe.charges.list({ customer: await workspace.customerId(), limit: 100 });
      return charges.data
        .filter(({ paid }) => paid)
        .map(({ amount }) => amount)
        .toReversed();
    },
  };
  return workspace;
}

export type Workspace = Awaited<ReturnType<typeof openWorkspace>>;

/** A kernel holds few workspaces against Stripe at once. */
let lastComparison: Promise<unknown> = Promise.resolve();

/** Asks the kernel to verify one account and to hold it against Stripe, and expects that nothing is wrong or differs. */
export async function expectSound(
  { callers }: Pick<Shop, 'callers'>,
  { tenantId }: Pick<Workspace, 'tenantId'>,
): Promise<void> {
  await expectLedgerClean(callers, tenantId);
  const compared = lastComparison.then(() => reconciliationCallsOf(callers).verify(tenantId));
  lastComparison = compared.catch(() => undefined);
  expect(await compared).toEqual([]);
}
