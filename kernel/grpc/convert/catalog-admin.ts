// Owns the translation of what operators do to products and plans.

import type {
  ActionPriceRecord as ActionPriceRecordMessage,
  GetPlanPolicyRequest,
  ListActionPricesRequest,
  RegisterProductRequest,
  UpdateProductRequest,
  UpsertPlanRequest,
} from '../../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import type { Product as ProductMessage } from '../../../gen/wheelhouse/catalog/v1/product.ts';
import type { PriceFilter, PriceRecord, Product } from '../../app/catalog/ports.ts';
import type { RegisterProductInput, UpdateProductInput, UpsertPlanInput } from '../../app/operator/catalog-admin.ts';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { FALLBACK_PLAN_DEFAULT } from '../../domain/plan-policy.ts';
import { toProtoPriceRow } from './action-price.ts';
import { FieldCheck, quote } from './field-check.ts';
import { checkOperator } from './operator.ts';

const CODE = /^[a-z][a-z0-9_-]{0,62}$/;
const DISPLAY_NAME_LENGTH_MAX = 100;
const PAGE_SIZE_DEFAULT = 100;
const TOKEN = /^[A-Za-z0-9_-]*$/;

/** Every currency that this runtime knows by ISO 4217, in lower case. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency').map((code) => code.toLowerCase()));

/** A checked write of an operator to the catalog. */
export interface CatalogWrite<Input> {
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
  readonly input: Input;
}

