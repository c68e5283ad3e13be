// Owns asking for a change that needs Stripe, and waiting for what it comes to. Does not own carrying it out (intent-runner.ts).
// Invariant: a change that was taken happens once, whoever waits for it and for how long; what is answered is true when it is.

import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey, TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock, Pacing } from '../ports.ts';
import { waitForResult } from '../wait-for-result.ts';
import type { IntentRunner } from './intent-runner.ts';
import type {
  EndedIntent,
  IntentIdSource,
  IntentObserver,
  IntentRequest,
  IntentResult,
  IntentStore,
  OpenIntent,
} from './ports.ts';

const BUSY_RETRY_DELAY_MS = 2_000;

/** What a change has come to by the time of the answer. */
export interface IntentAnswer {
  /** `pending`: it is being carried out, and will be, also if nobody asks again. */
  readonly result: IntentResult | { readonly kind: 'pending' };
  /** Says that an earlier request with the same key had asked for it. */
  readonly replayed: boolean;
}

/** A request for a change. */
export interface IntentInput {
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  readonly request: IntentRequest;
  /** When the caller's deadline passes, on the monotonic clock. */
  readonly deadlineAtMs: number;
}

/** What the desk works with. */
export interface IntentDeskParts {
  readonly store: Pick<IntentStore, 'openIntent' | 'loadEnded' | 'endIntent'>;
  readonly runner: Pick<IntentRunner, 'runTenant'>;
  readonly ids: IntentIdSource;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'monotonicMs' | 'delay'>;
  readonly observer: Pick<IntentObserver, 'backgroundFailed'>;
}

/** Takes requests for changes. */
export class IntentDesk {
  readonly #parts: IntentDeskParts;

  constructor(parts: IntentDeskParts) {
    this.#parts = parts;
  }

  /**
   * Asks for a change, once for each key, and waits for its result. Throws DomainError SUBSCRIPTION_BUSY where another one of the
   * workspace is under way, IDEMPOTENCY_KEY_REUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. Once the change is
   * taken, nothing is thrown.
   */
  async submit({ tenantId, productCode }: TenantRef, input: IntentInput): Promise<IntentAnswer> {
    const { store, ids, clock } = this.#parts;
    const { key, fingerprint, request } = input;
    const intentId = ids.intentId();
    const now = clock.now();
    const found = await store.openIntent({
      ...{ intentId, tenantId, productCode, key, fingerprint, request },
      ...{ attempt: 1, storedFailures: 0, tries: 0, createdAt: now, dueAt: now },
    });
    const there = 'open' in found ? found.open : found.ended;
    if (there.key !== key) throw subscriptionBusy();
    if (there.fingerprint !== fingerprint) throw keyReused(key);
    const replayed = there.intentId !== intentId;
    if ('ended' in found) return { result: found.ended.result, replayed };
    const ended = await this.#waitFor(tenantId, input);
    return { result: ended?.result ?? { kind: 'pending' }, replayed };
  }

  /**
   * Asks for a change that the kernel itself wants, once for ever, without waiting for it; answers whether it is there, begun now or
   * before: where another one of the workspace is under way it is not. Throws DomainError OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE,
   * CLOCK_UNCERTAIN.
   */
  async begin(tenant: TenantRef, key: IdempotencyKey, request: IntentRequest): Promise<boolean> {
    const found = await this.#parts.store.openIntent(this.#draft(tenant, key, request));
    return ('open' in found ? found.open : found.ended).key === key;
  }

  /** Keeps what a change of the kernel's own comes to that is not to be asked for; what was kept before stays. Throws as {@link begin}. */
  async settle(tenant: TenantRef, key: IdempotencyKey, request: IntentRequest, result: IntentResult): Promise<void> {
    await this.#parts.store.endIntent(this.#draft(tenant, key, request), result, this.#parts.clock.now());
  }

  #draft({ tenantId, productCode }: TenantRef, key: IdempotencyKey, request: IntentRequest): OpenIntent {
    const { ids, clock } = this.#parts;
    const now = clock.now();
    return {
      ...{ intentId: ids.intentId(), tenantId, productCode, key, fingerprint: computeFingerprint([key]), request },
      ...{ attempt: 1, storedFailures: 0, tries: 0, createdAt: now, dueAt: now },
    };
  }

  /** Carries it out, or waits for who does; undefined where the time is up before. */
  #waitFor(tenantId: TenantId, { key, deadlineAtMs }: IntentInput): Promise<EndedIntent | undefined> {
    return waitForResult(this.#parts.pacing, deadlineAtMs, () => this.#look(tenantId, key));
  }

  /** Takes the change where nobody has it; answers it where it has ended. Never throws. */
  async #look(tenantId: TenantId, key: IdempotencyKey): Promise<EndedIntent | undefined> {
    const { store, runner, observer } = this.#parts;
    try {
      const ended = await runner.runTenant(tenantId);
      // It may have been another one, that came after.
      return ended?.key === key ? ended : await store.loadEnded(tenantId, key);
    } catch (error) {
      observer.backgroundFailed('waiting for a change at Stripe', error);
      return undefined;
    }
  }
}

/** Says that a workspace does one thing at a time. */
export function subscriptionBusy(): DomainError {
  const message =
    `another change of the subscription of this workspace is under way: retry in ${BUSY_RETRY_DELAY_MS / 1_000} s, ` +
    'or wait until it shows';
  return new DomainError('SUBSCRIPTION_BUSY', message, { retryDelayMs: BUSY_RETRY_DELAY_MS });
}
