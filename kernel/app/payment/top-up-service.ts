// Owns the use cases of top-ups: what may be bought, beginning it, and what its buyer is told. Does not own carrying it out
// (top-up-runner.ts), or what Stripe's answers mean (top-up-sync.ts).
// Invariants: a retry of a request is answered as that top-up stands, whatever has changed since; nothing is asked of Stripe before
// the plan says that it is sold.

import { DomainError } from '../../domain/error.ts';
import type { TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { formatQuantity } from '../../domain/quantity.ts';
import { computeTopUpOffer, isTopUpEnded } from '../../domain/top-up.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { ChangeJournal } from '../subscription/change-journal.ts';
import type { OperatorAsker } from '../subscription/use-case.ts';
import { formatTimeToken, parseTimeToken } from '../tenant/time-token.ts';
import { waitForResult } from '../wait-for-result.ts';
import type { TopUp, TopUpFilter, TopUpIdSource, TopUpObserver, TopUpStore } from './ports.ts';
import type { TopUpRunner } from './top-up-runner.ts';
import {
  assertSold,
  draftTopUp,
  type OfferParts,
  readPlan,
  requireDefaultCard,
  type SaleParts,
} from './top-up-sale.ts';
import type { TopUpSync } from './top-up-sync.ts';
import type { PageRequest, TopUpInput, TopUpOfferView, TopUpPage, TopUps, TopUpView } from './use-case.ts';

/** How long Stripe is waited for by who only wants to know how a top-up stands, in milliseconds. */
const LOOK_MS_MAX = 1_500;

/** What the use cases of top-ups work with. */
export interface TopUpServiceParts extends SaleParts {
  readonly store: TopUpStore;
  readonly runner: Pick<TopUpRunner, 'run'>;
  readonly sync: Pick<TopUpSync, 'sync'>;
  readonly journal: ChangeJournal;
  readonly ids: TopUpIdSource;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'monotonicMs' | 'delay'>;
  readonly observer: Pick<TopUpObserver, 'backgroundFailed'>;
}

/** Sells credits. */
export class TopUpService implements TopUps {
  readonly #parts: TopUpServiceParts;

  constructor(parts: TopUpServiceParts) {
    this.#parts = parts;
  }

  readOffer(tenant: TenantRef): Promise<TopUpOfferView | undefined> {
    return readOffer(this.#parts, tenant);
  }

  async create(
    tenant: TenantRef,
    input: TopUpInput,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<{ readonly topUp: TopUpView; readonly replayed: boolean }> {
    const { store, journal } = this.#parts;
    const { minorUnits, currency, microcredits, usesStoredCard } = input;
    const operation = 'create_top_up';
    const key = requestKey(context.callerScope, operation, context.requestId);
    const draft = draftTopUp(this.#parts, tenant, { key, cause: 'person', input });
    const { fingerprint } = draft;
    if ((await store.findByKey(tenant.tenantId, key)) === undefined) await this.#assertSold(tenant, input);
    const price = { price: `${minorUnits} ${currency}`, microcredits: `${microcredits}` };
    const figures = { ...price, use_stored_card: `${usesStoredCard}` };
    await journal.noteChange({ tenant, operation, asker, context, key, fingerprint, figures });
    const kept = await store.insertTopUp(draft);
    if (kept.fingerprint !== fingerprint) throw keyReused(key);
    const topUp = await this.#follow(kept, context, isBegun);
    // Stripe refused to make anything of it.
    if (topUp.failure !== undefined && topUp.status === 'canceled' && topUp.stripeInvoiceId === undefined) {
      throw new DomainError('STRIPE_REFUSED', topUp.failure);
    }
    return { topUp, replayed: kept.topUpId !== draft.topUpId };
  }

  async get(tenant: TenantRef, topUpId: TopUpId): Promise<TopUpView> {
    return this.#look(await loadOwn(this.#parts.store, tenant, topUpId));
  }

  list(tenant: TenantRef, request: PageRequest<TopUpFilter>): Promise<TopUpPage> {
    return listTopUps(this.#parts.store, tenant, request);
  }

  async cancel(
    tenant: TenantRef,
    topUpId: TopUpId,
    asker: PersonAsker | OperatorAsker,
    context: WriteContext,
  ): Promise<TopUpView> {
    const { store, journal, clock } = this.#parts;
    const before = await loadOwn(store, tenant, topUpId);
    if (before.status === 'canceled') return before;
    if (before.status === 'succeeded') throw notCancelable(before);
    const operation = 'cancel_top_up';
    const key = requestKey(context.callerScope, operation, context.requestId);
    const fingerprint = computeFingerprint([operation, topUpId]);
    const figures = { top_up_id: topUpId };
    await journal.noteChange({ tenant, operation, asker, context, key, fingerprint, figures });
    const after = await this.#follow(await store.requestClose(topUpId, clock.now()), context, isOver);
    if (after.status === 'succeeded' || after.status === 'processing') throw notCancelable(after);
    return after;
  }

  /** Throws DomainError where the workspace can't buy this. */
  async #assertSold(tenant: TenantRef, input: TopUpInput): Promise<void> {
    await assertSold(this.#parts, tenant, input);
    if (input.usesStoredCard) await requireDefaultCard(this.#parts, tenant);
  }

  /** Works on a top-up, or waits for who does, until it has come so far or the caller's time is up; answers how it stands then. */
  async #follow(topUp: TopUp, context: WriteContext, isFar: (topUp: TopUp) => boolean): Promise<TopUpView> {
    const { store, runner, pacing, observer } = this.#parts;
    const { topUpId } = topUp;
    const look = async (): Promise<TopUpView | undefined> => {
      try {
        const worked = await runner.run(topUpId);
        if (worked !== undefined && isFar(worked)) return worked;
        const found = await store.loadTopUp(topUpId);
        return found !== undefined && isFar(found) ? await this.#look(found) : undefined;
      } catch (error) {
        observer.backgroundFailed('waiting for a top-up', error);
        return undefined;
      }
    };
    const deadlineAtMs = context.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    return (await waitForResult(pacing, deadlineAtMs, look)) ?? (await store.loadTopUp(topUpId)) ?? topUp;
  }

  /** What is kept is told where Stripe can't be asked, or takes too long. */
  async #look(topUp: TopUp): Promise<TopUpView> {
    const { store, sync, pacing, observer } = this.#parts;
    if (topUp.stripeInvoiceId === undefined || isTopUpEnded(topUp.status)) return topUp;
    const synced = sync.sync(topUp).catch(async (error: unknown) => {
      observer.backgroundFailed('reading a top-up at Stripe', error);
      // Something may have been seen before it failed.
      return (await store.loadTopUp(topUp.topUpId)) ?? topUp;
    });
    return await Promise.race([synced, pacing.delay(LOOK_MS_MAX).then(() => topUp)]);
  }
}

/** Says what a workspace can buy. Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE. */
export async function readOffer(parts: OfferParts, tenant: TenantRef): Promise<TopUpOfferView | undefined> {
  const { plan, currency } = await readPlan(parts, tenant);
  const offer = computeTopUpOffer(plan.policy, currency);
  if (offer === undefined) return undefined;
  const { paygMinorUnitsPerCredit: price } = plan.policy;
  return {
    ...offer,
    currency,
    ...present({ minorUnitsPerCredit: price === null ? undefined : formatQuantity(price) }),
  };
}

/** Lists the top-ups of a workspace. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
export async function listTopUps(
  store: Pick<TopUpStore, 'loadPage'>,
  { tenantId }: TenantRef,
  { filter, pageSize, pageToken }: PageRequest<TopUpFilter>,
): Promise<TopUpPage> {
  const list = ['top_ups', tenantId, filter.status, filter.startAt, filter.endAt];
  const after = pageToken === '' ? undefined : parseTimeToken(pageToken, list);
  const found = await store.loadPage({ tenantId, filter, limit: pageSize + 1, ...present({ after }) });
  const topUps = found.slice(0, pageSize);
  const last = topUps.at(-1);
  const hasMore = found.length > pageSize && last !== undefined;
  const nextPageToken = hasMore ? formatTimeToken({ createdAt: last.createdAt, id: last.topUpId }, list) : '';
  return { topUps, nextPageToken };
}

/** Loads a top-up of a workspace. Throws DomainError TOPUP_NOT_FOUND, DATABASE_UNAVAILABLE. */
export async function loadOwn(
  store: Pick<TopUpStore, 'loadTopUp'>,
  { tenantId }: TenantRef,
  topUpId: TopUpId,
): Promise<TopUp> {
  const topUp = await store.loadTopUp(topUpId);
  if (topUp?.tenantId === tenantId) return topUp;
  throw new DomainError('TOPUP_NOT_FOUND', `the workspace has no top-up ${topUpId}: see ListTopUps`);
}

/** Says whether a buyer can be told what comes next. */
function isBegun({ status, usesStoredCard, isCharged }: TopUp): boolean {
  return isTopUpEnded(status) || (status !== 'pending' && (!usesStoredCard || isCharged));
}

/** Says whether it is known what a cancellation came to: what a bank has not answered yet can't be called back. */
function isOver({ status }: TopUp): boolean {
  return isTopUpEnded(status) || status === 'processing';
}

function notCancelable({ topUpId, status }: TopUp): DomainError {
  const message =
    status === 'processing'
      ? `the payment of ${topUpId} is on its way, and its bank has not answered: look at it again later`
      : `${topUpId} is paid, and its credits are there: an operator can give the money back at Stripe`;
  return new DomainError('TOPUP_NOT_CANCELABLE', message, { metadata: { status } });
}
