// Owns carrying out intents: at once for those who wait, later for those that a crash or a failure left. Does not own what each
// kind asks of Stripe (intent-step.ts), or what it means to the account (`settle`).
// Invariants: an attempt is noted before it is sent; it is sent again only while Stripe remembers its key; a new one is begun only
// after a look at Stripe that found nothing of the last, or found it charged with something left to do; an intent whose result is
// kept is not sent any more; what was charged is never told to be refused.

import { DomainError, messageOf, type Reason } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { computeRetryDelayMs, type RetryBounds } from '../../domain/retry-delay.ts';
import type { Clock, Pacing } from '../ports.ts';
import { WorkPool } from '../work-pool.ts';
import { isStoredFailure, RESEND_MS_MAX } from './attempt.ts';
import type { IntentAdoption } from './intent-adoption.ts';
import { failedBy, type IntentSteps, type SendIntent } from './intent-step.ts';
import type { EndedIntent, IntentObserver, IntentResult, IntentStore, OpenIntent } from './ports.ts';

/** How long nobody else takes an intent that a kernel has taken, in milliseconds. */
export const CLAIM_MS = 180_000;
/** What must be left of a claim when something is sent, in milliseconds: as long as a call to Stripe takes with its retries. */
const SEND_MS_MAX = 90_000;
/** How often Stripe may answer an attempt with a failure that it may have stored, before that is taken to be so. */
const STORED_FAILURES_MAX = 3;
/** How often what is left to do after a charge is tried where Stripe refuses it; by then, a few minutes have passed. */
const COMPLETION_TRIES_MAX = 8;
/** What Stripe says no with: to the request, or to something that a person typed. */
const REFUSALS: ReadonlySet<Reason> = new Set<Reason>(['STRIPE_REFUSED', 'INVALID_FIELD']);
/** How long tries wait, in milliseconds. */
const RETRY_BOUNDS: RetryBounds = { firstMs: 1_000, maxMs: 300_000 };
/** How many intents this kernel carries out at once of those that are due; beyond, they wait in the database. */
const DUE_RUNNING_MAX = 8;
/** How many in all. */
const RUNNING_MAX = 64;
const FAILURE_LENGTH_MAX = 500;
const LOTS = 1_000;

/** One try at an intent. */
interface Effort {
  /** As it was taken. */
  readonly intent: OpenIntent;
  /** How often Stripe has answered the last attempt with a failure that it may have stored. */
  storedFailures: number;
  /** Says that some of it may have been sent, now or by an earlier try. */
  isSent: boolean;
}

/** What the runner works with. */
export interface IntentRunnerParts {
  readonly store: IntentStore;
  readonly steps: Pick<IntentSteps, 'prepare'>;
  readonly adoption: Pick<IntentAdoption, 'adopt' | 'isCharged'>;
  /** Brings the account to what Stripe says now, after an intent came to a result. */
  readonly settle: (intent: OpenIntent, result: IntentResult) => Promise<unknown>;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly pacing: Pick<Pacing, 'random'>;
  readonly observer: IntentObserver;
}

/** Carries out intents. */
export class IntentRunner {
  readonly #parts: IntentRunnerParts;
  readonly #pool = new WorkPool({ dueMax: DUE_RUNNING_MAX, totalMax: RUNNING_MAX });

  constructor(parts: IntentRunnerParts) {
    this.#parts = parts;
  }

  /**
   * Carries out the open intent of a workspace. Answers what it came to; undefined where there is none to take now, there is no
   * room, or it failed and is tried again. Throws DomainError OUTCOME_UNKNOWN, CLOCK_UNCERTAIN where none could be taken.
   */
  runTenant(tenantId: TenantId): Promise<EndedIntent | undefined> {
    return this.#pool.run(() => this.#claimAndRun(tenantId));
  }