/** Checks a request to register a product. Throws DomainError INVALID_FIELD. */
export function fromProtoRegisterProduct(request: RegisterProductRequest): CatalogWrite<RegisterProductInput> {
  const check = new FieldCheck();
  const fallback = request.fallbackPlanCode === '' ? FALLBACK_PLAN_DEFAULT : request.fallbackPlanCode;
  const write = {
    requestId: check.requestId(request.requestId),
    ...checkOperator(check, request),
    input: {
      productCode: checkCode(check, 'product_code', request.productCode) as ProductCode,
      displayName: checkName(check, 'display_name', request.displayName),
      fallbackPlanCode: checkCode(check, 'fallback_plan_code', fallback) as PlanCode,
      currency: checkCurrency(check, request.currencyCode),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request to change a product. Throws DomainError INVALID_FIELD. */
export function fromProtoUpdateProduct(request: UpdateProductRequest): CatalogWrite<UpdateProductInput> {
  const check = new FieldCheck();
  const product = request.product ?? EMPTY_PRODUCT;
  const mask = checkProductMask(check, request.updateMask ?? [], product);
  const productCode = check.id('product.product_code', product.productCode, true) as ProductCode;
  const onboarding = product.onboardingPlanCode;
  const write = {
    requestId: check.requestId(request.requestId),
    ...checkOperator(check, request),
    input: {
      productCode,
      ...(mask.has('display_name')
        ? { displayName: checkName(check, 'product.display_name', product.displayName) }
        : {}),
      ...(mask.has('fallback_plan_code')
        ? { fallbackPlanCode: check.id('product.fallback_plan_code', product.fallbackPlanCode, true) as PlanCode }
        : {}),
      ...(mask.has('onboarding_plan_code')
        ? { onboardingPlanCode: onboarding === '' ? null : (onboarding as PlanCode) }
        : {}),
      ...(mask.has('onboarding_pinned') ? { unpinOnboarding: true as const } : {}),
    },
  };
  check.assertValid();
  return write;
}

const PRODUCT_FIELDS = ['display_name', 'fallback_plan_code', 'onboarding_plan_code', 'onboarding_pinned'];
const EMPTY_PRODUCT: ProductMessage = {
  ...{ productCode: '', displayName: '', fallbackPlanCode: '', onboardingPlanCode: '', currencyCode: '' },
  ...{ onboardingPinned: false, createTime: undefined },
};

function checkProductMask(check: FieldCheck, paths: readonly string[], product: ProductMessage): ReadonlySet<string> {
  const mask = new Set(paths);
  if (mask.size === 0) check.refuse('update_mask', `is required: name ${PRODUCT_FIELDS.join(', ')}`);
  for (const path of mask) {
    if (!PRODUCT_FIELDS.includes(path)) {
      check.refuse('update_mask', `names ${quote(path)}, but only ${PRODUCT_FIELDS.join(', ')} can change`);
    }
  }
  if (mask.has('onboarding_pinned')) {
    const field = 'product.onboarding_pinned';
    if (product.onboardingPinned) check.refuse(field, 'can only become false: naming the onboarding plan pins it');
    if (mask.has('onboarding_plan_code')) check.refuse(field, 'must not change together with onboarding_plan_code');
  }
  return mask;
}

/** Checks a request for a plan that Stripe does not sell. Throws DomainError INVALID_FIELD. */
export function fromProtoUpsertPlan(request: UpsertPlanRequest): CatalogWrite<UpsertPlanInput> {
  const check = new FieldCheck();
  const { priceMinorUnits } = request;
  if (priceMinorUnits !== undefined && (priceMinorUnits < 0n || priceMinorUnits > MICROCREDITS_MAX)) {
    check.refuse('price_minor_units', `must be 0 to ${MICROCREDITS_MAX} (2^53 - 1), got ${priceMinorUnits}`);
  }
  const write = {
    requestId: check.requestId(request.requestId),
    ...checkOperator(check, request),
    input: {
      productCode: check.id('product_code', request.productCode, true) as ProductCode,
      planCode: checkCode(check, 'plan_code', request.planCode) as PlanCode,
      productName: checkName(check, 'product_name', request.productName),
      ...present({ priceMinorUnits }),
      archived: request.archived,
    },
  };
  check.assertValid();
  return write;
}

/** Checks which plan a request is about. Throws DomainError INVALID_FIELD. */
export function fromProtoPlanKey(request: GetPlanPolicyRequest): {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
} {
  const check = new FieldCheck();
  const key = {
    productCode: check.id('product_code', request.productCode, true) as ProductCode,
    planCode: check.id('plan_code', request.planCode, true) as PlanCode,
  };
  check.assertValid();
  return key;
}

/** Checks which product a request is about. Throws DomainError INVALID_FIELD. */
export function fromProtoProductKey(request: { readonly productCode: string }): ProductCode {
  const check = new FieldCheck();
  const productCode = check.id('product_code', request.productCode, true) as ProductCode;
  check.assertValid();
  return productCode;
}

/** A checked request for a page. */
export interface PageQuery {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Checks a request for a page whose token is a text of ours. Throws DomainError INVALID_FIELD. */
export function fromProtoPage(request: PageQuery): { readonly limit: number; readonly after: string | undefined } {
  const check = new FieldCheck();
  const limit = check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT);
  const token = check.pageToken(request.pageToken);
  if (!TOKEN.test(token)) check.refuse('page_token', 'is not a token of this list: repeat the call without it');
  check.assertValid();
  return { limit, after: token === '' ? undefined : Buffer.from(token, 'base64url').toString('utf8') };
}

/** Writes the token of the page that comes after a place; empty at the end of the list. */
export function toProtoPageToken(place: string | undefined): string {
  return place === undefined ? '' : Buffer.from(place).toString('base64url');
}

/** Checks a request for prices as they were set. Throws DomainError INVALID_FIELD. */
export function fromProtoListActionPrices(request: ListActionPricesRequest): PriceFilter {
  const check = new FieldCheck();
  const filter = {
    productCode: check.id('product_code', request.productCode, true) as ProductCode,
    ...present({
      action: check.optionalId('action', request.action),
      planCode: check.optionalId('plan_code', request.planCode) as PlanCode | undefined,
      tenantId: check.optionalId('tenant_id', request.tenantId) as TenantId | undefined,
    }),
  };
  check.assertValid();
  return filter;
}

export function toProtoPriceRecord({
  row,
  supersededAt,
  actor,
  reason,
  createdAt,
}: PriceRecord): ActionPriceRecordMessage {
  return {
    actionPrice: toProtoPriceRow(row),
    planCode: row.planCode ?? '',
    tenantId: row.tenantId ?? '',
    endsOverride: row.endsOverride === true,
    supersededTime: supersededAt === undefined ? undefined : new Date(supersededAt),
    actor,
    reason,
    createTime: new Date(createdAt),
  };
}

export function toProtoProduct(product: Product): ProductMessage {
  return {
    productCode: product.productCode,
    displayName: product.displayName,
    fallbackPlanCode: product.fallbackPlanCode,
    onboardingPlanCode: product.onboardingPlanCode ?? '',
    onboardingPinned: product.onboardingPinned,
    currencyCode: product.currency,
    createTime: new Date(product.createdAt),
  };
}

function checkCode(check: FieldCheck, field: string, value: string): string {
  if (value === '') check.refuse(field, 'is required');
  else if (!CODE.test(value)) {
    check.refuse(field, `must be 1 to 63 characters of a-z 0-9 _ -, beginning with a letter, got ${quote(value)}`);
  }
  return value;
}

function checkName(check: FieldCheck, field: string, value: string): string {
  return check.text(field, value, { required: true, lengthMax: DISPLAY_NAME_LENGTH_MAX });
}

/** Checks a currency; answers it in lower case. */
export function checkCurrency(check: FieldCheck, value: string, field = 'currency_code'): string {
  const code = value.toLowerCase();
  if (code === '') check.refuse(field, 'is required: an ISO 4217 code such as usd');
  else if (!CURRENCIES.has(code)) {
    check.refuse(field, `must be an ISO 4217 code such as usd, eur or jpy, got ${quote(value)}`);
  }
  return code;
}
