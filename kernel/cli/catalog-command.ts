// Owns the operators' commands about the catalog: `product`, `plan`, `policy` and `price`. Does not own what may be changed
// (the kernel says so).

import type { Command } from 'commander';
import {
  type ActionPriceRecord,
  CatalogAdminServiceService as Admin,
  ListActionPricesRequest,
  ListProductsRequest,
  RegisterProductRequest,
  UpdateProductRequest,
  UpsertPlanPolicyRequest,
  UpsertPlanRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import {
  CatalogServiceService,
  ListPlansRequest,
  SetActionPriceRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { BillingInterval, type Plan, PlanSource } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { PastDueEnd, type PlanPolicy, TrialEndBehaviour } from '../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import type { Product } from '../../gen/wheelhouse/catalog/v1/product.ts';
import { contractNameOf, POLICY_FIELDS } from '../domain/plan-policy.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseInteger,
  parseLimit,
  parseTime,
  readPages,
  tellOnce,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { parseAssignments } from './policy-assignment.ts';
import { printRows, type Row } from './table.ts';

const PAGE_SIZE = 1_000;
const NONE = 'none';

/** Adds the commands about the catalog. */
export function addCatalogCommands(program: Command, streams: CommandStreams): void {
  addProductCommands(program.command('product').description('registers, changes and lists products'), streams);
  addPlanCommands(program.command('plan').description('keeps plans that Stripe does not sell, and lists all'), streams);
  addPolicyCommands(program.command('policy').description('shows and sets what plans allow'), streams);
  addPriceCommands(program.command('price').description('sets and lists what actions cost'), streams);
}

interface ProductOptions extends WriteOptions {
  readonly name?: string;
  readonly currency?: string;
  readonly fallbackPlan?: string;
  readonly onboardingPlan?: string;
  readonly unpinOnboarding?: boolean;
}

function addProductCommands(product: Command, streams: CommandStreams): void {
  addWriteOptions(product.command('register <product>'))
    .description('registers a product')
    .requiredOption('--name <name>', 'the name that people see')
    .requiredOption('--currency <code>', 'its currency, such as usd; never changes')
    .option('--fallback-plan <plan>', 'the plan of workspaces that have no other', 'free')
    .action(async (productCode: string, options: ProductOptions) => {
      const { name = '', currency: currencyCode = '', fallbackPlan: fallbackPlanCode = '' } = options;
      const fields = { productCode, displayName: name, currencyCode, fallbackPlanCode };
      const { replayed } = await write(streams, options, (kernel, request) =>
        kernel.ask(Admin.registerProduct, RegisterProductRequest.fromPartial({ ...request, ...fields })),
      );
      tellOnce(streams, options, { product: productCode, replayed }, `Registered the product ${productCode}`);
    });
  addWriteOptions(product.command('set <product>'))
    .description('changes a product, and names the plan that new workspaces start on')
    .option('--name <name>', 'the name that people see')
    .option('--fallback-plan <plan>', 'the plan of workspaces that have no other')
    .option('--onboarding-plan <plan>', 'the plan that new workspaces start on; none: the fallback plan')
    .option('--unpin-onboarding', 'lets a sync name the onboarding plan again')
    .action(async (productCode: string, options: ProductOptions) => {
      const { replayed } = await write(streams, options, (kernel, request) =>
        kernel.ask(Admin.updateProduct, toUpdate(productCode, options, request)),
      );
      tellOnce(streams, options, { product: productCode, replayed }, `Changed the product ${productCode}`);
    });
  addListOptions(product.command('list'))
    .description('lists products')
    .action(async ({ json = false }: OutputOptions) => {
      const products = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const request = ListProductsRequest.fromPartial({ pageSize: PAGE_SIZE, pageToken });
          const page = await kernel.ask(Admin.listProducts, request);
          return { items: page.products, nextPageToken: page.nextPageToken };
        }),
      );
      const columns = ['product', 'name', 'currency', 'fallback_plan', 'onboarding_plan', 'onboarding_pinned'];
      printRows(
        streams.out,
        products.map(toProductRow),
        columns.map((field) => ({ field })),
        json,
      );
    });
}