  /** Begins what is due, as much as there is room for; answers how many. Throws DomainError OUTCOME_UNKNOWN, CLOCK_UNCERTAIN. */
  takeDue(): Promise<number> {
    return this.#pool.runDue(
      () => this.#claim(),
      (intent) => this.#run(intent),
    );
  }

  /** Reports how long the oldest open intent waits. Throws DomainError DATABASE_UNAVAILABLE. */
  async reportBacklog(): Promise<void> {
    const { store, clock, observer } = this.#parts;
    const oldest = await store.loadOldestOpen();
    observer.backlog(oldest === undefined ? 0 : Math.max(0, clock.estimate() - oldest));
  }

  /** Resolves when what was begun has ended. */
  settle(): Promise<void> {
    return this.#pool.settle();
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  stop(): Promise<void> {
    return this.#pool.stop();
  }

  async #claimAndRun(tenantId: TenantId): Promise<EndedIntent | undefined> {
    const intent = await this.#claim(tenantId);
    return intent === undefined ? undefined : await this.#run(intent);
  }

  #claim(tenantId?: TenantId): Promise<OpenIntent | undefined> {
    const now = this.#parts.clock.now();
    return this.#parts.store.claim(now, now + CLAIM_MS, tenantId);
  }

  /** Never throws. */
  async #run(intent: OpenIntent): Promise<EndedIntent | undefined> {
    const { storedFailures, sentAt } = intent;
    const effort: Effort = { intent, storedFailures, isSent: sentAt !== undefined };
    try {
      return await this.#carryOut(effort);
    } catch (error) {
      this.#parts.observer.failed(intent, error);
      await this.#tryLater(effort, error);
      return undefined;
    }
  }

  async #carryOut(effort: Effort): Promise<EndedIntent | undefined> {
    const { store, adoption, settle, clock, observer } = this.#parts;
    const { intent } = effort;
    const kept = await store.loadEnded(intent.tenantId, intent.key);
    // A crash left it open after its result was kept, and perhaps told.
    if (kept !== undefined) return store.endIntent(intent, kept.result, kept.endedAt);
    const isInDoubt = this.#isInDoubt(intent);
    const adopted = isInDoubt ? await adoption.adopt(intent) : undefined;
    const result = adopted ?? (await this.#perform(effort, isInDoubt));
    if (result === undefined) return undefined;
    await settle(intent, result);
    const ended = await store.endIntent(intent, result, clock.estimate());
    observer.ended(intent, ended.result);
    return ended;
  }

  /** Says whether the last attempt can't be sent again: Stripe may have forgotten it, or would repeat its failure for a day. */
  #isInDoubt({ sentAt, storedFailures }: OpenIntent): boolean {
    if (sentAt === undefined) return false;
    return this.#parts.clock.now() - sentAt >= RESEND_MS_MAX || storedFailures >= STORED_FAILURES_MAX;
  }

  /** Asks Stripe; undefined where somebody else has taken the intent. */
  async #perform(effort: Effort, isNewAttempt: boolean): Promise<IntentResult | undefined> {
    try {
      const send = await this.#parts.steps.prepare(effort.intent);
      const attempt = await this.#noteSent(effort, isNewAttempt);
      return attempt === undefined ? undefined : await this.#send(effort, send, attempt);
    } catch (error) {
      if (!(error instanceof DomainError && REFUSALS.has(error.reason))) throw error;
      return await this.#concludeRefused(effort, error);
    }
  }

  /**
   * Answers what an intent comes to that Stripe refuses: what was sent before may have done it, or a step of what was sent now. Throws
   * the refusal where another try is to do what is left after a charge; in the end that stays as Stripe has it, which the account shows.
   */
  async #concludeRefused(effort: Effort, refusal: DomainError): Promise<IntentResult> {
    const { adoption } = this.#parts;
    const { intent, isSent } = effort;
    if (!isSent) return failedBy(refusal);
    const adopted = await adoption.adopt(intent);
    if (adopted !== undefined) return adopted;
    if (!(await adoption.isCharged(intent))) return failedBy(refusal);
    if (intent.tries >= COMPLETION_TRIES_MAX) return { kind: 'done' };
    // Stripe may have stored the refusal, too: the next try is an attempt of its own.
    effort.storedFailures = STORED_FAILURES_MAX;
    throw refusal;
  }

  /** Notes what is about to be sent; answers the number of the attempt, undefined where somebody else has taken the intent. */
  async #noteSent(effort: Effort, isNewAttempt: boolean): Promise<number | undefined> {
    const { store, clock } = this.#parts;
    const { intent } = effort;
    const now = clock.now();
    if (intent.dueAt - now < SEND_MS_MAX) {
      throw new Error('what the change needs took too long to read at Stripe for it to be sent in this try');
    }
    if (intent.sentAt !== undefined && !isNewAttempt) return intent.attempt;
    const attempt = isNewAttempt ? intent.attempt + 1 : intent.attempt;
    if (!(await store.saveSent(intent, attempt, now))) return undefined;
    effort.storedFailures = 0;
    effort.isSent = true;
    return attempt;
  }

  async #send(effort: Effort, send: SendIntent, attempt: number): Promise<IntentResult> {
    try {
      return await send({ intentId: effort.intent.intentId, attempt });
    } catch (error) {
      if (isStoredFailure(error)) effort.storedFailures += 1;
      throw error;
    }
  }

  async #tryLater({ intent, storedFailures }: Effort, error: unknown): Promise<void> {
    const { store, clock, pacing, observer } = this.#parts;
    const failure = messageOf(error).slice(0, FAILURE_LENGTH_MAX).toWellFormed();
    const delayMs = computeRetryDelayMs(intent.tries, RETRY_BOUNDS, Math.floor(pacing.random() * LOTS));
    try {
      await store.saveRetry({ ...intent, storedFailures }, failure, clock.estimate() + delayMs);
    } catch (cause) {
      // The claim runs out by itself.
      observer.backgroundFailed('noting that a change is tried again', cause);
    }
  }
}
