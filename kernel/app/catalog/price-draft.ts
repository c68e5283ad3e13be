// Owns whether a price can be set as it was asked for, and from when on. Pure: it decides over what it is given.
// Invariants: what held in the past stays as it was; one target has one row for one time; an action has one unit.

import type { ActionPrice, PriceRow } from '../../domain/action-price.ts';
import { type FieldViolation, invalidField } from '../../domain/error.ts';
import type { Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PriceTarget } from './ports.ts';

/**
 * How far back a price may take effect, in milliseconds: the clocks of callers differ a little, and kernels may charge by
 * the price before for as long anyway.
 */
export const PRICE_TIME_TOLERANCE_MS = 5_000;
/** How far the times of two kernels may lie apart, in milliseconds: each writes with a doubt of at most 2 s. */
const KERNELS_APART_MAX_MS = 4_000;

/** Asks to set a price. */
export interface SetPriceInput {
  readonly productCode: ProductCode;
  readonly action: string;
  /** Makes it the override of a plan; not together with a tenant. */
  readonly planCode?: PlanCode;
  /** Makes it the override of a tenant. */
  readonly tenantId?: TenantId;
  /** Absent: the override ends. */
  readonly price?: Pick<ActionPrice, 'microcreditsPerUnit' | 'unit'>;
  /** Absent: now. */
  readonly effectiveAt?: Instant;
  readonly actor: string;
  readonly reason: string;
}

/** What is stored already. */
export interface KnownPrices {
  /** What was set for the target and holds now or will later, in any order. */
  readonly rows: readonly PriceRow[];
  /** The unit of the action; undefined where it has no price yet. */
  readonly unit: string | undefined;
}

/** A row that can be stored. */
export interface PriceDraft {
  readonly row: PriceRow;
  /** When the next row of the target takes over. */
  readonly supersededAt?: Instant;
}

/** Says what a request to set a price is about. */
export function targetOf({ action, planCode, tenantId }: SetPriceInput): PriceTarget {
  if (tenantId !== undefined) return { action, rule: 'tenant', tenantId };
  return planCode === undefined ? { action, rule: 'default' } : { action, rule: 'plan', planCode };
}

/**
 * Makes the row that a request asks for.
 * Throws DomainError INVALID_FIELD where its time lies in the past or is taken, its unit is not the action's, or there is
 * no override to end.
 */
export function draftPrice(input: SetPriceInput, known: KnownPrices, now: Instant): PriceDraft {
  const effectiveAt = input.effectiveAt ?? computeNow(known.rows, now);
  const violations = [...findTimeViolations(input, known.rows, now), ...findUnitViolations(input, known.unit)];
  const target = targetOf(input);
  const { price } = input;
  let row: PriceRow;
  if (price !== undefined) row = { ...target, ...price, effectiveAt };
  else if (target.rule !== 'default' && hasOverrideAt(known.rows, effectiveAt)) {
    row = { ...target, rule: target.rule, effectiveAt, endsOverride: true };
  } else {
    violations.push({ field: 'ends_override', description: 'there is no override of this action to end at that time' });
    throw invalidField(...violations);
  }
  if (violations.length > 0) throw invalidField(...violations);
  const later = known.rows.map((other) => other.effectiveAt).filter((at) => at > effectiveAt);
  return { row, ...present({ supersededAt: later.length === 0 ? undefined : Math.min(...later) }) };
}

/** Computes what "now" is for a target: after what another kernel, whose clock is a little ahead, has just set. */
function computeNow(rows: readonly PriceRow[], now: Instant): Instant {
  const justSet = rows
    .map(({ effectiveAt }) => effectiveAt)
    .filter((at) => at >= now && at <= now + KERNELS_APART_MAX_MS);
  return justSet.length === 0 ? now : Math.max(...justSet) + 1;
}

function findTimeViolations({ effectiveAt }: SetPriceInput, rows: readonly PriceRow[], now: Instant): FieldViolation[] {
  if (effectiveAt === undefined) return [];
  const field = 'effective_time';
  const shown = new Date(effectiveAt).toISOString();
  if (effectiveAt < now - PRICE_TIME_TOLERANCE_MS) {
    const today = new Date(now).toISOString();
    return [
      { field, description: `${shown} lies in the past, it is ${today}: leave it out for now, or name a later time` },
    ];
  }
  if (!rows.some((row) => row.effectiveAt === effectiveAt)) return [];
  const description = `a price of this action for the same target exists from ${shown} on, and prices are never changed: name another time`;
  return [{ field, description }];
}

function findUnitViolations({ action, price }: SetPriceInput, unit: string | undefined): FieldViolation[] {
  if (price === undefined || unit === undefined || price.unit === unit) return [];
  const wanted = JSON.stringify(unit);
  const description = `${action} is counted in ${wanted}, and quantities can't change their meaning: give ${wanted}, or name a new action`;
  return [{ field: 'unit', description }];
}

function hasOverrideAt(rows: readonly PriceRow[], at: Instant): boolean {
  const begun = rows.filter(({ effectiveAt }) => effectiveAt < at).sort((a, b) => b.effectiveAt - a.effectiveAt);
  const [last] = begun;
  return last !== undefined && last.endsOverride !== true;
}
