// Owns the operators' commands about subscriptions: `subscription show`, `cancel`, `provision`. Does not own what becomes of a
// subscription (the kernel).

import { type Command, Option } from 'commander';
import { BillingInterval } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import type { Money } from '../../gen/wheelhouse/common/v1/money.ts';
import { type Subscription, SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome, type SubscriptionChange } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import {
  CancelSubscriptionRequest,
  GetSubscriptionRequest,
  type GetSubscriptionResponse,
  ProvisionContractRequest,
  SubscriptionServiceService as Subscriptions,
} from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { type Trial, TrialStatus } from '../../gen/wheelhouse/subscription/v1/trial.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseCount,
  parseInteger,
  tell,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { type Column, enumNameOf, printRows, type Row, toPrintable } from './table.ts';

const COLUMNS: readonly Column[] = [
  ...[{ field: 'plan_code' }, { field: 'status' }, { field: 'price' }, { field: 'period_end' }],
  ...[{ field: 'cancel_time' }, { field: 'pending_plan_code' }, { field: 'trial' }, { field: 'consent_time' }],
];

const STATUS_NAMES: Readonly<Record<SubscriptionStatus, string>> = {
  [SubscriptionStatus.UNSPECIFIED]: '',
  [SubscriptionStatus.ACTIVE]: 'active',
  [SubscriptionStatus.RENEWAL_PENDING]: 'renewal_pending',
  [SubscriptionStatus.PAST_DUE]: 'past_due',
  [SubscriptionStatus.ENDED]: 'ended',
};

const TRIAL_STATUS_NAMES: Readonly<Record<TrialStatus, string>> = {
  [TrialStatus.UNSPECIFIED]: '',
  [TrialStatus.ACTIVE]: 'active',
  [TrialStatus.CANCELED]: 'canceled',
  [TrialStatus.ENDED]: 'ended',
};

interface ProvisionOptions extends WriteOptions {
  readonly price: bigint;
  readonly currency: string;
  readonly included: bigint;
  readonly months: bigint;
  readonly daysUntilDue: bigint;
  readonly billingEmail: string;
}

/** Adds the commands about subscriptions. */
export function addSubscriptionCommands(program: Command, streams: CommandStreams): void {
  const subscriptions = program.command('subscription').description('looks after subscriptions');
  addListOptions(subscriptions.command('show'))
    .description('shows what a workspace has: its plan, its subscription and its trial')
    .argument('<tenant>', "the workspace's id")
    .action(async (tenantId: string, { json = false }: OutputOptions) => {
      const request = GetSubscriptionRequest.fromPartial({ tenantId });
      const state = await withKernel(streams, (kernel) => kernel.ask(Subscriptions.getSubscription, request));
      printRows(streams.out, [toRow(state)], COLUMNS, json);
    });
  addWriteOptions(subscriptions.command('cancel'))
    .description('ends the subscription of a workspace with its period; nothing is paid back')
    .argument('<tenant>', "the workspace's id")
    .option('--at-once', 'ends it now')
    .action(async (tenantId: string, options: WriteOptions & { atOnce?: boolean }) => {
      const { atOnce = false } = options;
      const { change } = await write(streams, options, (kernel, by) =>
        kernel.ask(
          Subscriptions.cancelSubscription,
          CancelSubscriptionRequest.fromPartial({ tenantId, atOnce, ...by }),
        ),
      );
      tell(streams, options, toChangeFacts(change), describeChange(change));
    });
  addProvisionCommand(subscriptions, streams);
}

function addProvisionCommand(subscriptions: Command, streams: CommandStreams): void {
  addWriteOptions(subscriptions.command('provision'))
    .description('gives a workspace a plan by contract, with its own price and included credits')
    .argument('<tenant>', "the workspace's id")
    .argument('<plan>', 'the plan, such as enterprise')
    .requiredOption('--price <minor-units>', 'what a cycle costs, in minor units; 0 charges nothing', parseInteger)
    .requiredOption('--currency <code>', "the product's currency, such as usd")
    .requiredOption('--included <microcredits>', 'what each cycle grants, in microcredits', parseInteger)
    .addOption(numberOption('--months <number>', 'how many months a cycle has, 1 to 12', 1n))
    .addOption(
      numberOption(
        '--days-until-due <number>',
        'within how many days invoices are to be paid; 0 charges the card',
        30n,
      ),
    )
    .option('--billing-email <address>', 'where invoices are sent to; needed unless the card is charged', '')
    .action(async (tenantId: string, planCode: string, options: ProvisionOptions) => {
      const { price: minorUnits, currency: currencyCode, included, months, daysUntilDue, billingEmail } = options;
      const fields = {
        ...{ tenantId, planCode, price: { minorUnits, currencyCode } },
        includedMicrocreditsPerCycle: included,
        ...{ intervalMonths: Number(months), daysUntilDue: Number(daysUntilDue), billingEmail },
      };
      const { change } = await write(streams, options, (kernel, by) =>
        kernel.ask(Subscriptions.provisionContract, ProvisionContractRequest.fromPartial({ ...fields, ...by })),
      );
      tell(streams, options, toChangeFacts(change), describeChange(change));
    });
}

