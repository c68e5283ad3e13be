// Owns the translation of what a sync of the catalog finds.

import {
  BadRowReason as BadRowReasonMessage,
  PlanChangeKind,
  type PlanChange as PlanChangeMessage,
  type SyncCatalogRequest,
  SyncCatalogResponse,
  type SyncSummary,
} from '../../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import type { SyncProgress, SyncReport } from '../../app/catalog-sync/catalog-sync.ts';
import { computeSyncFigures } from '../../app/catalog-sync/operator-sync.ts';
import type { SyncFigures } from '../../app/catalog-sync/ports.ts';
import type { RowChange, RowChangeKind } from '../../domain/catalog-diff.ts';
import type { BadRowReason } from '../../domain/plan-metadata.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';

/** How many things one message tells: far below what a client takes by default. */
const ITEMS_PER_MESSAGE = 200;

const KINDS: Readonly<Record<RowChangeKind, PlanChangeKind>> = {
  added: PlanChangeKind.ADDED,
  updated: PlanChangeKind.UPDATED,
  archived: PlanChangeKind.ARCHIVED,
  restored: PlanChangeKind.RESTORED,
};

const REASONS: Readonly<Record<BadRowReason, BadRowReasonMessage>> = {
  metadata_missing: BadRowReasonMessage.METADATA_MISSING,
  metadata_malformed: BadRowReasonMessage.METADATA_MALFORMED,
  product_unknown: BadRowReasonMessage.PRODUCT_UNKNOWN,
  price_ambiguous: BadRowReasonMessage.PRICE_AMBIGUOUS,
  currency_unknown: BadRowReasonMessage.CURRENCY_UNKNOWN,
  currency_mismatch: BadRowReasonMessage.CURRENCY_MISMATCH,
  credits_negative: BadRowReasonMessage.CREDITS_NEGATIVE,
  price_unsupported: BadRowReasonMessage.PRICE_UNSUPPORTED,
  onboarding_default_taken: BadRowReasonMessage.ONBOARDING_DEFAULT_TAKEN,
  fallback_plan_gone: BadRowReasonMessage.FALLBACK_PLAN_GONE,
  onboarding_plan_gone: BadRowReasonMessage.ONBOARDING_PLAN_GONE,
  plan_of_operator: BadRowReasonMessage.PLAN_OF_OPERATOR,
  fallback_plan_priced: BadRowReasonMessage.FALLBACK_PLAN_PRICED,
};

/** A checked request for a sync. */
export interface SyncCatalogInput {
  readonly requestId: string;
  readonly dryRun: boolean;
  readonly actor: string;
  readonly reason: string;
}

/** Checks a request for a sync. Throws DomainError INVALID_FIELD. */
export function fromProtoSyncCatalog(request: SyncCatalogRequest): SyncCatalogInput {
  const check = new FieldCheck();
  const input = {
    requestId: check.requestId(request.requestId),
    dryRun: request.dryRun,
    ...checkOperator(check, request),
  };
  check.assertValid();
  return input;
}

export function toProtoSyncProgress(progress: SyncProgress): SyncCatalogResponse {
  return SyncCatalogResponse.fromPartial(toProgressFields(progress));
}

/** Translates a report into as many messages as it takes; the last one has the summary. */
export function* toProtoSyncReport(report: SyncReport, progress: SyncProgress): Generator<SyncCatalogResponse> {
  const fields = toProgressFields(progress);
  const lists = [
    cut(report.changes, (items) => ({ changes: items.map(toProtoPlanChange) })),
    cut(report.onboarding, (items) => ({ onboardingChanges: items.map(toProtoOnboardingChange) })),
    cut(report.badRows, (items) => ({ badRows: items.map((row) => ({ ...row, reason: REASONS[row.reason] })) })),
    cut(report.pinned, (items) => ({ pinnedDifferences: items.map(toProtoPinnedDifference) })),
  ];
  for (const part of lists.flat()) yield SyncCatalogResponse.fromPartial({ ...fields, ...part });
  yield SyncCatalogResponse.fromPartial({ ...fields, summary: toProtoSummary(computeSyncFigures(report)) });
}

/** Translates what an earlier call of the same request came to. */
export function toProtoSyncReplay(figures: SyncFigures): SyncCatalogResponse {
  const pricesRead = BigInt(figures.pricesRead);
  return SyncCatalogResponse.fromPartial({ pricesRead, summary: toProtoSummary(figures), replayed: true });
}

function toProtoSummary({ pricesRead, changed, unchanged, ignored, badRows }: SyncFigures): SyncSummary {
  return {
    pricesRead: BigInt(pricesRead),
    unchangedPlans: BigInt(unchanged),
    ignoredPrices: BigInt(ignored),
    changedPlans: BigInt(changed),
    badRows: BigInt(badRows),
  };
}

type Part = Partial<SyncCatalogResponse>;

function cut<Item>(items: readonly Item[], translate: (items: readonly Item[]) => Part): readonly Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < items.length; from += ITEMS_PER_MESSAGE) {
    parts.push(translate(items.slice(from, from + ITEMS_PER_MESSAGE)));
  }
  return parts;
}

function toProgressFields({ pricesRead, rowsWritten, rowsToWrite }: SyncProgress): Part {
  return {
    pricesRead: BigInt(pricesRead),
    plansWritten: BigInt(rowsWritten),
    ...(rowsToWrite === undefined ? {} : { plansToWrite: BigInt(rowsToWrite) }),
  };
}

function toProtoPlanChange({ productCode, planCode, kind, stripePriceId, differences }: RowChange): PlanChangeMessage {
  return { productCode, planCode, kind: KINDS[kind], stripePriceId, differences: [...differences] };
}

function toProtoOnboardingChange({
  productCode,
  before,
  planCode,
}: SyncReport['onboarding'][number]): SyncCatalogResponse['onboardingChanges'][number] {
  return { productCode, previousPlanCode: before ?? '', planCode: planCode ?? '' };
}

function toProtoPinnedDifference({
  stored,
  stripe,
  ...named
}: SyncReport['pinned'][number]): SyncCatalogResponse['pinnedDifferences'][number] {
  return { ...named, storedValue: stored, stripeValue: stripe };
}
