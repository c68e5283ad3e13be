// Owns which thresholds a workspace has. Does not own comparing balances with them (balance-projector.ts).
// Invariants: a threshold that stays keeps its side, so that changing others tells nothing twice and loses nothing; one that is
// new begins on the side on which the balance is, and is crossed by what comes after; a retry takes back nothing that was set since.

import { type BalanceThreshold, placeThresholds } from '../../domain/balance-threshold.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey } from '../../domain/id.ts';
import type { PersonAsker } from '../access/ports.ts';
import { isApplied, withApplied } from '../applied-request.ts';
import type { Ledger, TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { BillingJournal } from '../subscription/billing-act.ts';
import type { BalanceAlert } from './balance-alert.ts';
import type { BalanceProjector } from './balance-projector.ts';
import type { BalanceMarkStore } from './ports.ts';

/** How many thresholds a workspace may have. */
export const THRESHOLDS_MAX = 10;
/** How often thresholds are set while others change them, or commits move their mark. */
const ATTEMPTS_MAX = 30;

/** What thresholds are kept with. */
export interface ThresholdServiceParts {
  readonly store: BalanceMarkStore;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly projector: Pick<BalanceProjector, 'catchUp'>;
  readonly alert: Pick<BalanceAlert, 'forget'>;
  readonly journal: BillingJournal;
}

/** Keeps thresholds. */
export class ThresholdService {
  readonly #parts: ThresholdServiceParts;

  constructor(parts: ThresholdServiceParts) {
    this.#parts = parts;
  }

  /** Reads the thresholds of a workspace, the highest first. Throws DomainError QUEUE_FULL, DATABASE_UNAVAILABLE. */
  async list({ tenantId }: TenantRef): Promise<readonly BalanceThreshold[]> {
    return (await this.#parts.projector.catchUp(tenantId))?.thresholds ?? [];
  }

  /**
   * Makes these amounts, of which no two are the same, the thresholds of a workspace; a retry changes nothing, and answers those that
   * there are then. Throws DomainError ACCOUNT_NOT_OPEN, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL where too many change them at once,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async set(
    tenant: TenantRef,
    amounts: readonly bigint[],
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<readonly BalanceThreshold[]> {
    const { journal, alert } = this.#parts;
    const operation = 'set_alert_thresholds';
    const key = requestKey(context.callerScope, operation, context.requestId);
    const sorted = amounts.toSorted((a, b) => (a < b ? 1 : -1));
    const fingerprint = computeFingerprint([operation, ...sorted]);
    const { userId: actor, ...who } = asker;
    const act = { tenantId: tenant.tenantId, method: 'AlertService/SetThresholds' as const, actor, key, fingerprint };
    await journal.noteBilling({ ...act, ...who });
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const placed = await this.#place(tenant, sorted, key);
      if (placed === undefined) continue;
      alert.forget(tenant.tenantId);
      return placed;
    }
    const message = 'too many change the thresholds of this workspace at once: retry shortly, with the same request_id';
    throw new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
  }

  /** Answers undefined where another write came first. */
  async #place(
    tenant: TenantRef,
    amounts: readonly bigint[],
    key: IdempotencyKey,
  ): Promise<readonly BalanceThreshold[] | undefined> {
    const { store, projector, ledger } = this.#parts;
    await projector.catchUp(tenant.tenantId);
    const mark = await store.loadMark(tenant.tenantId);
    if (mark !== undefined && isApplied(mark.applied, key)) return mark.thresholds;
    const isBeginning = mark === undefined || mark.thresholds.length === 0;
    const seq = isBeginning ? (await ledger.readAccount(tenant)).seq : mark.seq;
    const [point] = await store.loadBalancePoints(tenant.tenantId, seq, seq);
    if (point === undefined) throw new Error(`commit ${seq} of ${tenant.tenantId} can't be read`);
    const known = new Map(mark?.thresholds.map((threshold) => [threshold.microcredits, threshold]));
    const placed = placeThresholds(amounts, point.available);
    const thresholds = placed.map((threshold) => known.get(threshold.microcredits) ?? threshold);
    const after = { seq, thresholds, applied: withApplied(mark?.applied, key) };
    const isStored =
      mark === undefined ? await store.insertMark({ ...tenant, ...after }) : await store.replaceMark(mark, after);
    return isStored ? thresholds : undefined;
  }
}