function toUpdate(productCode: string, options: ProductOptions, request: object): UpdateProductRequest {
  const { name, fallbackPlan, onboardingPlan, unpinOnboarding = false } = options;
  const updateMask = [
    ...(name === undefined ? [] : ['display_name']),
    ...(fallbackPlan === undefined ? [] : ['fallback_plan_code']),
    ...(onboardingPlan === undefined ? [] : ['onboarding_plan_code']),
    ...(unpinOnboarding ? ['onboarding_pinned'] : []),
  ];
  if (updateMask.length === 0)
    throw new Error('Say what changes: --name, --fallback-plan, --onboarding-plan or --unpin-onboarding.');
  const onboardingPlanCode = onboardingPlan === NONE ? '' : (onboardingPlan ?? '');
  const product = { productCode, displayName: name ?? '', fallbackPlanCode: fallbackPlan ?? '', onboardingPlanCode };
  return UpdateProductRequest.fromPartial({ ...request, product, updateMask });
}

function toProductRow(product: Product): Row {
  return {
    product: product.productCode,
    name: product.displayName,
    currency: product.currencyCode,
    fallback_plan: product.fallbackPlanCode,
    onboarding_plan: product.onboardingPlanCode,
    onboarding_pinned: product.onboardingPinned,
    registered: product.createTime?.toISOString() ?? '',
  };
}

interface PlanOptions extends WriteOptions {
  readonly name: string;
  readonly price?: bigint;
  readonly archived?: boolean;
}

interface PlanListOptions extends OutputOptions {
  readonly product?: string;
  readonly archived?: boolean;
}

function addPlanCommands(plan: Command, streams: CommandStreams): void {
  addWriteOptions(plan.command('set <product> <plan>'))
    .description('creates or changes a plan that Stripe does not sell, such as free or enterprise')
    .requiredOption('--name <name>', 'the name that people see')
    .option('--price <minor-units>', 'what it costs, 0 for free (default: sold by contract)', parseInteger)
    .option('--archived', 'the plan is no longer sold')
    .action(async (productCode: string, planCode: string, options: PlanOptions) => {
      const { name: productName, price: priceMinorUnits, archived = false } = options;
      const fields = { productCode, planCode, productName, priceMinorUnits, archived };
      const { replayed } = await write(streams, options, (kernel, request) =>
        kernel.ask(Admin.upsertPlan, UpsertPlanRequest.fromPartial({ ...request, ...fields })),
      );
      const facts = { product: productCode, plan: planCode, replayed };
      tellOnce(streams, options, facts, `Set the plan ${productCode}/${planCode}`);
    });
  addListOptions(plan.command('list'))
    .description('lists plans')
    .option('--product <product>', 'only those of one product')
    .option('--archived', 'also those that are no longer sold')
    .action(async ({ product: productCode = '', archived: includeArchived = false, json = false }: PlanListOptions) => {
      const plans = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const fields = { productCode, includeArchived, pageSize: PAGE_SIZE, pageToken };
          const page = await kernel.ask(CatalogServiceService.listPlans, ListPlansRequest.fromPartial(fields));
          return { items: page.plans, nextPageToken: page.nextPageToken };
        }),
      );
      const columns = [
        'product',
        'plan',
        'name',
        'price',
        'interval',
        'rank',
        'included',
        'onboarding_default',
        'source',
      ];
      const numbers = ['price', 'rank', 'included'];
      const shown = [...columns, ...(includeArchived ? ['archived'] : [])];
      const rows = plans.map(toPlanRow);
      printRows(
        streams.out,
        rows,
        shown.map((field) => ({ field, isNumber: numbers.includes(field) })),
        json,
      );
    });
}

