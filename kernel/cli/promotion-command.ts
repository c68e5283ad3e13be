// Owns the operators' commands about promotions: `promotion create`, `revoke`, `list`, `show`. Does not own who may redeem one (the
// kernel).

import type { Command } from 'commander';
import type { Promotion } from '../../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  CreatePromotionRequest,
  GetPromotionRequest,
  ListPromotionsRequest,
  PromotionAdminServiceService as Promotions,
  RevokePromotionRequest,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseCount,
  parseInteger,
  parseTime,
  readPages,
  tell,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { type Column, printRows, type Row, toPrintable } from './table.ts';

const PAGE_SIZE = 500;

const COLUMNS: readonly Column[] = [
  ...[{ field: 'code' }, { field: 'gives' }, { field: 'start_time' }, { field: 'end_time' }],
  ...[{ field: 'max_redemptions', isNumber: true }, { field: 'new_customers_only' }, { field: 'plan_codes' }],
  { field: 'revoke_time' },
];
const SHOWN_COLUMNS: readonly Column[] = [...COLUMNS, { field: 'redemption_count', isNumber: true }];

interface CreateOptions extends WriteOptions {
  readonly credit?: bigint;
  readonly expiresAfterDays?: bigint;
  readonly discount?: string | true;
  readonly start?: Date;
  readonly end?: Date;
  readonly max?: bigint;
  readonly newCustomersOnly?: boolean;
  readonly plan?: readonly string[];
}

/** Adds the commands about promotions. */
export function addPromotionCommands(program: Command, streams: CommandStreams): void {
  const promotions = program.command('promotion').description('looks after the codes that people bring');
  addCreateCommand(promotions, streams);
  addWriteOptions(promotions.command('revoke'))
    .description('ends a promotion: nobody redeems its code any more; what was redeemed stays')
    .argument('<product>', 'the product')
    .argument('<code>', 'the code, in any case')
    .action(async (productCode: string, code: string, options: WriteOptions) => {
      const request = { productCode, code };
      const { promotion, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(Promotions.revokePromotion, RevokePromotionRequest.fromPartial({ ...request, ...by })),
      );
      const since = promotion?.revokeTime?.toISOString() ?? '';
      const before = replayed ? ' before; nothing changed now' : '';
      const facts = { ...(promotion === undefined ? {} : toRow(promotion)), replayed };
      tell(streams, options, facts, `Done${before}: ${toPrintable(promotion?.code ?? code)} is over since ${since}.`);
    });
  addListOptions(promotions.command('list'))
    .description('lists the promotions of a product by their codes, those that are over too')
    .argument('<product>', 'the product')
    .action(async (productCode: string, { json = false }: OutputOptions) => {
      printRows(streams.out, (await listPromotions(streams, productCode)).map(toRow), COLUMNS, json);
    });
  addListOptions(promotions.command('show'))
    .description('shows one promotion, and how often it was redeemed')
    .argument('<product>', 'the product')
    .argument('<code>', 'the code, in any case')
    .action(async (productCode: string, code: string, { json = false }: OutputOptions) => {
      const request = GetPromotionRequest.fromPartial({ productCode, code });
      const found = await withKernel(streams, (kernel) => kernel.ask(Promotions.getPromotion, request));
      const rows = found.promotion === undefined ? [] : [toRow(found.promotion)];
      const counted = rows.map((row) => ({ ...row, redemption_count: found.redemptionCount }));
      printRows(streams.out, counted, SHOWN_COLUMNS, json);
    });
}

function addCreateCommand(promotions: Command, streams: CommandStreams): void {
  addWriteOptions(promotions.command('create'))
    .description(
      'makes a promotion that gives credits (--credit) or a discount (--discount); its code stands for it for ever',
    )
    .argument('<product>', 'the product whose workspaces may bring the code')
    .argument('<code>', 'what people will type: 3 to 64 characters of A-Z 0-9 _ -')
    .option('--credit <microcredits>', 'how much it gives, in microcredits', parseInteger)
    .option('--expires-after-days <number>', 'after how many days its credits expire (default: never)', parseCount)
    .option('--discount [stripe-code]', 'the promotion code at Stripe that says what it takes off (default: the code)')
    .option('--start <time>', 'from when on it may be redeemed (default: now)', parseTime)
    .option('--end <time>', 'from when on it may be redeemed no more (default: never)', parseTime)
    .option('--max <number>', 'by how many workspaces it may be redeemed (default: 1000000)', parseCount)
    .option('--new-customers-only', 'only workspaces that never had a subscription and never paid for credits')
    .option('--plan <code...>', 'only workspaces that have one of these plans')
    .action(async (productCode: string, code: string, options: CreateOptions) => {
      const fields = toFields(options);
      const { promotion } = await write(streams, options, (kernel, by) =>
        kernel.ask(
          Promotions.createPromotion,
          CreatePromotionRequest.fromPartial({ productCode, code, ...fields, ...by }),
        ),
      );
      printRows(streams.out, promotion === undefined ? [] : [toRow(promotion)], COLUMNS, options.json === true);
    });
}

function toFields(options: CreateOptions): Partial<CreatePromotionRequest> {
  const {
    credit,
    expiresAfterDays = 0n,
    discount,
    start,
    end,
    max = 0n,
    newCustomersOnly = false,
    plan = [],
  } = options;
  const expiry = { expiresAfterDays: Number(expiresAfterDays) };
  return {
    ...(credit === undefined ? {} : { credit: { microcredits: credit, ...expiry } }),
    ...(discount === undefined ? {} : { discount: { stripePromotionCode: discount === true ? '' : discount } }),
    ...{ startTime: start, endTime: end, maxRedemptions: Number(max), newCustomersOnly, planCodes: [...plan] },
  };
}

function listPromotions(streams: CommandStreams, productCode: string): Promise<readonly Promotion[]> {
  return withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListPromotionsRequest.fromPartial({ productCode, pageSize: PAGE_SIZE, pageToken });
      const { promotions: items, nextPageToken } = await kernel.ask(Promotions.listPromotions, request);
      return { items, nextPageToken };
    }),
  );
}

function toRow(promotion: Promotion): Row {
  return {
    promotion_id: promotion.promotionId,
    product_code: promotion.productCode,
    code: promotion.code,
    gives: giftOf(promotion),
    start_time: promotion.startTime?.toISOString() ?? '',
    end_time: promotion.endTime?.toISOString() ?? '',
    max_redemptions: promotion.maxRedemptions,
    new_customers_only: promotion.newCustomersOnly,
    plan_codes: promotion.planCodes,
    create_time: promotion.createTime?.toISOString() ?? '',
    revoke_time: promotion.revokeTime?.toISOString() ?? '',
  };
}

function giftOf({ credit, discount }: Promotion): string {
  if (credit === undefined) return `the discount ${discount?.stripePromotionCode ?? ''} of Stripe`;
  const expiry = credit.expiresAfterDays === 0 ? '' : ` for ${credit.expiresAfterDays} days`;
  return `${credit.microcredits} microcredits${expiry}`;
}