/** Tells the default in words: commander shows it as JSON, which has no such numbers. */
function numberOption(flags: string, description: string, value: bigint): Option {
  return new Option(flags, description).argParser(parseCount).default(value, `${value}`);
}

function toChangeFacts(change: SubscriptionChange | undefined): Row {
  const { outcome, actionUrl = '', planCode = '', subscription, replayed = false } = change ?? {};
  return {
    outcome: outcome === undefined ? '' : enumNameOf(ChangeOutcome, outcome),
    action_url: actionUrl,
    plan_code: planCode,
    ...toSubscriptionFields(subscription),
    replayed,
  };
}

/** Says what became of a change, in one line. */
function describeChange(change: SubscriptionChange | undefined): string {
  const { outcome, actionUrl = '', planCode = '', subscription, replayed = false } = change ?? {};
  const status =
    subscription === undefined ? 'no subscription' : `a subscription that is ${statusTextOf(subscription)}`;
  const state = `the workspace has the plan ${toPrintable(planCode)} and ${status}`;
  const before = replayed ? ' before; nothing changed now' : '';
  switch (outcome) {
    case ChangeOutcome.DONE:
      return `Done${before}: ${state}.`;
    case ChangeOutcome.ACTION_REQUIRED:
      return `Somebody has to act at ${toPrintable(actionUrl)}; until then ${state}.`;
    default:
      return `It is under way, and goes on by itself; now ${state}.`;
  }
}

function statusTextOf({ status, cancelTime }: Subscription): string {
  const ending = cancelTime === undefined ? '' : `, until ${cancelTime.toISOString()}`;
  return `${STATUS_NAMES[status] ?? 'unknown'}${ending}`;
}

function toRow({ planCode, subscription, trial, asOfTime }: GetSubscriptionResponse): Row {
  return {
    plan_code: planCode,
    ...toSubscriptionFields(subscription),
    ...toTrialFields(trial),
    as_of: asOfTime?.toISOString() ?? '',
  };
}

function toSubscriptionFields(subscription: Subscription | undefined): Row {
  return {
    stripe_subscription_id: subscription?.stripeSubscriptionId ?? '',
    subscription_plan_code: subscription?.planCode ?? '',
    status: subscription === undefined ? '' : (STATUS_NAMES[subscription.status] ?? 'unknown'),
    price: priceTextOf(subscription),
    included_microcredits_per_cycle: subscription?.includedMicrocreditsPerCycle.toString() ?? '',
    period_start: subscription?.periodStartTime?.toISOString() ?? '',
    period_end: subscription?.periodEndTime?.toISOString() ?? '',
    cancel_time: subscription?.cancelTime?.toISOString() ?? '',
    pending_plan_code: subscription?.pendingChange?.planCode ?? '',
    grace_end: subscription?.graceEndTime?.toISOString() ?? '',
    payment_failure_code: subscription?.paymentFailureCode ?? '',
    payment_url: subscription?.paymentUrl ?? '',
  };
}

function toTrialFields(trial: Trial | undefined): Row {
  return {
    trial: trial === undefined ? '' : (TRIAL_STATUS_NAMES[trial.status] ?? 'unknown'),
    trial_end: trial?.endTime?.toISOString() ?? '',
    consent_time: trial?.consentTime?.toISOString() ?? '',
  };
}

function priceTextOf(subscription: Subscription | undefined): string {
  if (subscription?.price === undefined) return '';
  const { minorUnits, currencyCode }: Money = subscription.price;
  const { interval, intervalCount } = subscription;
  const unit = interval === BillingInterval.YEAR ? 'year' : 'month';
  return `${minorUnits} ${currencyCode} / ${intervalCount === 1 ? unit : `${intervalCount} ${unit}s`}`;
}