function toPlanRow(plan: Plan): Row {
  const { price, interval } = plan;
  const unit = { [BillingInterval.MONTH]: 'month', [BillingInterval.YEAR]: 'year', [BillingInterval.UNSPECIFIED]: '' };
  return {
    product: plan.productCode,
    plan: plan.planCode,
    name: plan.productName,
    price: price === undefined ? null : `${price.minorUnits} ${price.currencyCode}`,
    interval: plan.intervalCount > 1 ? `${plan.intervalCount} ${unit[interval]}s` : unit[interval],
    rank: plan.rank,
    included: String(plan.includedMicrocreditsPerCycle),
    onboarding_default: plan.onboardingDefault,
    source: plan.source === PlanSource.STRIPE ? 'stripe' : 'operator',
    archived: plan.archived,
    stripe_price_id: plan.stripePriceId ?? null,
  };
}

function addPolicyCommands(policy: Command, streams: CommandStreams): void {
  addListOptions(policy.command('show <product> <plan>'))
    .description('shows what a plan allows, and what operators have pinned')
    .action(async (productCode: string, planCode: string, { json = false }: OutputOptions) => {
      const { policy: found } = await withKernel(streams, (kernel) =>
        kernel.ask(Admin.getPlanPolicy, { productCode, planCode }),
      );
      if (found === undefined) throw new Error('The kernel answered without a policy.');
      printRows(
        streams.out,
        toPolicyRows(found),
        ['field', 'value', 'pinned'].map((field) => ({ field })),
        json,
      );
    });
  addWriteOptions(policy.command('set <product> <plan> [field=value...]'))
    .description(
      'sets fields of a policy, and pins them: a sync leaves them. A value may be none; lists go with commas',
    )
    .option('--unpin <field...>', 'fields that a sync may set again')
    .action(
      async (
        productCode: string,
        planCode: string,
        assignments: readonly string[],
        options: WriteOptions & { readonly unpin?: string[] },
      ) => {
        const { policy: change, updateMask } = parseAssignments(assignments);
        const unpinFields = options.unpin ?? [];
        const { replayed } = await write(streams, options, (kernel, request) => {
          const fields = { policy: { ...change, productCode, planCode }, updateMask, unpinFields };
          return kernel.ask(Admin.upsertPlanPolicy, UpsertPlanPolicyRequest.fromPartial({ ...request, ...fields }));
        });
        const done = [
          ...(updateMask.length > 0 ? [`set and pinned ${updateMask.join(', ')}`] : []),
          ...(unpinFields.length > 0 ? [`unpinned ${unpinFields.join(', ')}`] : []),
        ];
        const facts = { product: productCode, plan: planCode, set: updateMask, unpinned: unpinFields, replayed };
        tellOnce(streams, options, facts, `Changed the policy of ${productCode}/${planCode}: ${done.join('; ')}`);
      },
    );
}

function toPolicyRows(policy: PlanPolicy): readonly Row[] {
  const rows = POLICY_FIELDS.map((field): Row => {
    const name = contractNameOf(field);
    return { field: name, value: toPolicyText(policy, field), pinned: policy.pinnedFields.includes(name) };
  });
  return [...rows, { field: 'onboarding_default', value: String(policy.onboardingDefault), pinned: false }];
}

function toPolicyText(policy: PlanPolicy, field: (typeof POLICY_FIELDS)[number]): string {
  switch (field) {
    case 'trialEndBehaviour':
      return policy.trialEndBehaviour === TrialEndBehaviour.FALLBACK ? 'fallback' : 'convert_or_fallback';
    case 'pastDueEnd':
      return policy.pastDueEnd === PastDueEnd.KEEP ? 'keep' : 'fallback';
    case 'paygPackages':
      return (
        policy.paygPackages.map(({ minorUnits, microcredits }) => `${minorUnits}:${microcredits}`).join(' ') || NONE
      );
    case 'creditGates':
      return policy.creditGates.join(' ') || NONE;
    default:
      return policy[field] === '' ? NONE : String(policy[field] ?? NONE);
  }
}

