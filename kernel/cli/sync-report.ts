// Owns how a sync looks: a bar while it runs, then tables of what changed, what is wrong at Stripe and what operators have
// set, and the last line. Does not own what is found.
// Invariant: what was found goes to standard output and progress to standard error, so that either can be kept by itself.

import type { Writable } from 'node:stream';
import {
  type BadRow,
  BadRowReason,
  type OnboardingChange,
  type PinnedDifference,
  type PlanChange,
  PlanChangeKind,
  type SyncCatalogResponse,
  type SyncSummary,
} from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { ProgressLine } from './progress-line.ts';
import { enumNameOf, toPrintable } from './table.ts';

/** Where a report goes. */
export interface SyncReportTarget {
  readonly out: Writable;
  readonly error: Writable & { readonly isTTY?: boolean };
}

/** How a sync is shown. */
export interface SyncReportForm {
  readonly isDryRun: boolean;
  /** Says that standard output gets lines of JSON. */
  readonly isJson: boolean;
}

type Row = readonly string[];

/** Reading is taken for this share of the work: how many Prices there are is known only at the end. */
const READING_SHARE = 0.5;

/** Shows a sync. */
export class SyncReport {
  readonly #target: SyncReportTarget;
  readonly #form: SyncReportForm;
  readonly #line: ProgressLine;
  readonly #changes: PlanChange[] = [];
  readonly #onboarding: OnboardingChange[] = [];
  readonly #badRows: BadRow[] = [];
  readonly #pinned: PinnedDifference[] = [];
  #summary: SyncSummary | undefined;
  #isReplay = false;

  constructor(target: SyncReportTarget, form: SyncReportForm) {
    this.#target = target;
    this.#form = form;
    this.#line = new ProgressLine(target.error);
  }

