// Owns the operators' commands about purchases of credits: `topup list`, `show`, `cancel`. Does not own what becomes of them (the
// kernel).

import { type Command, InvalidArgumentError } from 'commander';
import { type TopUp, TopUpCause, TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import {
  CancelTopUpRequest,
  GetTopUpRequest,
  ListTopUpsRequest,
  TopUpServiceService as TopUps,
} from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseLimit,
  parseTime,
  readPages,
  tell,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { type Column, printRows, type Row } from './table.ts';

const PAGE_SIZE = 500;
const LIMIT_DEFAULT = 100;

const COLUMNS: readonly Column[] = [
  ...[{ field: 'top_up_id' }, { field: 'status' }, { field: 'price' }, { field: 'microcredits', isNumber: true }],
  ...[{ field: 'cause' }, { field: 'failure_code' }, { field: 'returned', isNumber: true }, { field: 'create_time' }],
];

const STATUS_NAMES: Readonly<Record<TopUpStatus, string>> = {
  [TopUpStatus.UNSPECIFIED]: '',
  [TopUpStatus.PENDING]: 'pending',
  [TopUpStatus.REQUIRES_PAYMENT_METHOD]: 'requires_payment_method',
  [TopUpStatus.REQUIRES_ACTION]: 'requires_action',
  [TopUpStatus.PROCESSING]: 'processing',
  [TopUpStatus.SUCCEEDED]: 'succeeded',
  [TopUpStatus.FAILED]: 'failed',
  [TopUpStatus.CANCELED]: 'canceled',
};

const CAUSE_NAMES: Readonly<Record<TopUpCause, string>> = {
  [TopUpCause.UNSPECIFIED]: '',
  [TopUpCause.PERSON]: 'person',
  [TopUpCause.AUTO]: 'auto',
};

const STATUSES = [
  ...[TopUpStatus.PENDING, TopUpStatus.REQUIRES_PAYMENT_METHOD, TopUpStatus.REQUIRES_ACTION, TopUpStatus.PROCESSING],
  ...[TopUpStatus.SUCCEEDED, TopUpStatus.FAILED, TopUpStatus.CANCELED],
].map((number) => ({ number, name: STATUS_NAMES[number] }));
const STATUS_LIST = STATUSES.map(({ name }) => name).join(', ');

interface TopUpListOptions extends OutputOptions {
  readonly status?: TopUpStatus;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

/** Adds the commands about top-ups. */
export function addTopUpCommands(program: Command, streams: CommandStreams): void {
  const topUps = program.command('topup').description('looks after purchases of credits');
  addListOptions(topUps.command('list'))
    .description('lists the top-ups of a workspace, the newest first')
    .argument('<tenant>', "the workspace's id")
    .option('--status <status>', `only those that stand so: ${STATUS_LIST}`, parseStatus)
    .option('--since <time>', 'only from a time on', parseTime)
    .option('--until <time>', 'only before a time', parseTime)
    .option('--limit <rows>', 'how many at most', parseLimit, LIMIT_DEFAULT)
    .action(async (tenantId: string, options: TopUpListOptions) => {
      const { status = TopUpStatus.UNSPECIFIED, since: startTime, until: endTime, limit, json = false } = options;
      const fields = { tenantId, status, startTime, endTime, pageSize: Math.min(limit, PAGE_SIZE) };
      const found = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const request = ListTopUpsRequest.fromPartial({ ...fields, pageToken });
          const { topUps: items, nextPageToken } = await kernel.ask(TopUps.listTopUps, request);
          return { items, nextPageToken };
        }, limit),
      );
      printRows(streams.out, found.map(toRow), COLUMNS, json);
    });
  addListOptions(topUps.command('show'))
    .description('shows a top-up; of one that is open Stripe is asked')
    .argument('<tenant>', "the workspace's id")
    .argument('<top-up>', "the top-up's id")
    .action(async (tenantId: string, topUpId: string, { json = false }: OutputOptions) => {
      const request = GetTopUpRequest.fromPartial({ tenantId, topUpId });
      const { topUp } = await withKernel(streams, (kernel) => kernel.ask(TopUps.getTopUp, request));
      printRows(streams.out, topUp === undefined ? [] : [toRow(topUp)], COLUMNS, json);
    });
  addWriteOptions(topUps.command('cancel'))
    .description('ends a top-up that was not paid: its page closes')
    .argument('<tenant>', "the workspace's id")
    .argument('<top-up>', "the top-up's id")
    .action(async (tenantId: string, topUpId: string, options: WriteOptions) => {
      const { topUp } = await write(streams, options, (kernel, by) =>
        kernel.ask(TopUps.cancelTopUp, CancelTopUpRequest.fromPartial({ tenantId, topUpId, ...by })),
      );
      const isCanceled = topUp?.status === TopUpStatus.CANCELED;
      const sentence = isCanceled ? 'It is canceled.' : 'It is being canceled, which goes on by itself.';
      tell(streams, options, topUp === undefined ? {} : toRow(topUp), sentence);
    });
}

function parseStatus(text: string): TopUpStatus {
  const status = STATUSES.find(({ name }) => name === text);
  if (status === undefined) throw new InvalidArgumentError(`give one of ${STATUS_LIST}.`);
  return status.number;
}

function toRow(topUp: TopUp): Row {
  const { price, status, cause } = topUp;
  return {
    top_up_id: topUp.topUpId,
    status: STATUS_NAMES[status] ?? 'unknown',
    price: price === undefined ? '' : `${price.minorUnits} ${price.currencyCode}`,
    microcredits: topUp.microcredits.toString(),
    cause: CAUSE_NAMES[cause] ?? 'unknown',
    use_stored_card: topUp.usesStoredCard,
    stripe_invoice_id: topUp.stripeInvoiceId,
    payment_intent_id: topUp.paymentIntentId,
    checkout_url: topUp.checkoutUrl,
    failure_code: topUp.failureCode,
    returned: topUp.returnedMinorUnits.toString(),
    create_time: topUp.createTime?.toISOString() ?? '',
    end_time: topUp.endTime?.toISOString() ?? '',
  };
}