interface PriceOptions extends WriteOptions {
  readonly plan?: string;
  readonly tenant?: string;
  readonly microcredits?: bigint;
  readonly unit?: string;
  readonly from?: Date;
  readonly endOverride?: boolean;
}

interface PriceListOptions extends OutputOptions {
  readonly action?: string;
  readonly plan?: string;
  readonly tenant?: string;
  readonly limit: number;
}

function addPriceCommands(price: Command, streams: CommandStreams): void {
  addWriteOptions(price.command('set <product> <action>'))
    .description("sets what an action costs: the product's default, or an override of one plan or tenant")
    .option('--plan <plan>', 'makes it the override of one plan')
    .option('--tenant <id>', 'makes it the override of one tenant')
    .option('--microcredits <number>', 'the price of one unit; 0: free', parseInteger)
    .option('--unit <name>', 'the unit, such as step')
    .option('--from <time>', 'when it takes effect (default: now)', parseTime)
    .option('--end-override', 'ends an override: the next rule holds again')
    .action(async (productCode: string, action: string, options: PriceOptions) => {
      const { plan: planCode = '', tenant: tenantId = '', microcredits: microcreditsPerUnit, unit = '' } = options;
      const fields = {
        productCode,
        action,
        planCode,
        tenantId,
        microcreditsPerUnit,
        unit,
        effectiveTime: options.from,
      };
      const { replayed, actionPrice } = await write(streams, options, (kernel, request) => {
        const message = { ...request, ...fields, endsOverride: options.endOverride ?? false };
        return kernel.ask(CatalogServiceService.setActionPrice, SetActionPriceRequest.fromPartial(message));
      });
      const from = actionPrice?.effectiveTime?.toISOString() ?? 'now';
      const facts = { product: productCode, action, plan: planCode, tenant_id: tenantId, from, replayed };
      tellOnce(streams, options, facts, `Set the price of ${productCode}/${action} from ${from} on`);
    });
  addListOptions(price.command('list <product>'))
    .description('lists prices as they were set, the newest first')
    .option('--action <action>', 'only those of one action')
    .option('--plan <plan>', 'only overrides of one plan')
    .option('--tenant <id>', 'only overrides of one tenant')
    .option('--limit <rows>', 'how many rows at most', parseLimit, 100)
    .action(async (productCode: string, options: PriceListOptions) => {
      const { action = '', plan: planCode = '', tenant: tenantId = '', limit, json = false } = options;
      const fields = { productCode, action, planCode, tenantId, pageSize: limit };
      const records = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const request = ListActionPricesRequest.fromPartial({ ...fields, pageToken });
          const page = await kernel.ask(Admin.listActionPrices, request);
          return { items: page.actionPrices, nextPageToken: page.nextPageToken };
        }, limit),
      );
      const columns = ['action', 'for', 'microcredits', 'unit', 'from', 'until', 'actor', 'reason'];
      const rows = records.map(toPriceRow);
      printRows(
        streams.out,
        rows,
        columns.map((field) => ({ field, isNumber: field === 'microcredits' })),
        json,
      );
    });
}

function toPriceRow(record: ActionPriceRecord): Row {
  const { actionPrice, planCode, tenantId, endsOverride, supersededTime, actor, reason, createTime } = record;
  return {
    action: actionPrice?.action ?? '',
    for: planCode === '' ? tenantId || 'default' : `plan ${planCode}`,
    microcredits: endsOverride ? 'ends' : String(actionPrice?.microcreditsPerUnit ?? ''),
    unit: actionPrice?.unit ?? '',
    from: actionPrice?.effectiveTime?.toISOString() ?? '',
    until: supersededTime?.toISOString() ?? '',
    actor,
    reason,
    set: createTime?.toISOString() ?? '',
  };
}