  /** Takes what the kernel tells. */
  take(message: SyncCatalogResponse): void {
    this.#changes.push(...message.changes);
    this.#onboarding.push(...message.onboardingChanges);
    this.#badRows.push(...message.badRows);
    this.#pinned.push(...message.pinnedDifferences);
    this.#summary = message.summary ?? this.#summary;
    this.#isReplay ||= message.replayed;
    const { pricesRead, plansWritten, plansToWrite } = message;
    if (plansToWrite === undefined) {
      this.#line.show(
        pricesRead === 0n ? 0 : READING_SHARE / 2,
        `${pricesRead} prices read`,
        `Read ${pricesRead} prices.`,
      );
    } else {
      const share = plansToWrite === 0n ? 1 : Number(plansWritten) / Number(plansToWrite);
      const figures = `${pricesRead} prices read, ${plansWritten}/${plansToWrite} plans written`;
      const plain = `Wrote ${plansWritten} of ${plansToWrite} plans.`;
      this.#line.show(READING_SHARE + share * (1 - READING_SHARE), figures, plain);
    }
  }

  /** Takes the bar away, for an error that follows. */
  abandon(): void {
    this.#line.clear();
  }

  /** Prints what was found; answers how many problems there are at Stripe. */
  finish(): number {
    this.#line.clear();
    if (this.#form.isJson) this.#printJson();
    else this.#printTables();
    return Number(this.#summary?.badRows ?? this.#badRows.length);
  }

  #printTables(): void {
    this.#print(
      ['PLAN', 'CHANGE', 'PRICE', 'FIELDS'],
      [...this.#changes.map(toChangeRow), ...this.#onboarding.map(toOnboardingRow)],
    );
    this.#print(['LEFT AT STRIPE', 'WHY', 'WHAT'], this.#badRows.map(toBadRow));
    this.#print(['SET BY AN OPERATOR', 'FIELD', 'STAYS', 'AT STRIPE'], this.#pinned.map(toPinnedRow));
    this.#target.out.write(`${this.#isReplay ? this.#describeReplay() : this.#describe()}\n`);
  }

  #printJson(): void {
    const { out } = this.#target;
    for (const change of this.#changes) out.write(`${JSON.stringify({ change: toChangeFields(change) })}\n`);
    for (const change of this.#onboarding) {
      const { productCode: product_code, previousPlanCode: before, planCode: after } = change;
      out.write(`${JSON.stringify({ onboarding_change: { product_code, before, after } })}\n`);
    }
    for (const { stripeId: stripe_id, reason, message } of this.#badRows) {
      const fields = { stripe_id, reason: enumNameOf(BadRowReason, reason), message };
      out.write(`${JSON.stringify({ bad_row: fields })}\n`);
    }
    for (const { productCode: product_code, planCode: plan_code, field, storedValue, stripeValue } of this.#pinned) {
      const fields = { product_code, plan_code, field, stays: storedValue, at_stripe: stripeValue };
      out.write(`${JSON.stringify({ pinned: fields })}\n`);
    }
    out.write(`${JSON.stringify({ summary: this.#toSummaryFields() })}\n`);
  }

  #toSummaryFields() {
    const { pricesRead = 0n, unchangedPlans = 0n, changedPlans = 0n } = this.#summary ?? {};
    const { ignoredPrices = 0n, badRows = 0n } = this.#summary ?? {};
    return {
      prices_read: Number(pricesRead),
      changed_plans: Number(changedPlans),
      unchanged_plans: Number(unchangedPlans),
      ignored_prices: Number(ignoredPrices),
      bad_rows: Number(badRows),
      dry_run: this.#form.isDryRun,
      replayed: this.#isReplay,
    };
  }

  #describeReplay(): string {
    const { changedPlans = 0n, badRows = 0n } = this.#summary ?? {};
    const came = `${count(changedPlans, 'row')} changed, ${count(badRows, 'problem')} at Stripe`;
    return `An earlier call with this request id synced (${came}): nothing was done now. Sync again without it.`;
  }

  #describe(): string {
    const { pricesRead = 0n, unchangedPlans = 0n, ignoredPrices = 0n } = this.#summary ?? {};
    const changes = this.#changes.length + this.#onboarding.length;
    const did = this.#form.isDryRun ? 'would change' : 'changed';
    const what = changes === 0 ? 'Nothing to change' : `${count(changes, 'row')} ${did}`;
    const left = this.#badRows.length === 0 ? '' : `, ${count(this.#badRows.length, 'problem')} at Stripe, see above`;
    const ignored = ignoredPrices === 0n ? '' : `, ${ignoredPrices} archived prices passed over`;
    return `${what}: read ${count(pricesRead, 'price')}, ${unchangedPlans} plans as Stripe has them${ignored}${left}.`;
  }

  /** Prints a table; one without rows is left out. */
  #print(header: Row, rows: readonly Row[]): void {
    if (rows.length === 0) return;
    const table = [header, ...rows.map((row) => row.map(toPrintable))];
    const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
    for (const row of table) {
      const cells = row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)));
      this.#target.out.write(`${cells.join('  ')}\n`);
    }
    this.#target.out.write('\n');
  }
}

function toChangeFields({ productCode, planCode, kind, stripePriceId, differences }: PlanChange) {
  return {
    product_code: productCode,
    plan_code: planCode,
    kind: enumNameOf(PlanChangeKind, kind),
    stripe_price_id: stripePriceId,
    differences: differences.map(({ field, before, after }) => ({ field, before, after })),
  };
}

function toChangeRow({ productCode, planCode, kind, stripePriceId, differences }: PlanChange): Row {
  const fields = differences.map(({ field, before, after }) =>
    before === '' ? `${field} ${after}` : `${field} ${before} → ${after}`,
  );
  return [`${productCode}/${planCode}`, nameOf(PlanChangeKind, kind), stripePriceId, fields.join(', ')];
}

function toOnboardingRow({ productCode, previousPlanCode, planCode }: OnboardingChange): Row {
  const fields = `onboarding_default ${previousPlanCode || 'none'} → ${planCode || 'none'}`;
  return [productCode, 'updated', '', fields];
}

function toBadRow({ stripeId, reason, message }: BadRow): Row {
  return [stripeId, nameOf(BadRowReason, reason), message];
}

function toPinnedRow({ productCode, planCode, field, storedValue, stripeValue }: PinnedDifference): Row {
  return [`${productCode}/${planCode}`, field, storedValue, stripeValue];
}

/** An enum's name as people read it. */
function nameOf(names: Readonly<Record<string, number>>, number: number): string {
  return enumNameOf(names, number).replaceAll('_', ' ');
}

function count(number: number | bigint, noun: string): string {
  return `${number} ${noun}${Number(number) === 1 ? '' : 's'}`;
}
